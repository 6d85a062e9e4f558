"""One event or group of events in the cohort: rates, backgrounds, and reports beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from dashboards.board import rates, worked
from dashboards.board.beside import Beside, figure, shown
from dashboards.board.cohort import LOOKS, compared, look, signalled, through
from dashboards.board.cohort_looks import OverTime, Run, over_time, runs
from dashboards.board.computed import Statistic, explained
from dashboards.board.courses import members
from dashboards.board.forest import Forest, Line, forest
from dashboards.board.rates import Counted, Limits
from dashboards.board.reported import Reports
from dashboards.board.worked import Worked
from dashboards.language import _, mark
from detectors.coding import base
from detectors.cohort_strata import AXES, EVERY
from detectors.followup.agreement import Side, side
from detectors.followup.background import Rate
from detectors.followup.counted import ASSESSED_BY, backgrounds
from detectors.followup.rates import rate
from schemas.vocabulary import Vocabulary
from streams.store import tables
from streams.store.workflow import NOW

KINDS = {
    "before": mark("before the first dose"),
    "treated": mark("on treatment"),
    "gap": mark("in a gap"),
    "stopped": mark("after stopping"),
}
_AXES = {"dose": mark("dose"), "sessions": mark("sessions so far")}


@dataclass(frozen=True, slots=True)
class Against:
    """A product beside one background rate."""

    product: str
    rate: Rate
    own: Limits
    expected: float
    ratio: Limits

    @property
    def side(self) -> Side:
        """Where the ratio lies about 1."""
        return side(self.ratio.lower, self.ratio.upper, 1)


@dataclass(frozen=True, slots=True)
class Part:
    """One product: as a whole, its strata, how its numbers came about.

    `all_of_it`: the strata that are the whole, and so stand in no row of their own.
    """

    beside: Beside
    look: str
    strata: tuple[tuple[str, Counted], ...]
    all_of_it: tuple[str, ...]
    picture: Forest | None
    worked: tuple[Worked, ...]
    statistics: tuple[Statistic, ...]

    @property
    def whole(self) -> Counted:
        """The product as a whole."""
        return self.beside.counted


@dataclass(frozen=True, slots=True)
class Page:
    """All that is known of the event."""

    event: str
    members: tuple[str, ...]
    found_by: tuple[str, ...]
    parts: tuple[Part, ...]
    together: Forest | None
    compared: tuple[Against, ...]
    by_session: tuple[tuple[Rate, Limits], ...]
    refused: tuple[tuple[Rate, Limits, str], ...]
    evidence: Sequence[OverTime]
    runs: Sequence[Run]
    signals: Sequence[Any]
    through: str
    position: int
    newer: int | None

    @property
    def sessions(self) -> bool:
        """Whether the event is counted by session."""
        return any(part.whole.sessions for part in self.parts)


def one(connection: Connection, event: str, vocabulary: Vocabulary) -> Page | None:
    """The page of an event; None where the cohort does not count it."""
    rows = rates.read(connection, event)
    every = rates.every(rows).get(event)
    whole = sorted(
        (row for row in rows if not row.axis and row.product != EVERY), key=lambda row: row.product
    )
    if not whole:
        return None
    reports = Reports(connection, [row.product for row in whole], [event])
    open_signals = signalled(connection)
    known, terms = backgrounds(), members(event, vocabulary)
    found = [compared(row, every, reports, vocabulary) for row in whole]
    ours = [(look(one, open_signals), one) for one in found]
    ours.sort(key=lambda pair: list(LOOKS).index(pair[0]))
    against = tuple(
        Against(
            row.product,
            rate,
            own_limits(rate),
            row.years * rate.value,
            rates.ratio(row.n, row.years, *rate.counted),
        )
        for row in whole
        for rate in known.of(event)
        if rate.unit == "patient-years"
    )
    parts = tuple(
        _part(one, why, rows, [a for a in against if a.product == one.counted.product])
        for why, one in ours
    )
    listed = tables.rates
    newest = connection.scalar(select(func.max(listed.c.position)).where(listed.c.event == event))
    position = max(row.position for row in whole)
    return Page(
        event,
        terms,
        tuple(sorted({kind for term in (event, *terms) for kind in ASSESSED_BY.get(term, ())})),
        parts,
        _together([one for _, one in ours]),
        against,
        tuple((r, own_limits(r)) for r in known.of(event) if r.unit == "sessions"),
        tuple((r, own_limits(r), why) for r, why in known.refused(event)),
        over_time(connection, event),
        runs(connection, event),
        _signals(connection, event, {row.product for row in whole}),
        through(max(row.lock_day for row in whole)),
        position,
        newest if newest is not None and newest > position else None,
    )


def own_limits(held: Rate) -> Limits:
    """A background rate with its own limits, per 100 patient-years or sessions.

    >>> [round(x, 4) for x in own_limits(backgrounds().named("death_sustain_3", "Death"))]
    [0.2383, 0.109, 0.4523]
    """
    if held.rate is not None:
        lower, upper = held.lower, held.upper
        return Limits(*(None if x is None else x * 100 for x in (held.rate, lower, upper)))
    n, time = held.counted
    return rates.limits(rate([n], [time]), 100)[0]


def name_of(axis: str, stratum: str) -> str:
    """What a stratum is called.

    >>> name_of("kind", "gap"), name_of("sessions", "1-8"), name_of("route", ""), name_of("", "")
    ('in a gap', 'sessions so far 1-8', 'route not known', 'in all')
    """
    if not axis:
        return _("in all")
    if axis == "kind":
        return _(KINDS[stratum])
    if not stratum:
        return _("{axis} not known", axis=_(_AXES.get(axis, axis)))
    return f"{_(_AXES.get(axis, axis))} {_(stratum)}"


def _part(one: Beside, why: str, rows: Sequence[Counted], against: Sequence[Against]) -> Part:
    whole = one.counted
    order = ["", *AXES]
    mine = sorted(
        (row for row in rows if row.product == whole.product),
        key=lambda row: (order.index(row.axis), _stratum_order(row)),
    )
    same = [row for row in mine if row.axis and _counts(row) == _counts(whole)]
    named = tuple((name_of(row.axis, row.stratum), row) for row in mine if row not in same)
    band = own_limits(one.against) if one.against else None
    lines = [Line(name, "s0", row.rate, rate_text(row), not row.axis) for name, row in named]
    return Part(
        one,
        why,
        named,
        tuple(name_of(row.axis, row.stratum) for row in same if row.stratum),
        forest(lines, 10, band=band),
        _worked(one, against),
        tuple(_steps(one)),
    )


def _stratum_order(row: Counted) -> tuple[Any, ...]:
    if row.axis == "kind":
        return (list(KINDS).index(row.stratum),)
    # bands of numbers by their first number, the rest by name, what is not known last
    digits = "".join(c if c.isdigit() else " " for c in row.stratum).split()
    first = int(digits[0]) if digits and row.axis in _AXES else 0
    return (row.stratum == "", first, row.stratum.startswith(tuple("0123456789")), row.stratum)


def _counts(row: Counted) -> tuple[int, ...]:
    return row.n, row.days, row.sessions, row.sessions_with


def _worked(one: Beside, against: Sequence[Against]) -> tuple[Worked, ...]:
    row = one.counted
    out = [worked.rate(row)]
    if one.by_session:
        out.append(worked.share(row))
    if one.against is None:
        title = _("Ratio to {reference}", reference=one.reference)
        reference = one.n_reference, one.time_reference
        out.append(worked.ratio(title, (row.n, one.time), reference, one.ratio))
    out += [
        worked.ratio(
            _("Ratio to {name}", name=_(a.rate.name.replace("_", " "))),
            (row.n, row.years),
            a.rate.counted,
            a.ratio,
        )
        for a in against
    ]
    return tuple(out)


def _steps(one: Beside) -> list[Statistic]:
    score = one.spontaneous.score
    if score is None:
        return []
    return [s for s in explained(score) if s.name in {"expected", "prr", "ic"}]


def _together(ours: Sequence[Beside]) -> Forest | None:
    """Ratio and IC on one scale: an IC of 1 is twice as many as expected."""
    lines = []
    for one in ours:
        product = one.counted.product
        text = shown(one.ratio) if one.ratio.lower is not None else _("cannot be compared")
        lines.append(Line(_("{product}: cohort", product=product), "s0", one.ratio, text, True))
        for name, called, series in (
            ("spontaneous", _("spontaneous reports"), "s1"),
            ("solicited", _("solicited reports"), "s2"),
        ):
            held = getattr(one, name)
            if held.ic.lower is None:
                if name == "spontaneous":
                    lines.append(Line(called, series, held.ic, _("none")))
                continue
            times = Limits(*(None if x is None else 2**x for x in held.ic))
            lines.append(Line(called, series, times, f"IC {shown(held.ic)}"))
    return forest(lines, 2, mark=1)


def rate_text(row: Counted) -> str:
    """First events over patient-years, and the rate per 100; no data told apart from no event."""
    if not row.days:
        return _("no data")
    value, lower, upper = (figure(x) for x in row.rate)
    limits = _("{lower} to {upper}", lower=lower, upper=upper)
    return f"{row.n} / {figure(row.years)}: {value} ({limits})"


def _signals(connection: Connection, event: str, products: set[str]) -> Sequence[Any]:
    rows = connection.execute(select(NOW).where(NOW.c.event == event).order_by(NOW.c.id))
    return [row for row in rows if base(row.product) in products]
