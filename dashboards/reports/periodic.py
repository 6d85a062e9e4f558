"""A periodic report: the signals of an interval, and what came in of every watched pair.

After sections 15 and 16 of the PBRER (ICH E2C(R2)): new, ongoing and closed signals; and after the
electronic reaction monitoring report of EudraVigilance: new and cumulative cases with the ROR.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from sqlalchemy import Connection, select

from dashboards.analysis.figures import value
from dashboards.analysis.fold import Fold, fold
from dashboards.reports import moment, trail
from dashboards.reports.content import sealed
from dashboards.reports.moment import AsOf, utc
from dashboards.reports.origin import origin
from dashboards.reports.periodic_model import Periodic, Reaction, Tracked
from dashboards.reports.setting import Setting
from detectors.casebook import Casebook
from detectors.coding import GROUP, base
from detectors.disproportionality import ror
from detectors.disproportionality.table import score
from detectors.subgroups import AGE_EDGES
from schemas.errors import InputError
from streams.store import tables

SCHEMA = 1
DATASET = "spontaneous"
LEAST = 3  # cases from which a disproportion is counted as one of reporting
_EMPTY = Fold((), Casebook(), 0, 0)


@dataclass(slots=True)
class _Counts:
    """Cases of a pair by what they are; each a set of their numbers."""

    every: set[int] = field(default_factory=set)
    fatal: set[int] = field(default_factory=set)
    serious: set[int] = field(default_factory=set)
    children: set[int] = field(default_factory=set)
    old: set[int] = field(default_factory=set)


def periodic(
    connection: Connection, first: date, last: date, setting: Setting, *, today: date
) -> Periodic:
    """The report of an interval, both days included.

    Errors: `InputError` ("bad_interval", "day_not_over", "nothing_then").
    """
    if first > last:
        raise InputError("bad_interval", f"{first} is after {last}")
    if last >= today:
        raise InputError("day_not_over", f"{last} is not over (UTC), so that more may come")
    end = moment.at_end_of(connection, last)
    return _periodic(connection, (first, last), _before(connection, first), end, setting)


def _before(connection: Connection, first: date) -> int | None:
    try:
        return moment.last_position(connection, first - timedelta(days=1))
    except InputError:
        return None


def _periodic(
    connection: Connection,
    days: tuple[date, date],
    start: int | None,
    end: AsOf,
    setting: Setting,
) -> Periodic:
    watches = setting.configuration.watchlist.watches
    now = fold(connection, end.position, watches)
    before = _EMPTY if start is None else fold(connection, start, watches)
    first, last = (day.isoformat() for day in days)
    return sealed(
        Periodic(
            schema=SCHEMA,
            id=f"period-{first}-to-{last}",
            title=f"Periodic signal report, {first} to {last}",
            origin=origin(end, setting),
            first_day=first,
            last_day=last,
            start_position=start,
            cases=_active(now),
            cases_before=_active(before),
            erased=sum(case.erased for case in now.cases),
            products=tuple(sorted(setting.configuration.watchlist.products)),
            signals=tuple(_signals(connection, days, (start, end), (before, now))),
            reactions=tuple(_reactions(before, now, setting)),
            limitations=_LIMITATIONS,
            sha256="",
        )
    )


_LIMITATIONS = (
    "Days are those on which this system counted a change, not those of the data.",
    "A case is new for a pair if it did not stand in it when the interval began, whether it was "
    "received in the interval or a later version brought the product or the event.",
    "Spontaneous reports only; solicited reports and the cohort have signals of their own, and are "
    "not in the table of reactions.",
    "The rule of the table (lower 95 % limit of the ROR above 1 with 3 cases) is one in public "
    "use; the exact thresholds of the EMA depend on its lists.",
    "Reports do not prove that a product caused an event, and no incidence can be computed from "
    "them.",
)


def _active(found: Fold) -> int:
    return sum(case.change.status == "active" for case in found.cases)


def _signals(
    connection: Connection,
    days: tuple[date, date],
    moments: tuple[int | None, AsOf],
    folds: tuple[Fold, Fold],
) -> Iterable[Tracked]:
    table, rules = tables.signals, tables.signal_rules
    start, end = moments
    before, now = folds
    rows = connection.execute(
        select(table).where(table.c.raised_position <= end.position).order_by(table.c.id)
    ).all()
    reasons: dict[int, list[str]] = {}
    for row in connection.execute(
        select(rules.c.signal_id, rules.c.rule)
        .where(rules.c.first_position <= end.position)
        .order_by(rules.c.first_position, rules.c.rule)
    ):
        reasons.setdefault(row.signal_id, []).append(row.rule)
    for row in rows:
        moved = trail.moves(connection, row.id, end.trail)
        state, closed = trail.state(moved), trail.closed(moved)
        if closed and closed[:10] < days[0].isoformat():
            continue
        is_new = start is None or row.raised_position > start
        dataset = row.dataset if row.dataset != "cohort" else DATASET
        ids = set(now.book.cases_of(dataset, row.product, row.event))
        had = set(before.book.cases_of(dataset, row.product, row.event))
        held = now.book.table_of(dataset, [(row.product, row.event)])
        columns = score(held, (ror.METHOD,))
        yield Tracked(
            number=row.id,
            status="closed" if closed else "new" if is_new else "ongoing",
            kind=row.kind,
            dataset=row.dataset,
            product=row.product,
            event=row.event,
            priority=row.priority,
            state=state,
            detected=utc(row.raised_at),
            closed=closed,
            reasons=tuple(reasons.get(row.id, ())),
            n=len(ids),
            n_new=len(ids - had),
            **{name: value(columns[name][0]) for name in ("ror", "ror_lower", "ror_upper")},
            action=trail.action(moved),
        )


def _reactions(before: Fold, now: Fold, setting: Setting) -> Iterable[Reaction]:
    watched = setting.configuration.watchlist.products
    after, had = _counted(now, watched), _counted(before, watched)
    table = now.book.table(DATASET, products=watched)
    columns = score(table, (ror.METHOD,))
    earlier = _disproportionate(before, watched)
    for i in range(len(table)):
        product, event = str(table.product[i]), str(table.event[i])
        if base(product) != product or event.startswith(GROUP) or product not in watched:
            continue
        own, old = after[product, event], had.get((product, event), _Counts())
        numbers = {}
        for name in ("fatal", "serious", "children", "old"):
            numbers[name] = len(getattr(own, name))
            numbers[f"{name}_new"] = len(getattr(own, name) & (own.every - old.every))
        lower = columns["ror_lower"][i]
        yield Reaction(
            product=product,
            event=event,
            designated=event in setting.configuration.designated,
            listed=any(event in label.terms for label in setting.configuration.listed.of(product)),
            n=int(table.n[i]),
            n_new=len(own.every - old.every),
            n_product=int(table.n_product[i]),
            n_event=int(table.n_event[i]),
            n_total=int(table.n_total[i]),
            **{name: value(columns[name][i]) for name in ("ror", "ror_lower", "ror_upper")},
            disproportionate=bool(lower > 1 and table.n[i] >= LEAST),
            before=(product, event) in earlier,
            **numbers,
        )


def _disproportionate(found: Fold, watched: Iterable[str]) -> set[tuple[str, str]]:
    table = found.book.table(DATASET, products=watched)
    lower = score(table, (ror.METHOD,))["ror_lower"]
    held = np.flatnonzero((lower > 1) & (table.n >= LEAST))
    return {(str(table.product[i]), str(table.event[i])) for i in held}


def _counted(found: Fold, watched: Iterable[str]) -> dict[tuple[str, str], _Counts]:
    wanted, out = set(watched), dict[tuple[str, str], _Counts]()
    for case in found.cases:
        number, change = case.change.case_id, case.change
        content = found.book.content(number)
        if content is None or content.dataset != DATASET:
            continue
        own = [name for name, _ in content.products if name in wanted]
        if not own:
            continue
        years = (case.body().get("patient") or {}).get("age_years")
        marks = ["every"]
        marks += ["fatal"] if change.fatal else []
        marks += ["serious"] if change.serious else []
        if years is not None:
            marks += ["children"] if years < AGE_EDGES[0] else []
            marks += ["old"] if years >= AGE_EDGES[1] else []
        for name in own:
            for event, _ in content.events:
                counts = out.setdefault((name, event), _Counts())
                for mark in marks:
                    getattr(counts, mark).add(number)
    return out
