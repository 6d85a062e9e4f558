"""One signal report, put together from the store as it stood at a position."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, select

from dashboards.analysis import series
from dashboards.analysis.figures import Line
from dashboards.analysis.fold import Body, Case, Fold, fold, received
from dashboards.analysis.population import Population, Traits
from dashboards.analysis.survey import OTHERS, PAIR, PRODUCT, Survey
from dashboards.reports import cohort, methods, pairs, sequential, trail
from dashboards.reports.content import sealed
from dashboards.reports.model import Entry, Label, Other, Quality, Report, Subject
from dashboards.reports.moment import AsOf, utc
from dashboards.reports.origin import origin
from dashboards.reports.setting import Setting
from detectors.coding import base
from schemas.envelope import LINKED
from schemas.errors import InputError
from streams.store import tables

SCHEMA = 1
UNLISTED = "-without-cases"  # ends the id of a report that lists none


def signal_report(
    connection: Connection, number: int, as_of: AsOf, setting: Setting, *, listing: bool = True
) -> Report:
    """The report of a signal at a moment; a function of the store up to there, and of `setting`.

    `listing`: with the cases one by one; without, every count is the same and the id says so.

    Errors: `InputError` ("no_such_signal") where it had not been raised by then.
    """
    row = _signal(connection, number, as_of)
    of = (row["dataset"], row["product"], row["event"])
    product, event = of[1:]
    dataset = row["dataset"] if row["dataset"] in pairs.DATASETS else pairs.DATASETS[0]
    found = fold(connection, as_of.position, setting.configuration.watchlist.watches)
    own = {case.change.case_id for case in found.of_pair(dataset, product, event)}
    names, terms = setting.configuration.vocabulary, setting.terms(event)
    survey, listed, traits = Survey(product), list[tuple[Case, Body]](), list[Traits]()
    for case in found.cases:
        body = case.body()
        traits.append(Traits.of(case.change, body))
        survey.add(case, body, _column(found, case, own, (dataset, product)))
        if case.change.case_id in own:
            listed.append((case, body))
    listed.sort(key=lambda one: (one[1].get("received_at", ""), one[0].sender, one[0].report_id))
    lines = tuple(series.line(case, body, product, terms, names) for case, body in listed)
    fits = pairs.fits_by(connection, as_of)
    order = sorted(pairs.DATASETS, key=lambda name: name != dataset)
    compared = tuple(pairs.pair(found, (name, product, event), fits) for name in order)
    population = Population(found.book, traits, dataset, names)
    evidence = sequential.sequences(connection, as_of, found, of)
    quality = _quality(connection, found, listed, lines, (dataset, product, event))
    moved = trail.moves(connection, number, as_of.trail)
    hashes = (setting.digest, as_of.configuration)
    report = Report(
        schema=SCHEMA,
        id=f"signal-{number}-at-{as_of.name}{'' if listing else UNLISTED}",
        title=f"Signal report: {product} with {event}",
        origin=origin(as_of, setting),
        subject=Subject(
            number=number,
            kind=row["kind"],
            dataset=row["dataset"],
            product=product,
            event=event,
            terms=terms,
            priority=row["priority"],
            state=trail.state(moved),
            raised_position=row["raised_position"],
            raised_at=utc(row["raised_at"]),
            labels=_labels(setting, product, terms),
            others=_others(connection, row, as_of),
        ),
        features=series.features([case for case, _ in listed], lines),
        methods=methods.methods(setting, survey.received),
        pairs=compared,
        rules=pairs.rules(connection, as_of, found, of, setting),
        sequential=evidence,
        parts=population.parts(product, event),
        relative=population.relative(product, event),
        masking=population.masking(product, event),
        onset=series.time_to_onset(lines),
        cohort=cohort.cohort(connection, as_of, (product, event), setting, listing=listing),
        tabulations=survey.tabulations(),
        cases=lines if listing else (),
        quality=quality,
        limitations=methods.limitations(compared, quality, evidence, hashes),
        history=_history(connection, number, as_of),
        moves=moved,
        sha256="",
    )
    return sealed(report)


def _signal(connection: Connection, number: int, as_of: AsOf) -> dict[str, Any]:
    table = tables.signals
    row = connection.execute(
        select(table).where(table.c.id == number, table.c.raised_position <= as_of.position)
    ).first()
    if row is None:
        raise InputError(
            "no_such_signal", f"there was no signal {number} at position {as_of.position}"
        )
    return dict(row._mapping)


def _labels(setting: Setting, product: str, terms: tuple[str, ...]) -> tuple[Label, ...]:
    return tuple(
        Label(
            title=label.title,
            date=label.date,
            routes=tuple(sorted(label.routes)),
            source=label.source,
            lists=tuple(term for term in terms if term in label.terms),
        )
        for label in setting.configuration.listed.of(base(product))
    )


def _others(connection: Connection, row: dict[str, Any], as_of: AsOf) -> tuple[Other, ...]:
    table = tables.signals
    rows = connection.execute(
        select(table)
        .where(
            table.c.product == row["product"],
            table.c.event == row["event"],
            table.c.id != row["id"],
            table.c.raised_position <= as_of.position,
        )
        .order_by(table.c.id)
    )
    return tuple(
        Other(number=r.id, kind=r.kind, dataset=r.dataset, raised_at=utc(r.raised_at)) for r in rows
    )


def _history(connection: Connection, number: int, as_of: AsOf) -> tuple[Entry, ...]:
    table = tables.signal_history
    rows = connection.execute(
        select(table)
        .where(table.c.signal_id == number, table.c.position <= as_of.position)
        .order_by(table.c.id)
    )
    return tuple(
        Entry(
            number=row.id,
            position=row.position,
            at=utc(row.at),
            what=row.what,
            detail=json.loads(row.detail),
        )
        for row in rows
    )


def _column(found: Fold, case: Case, own: set[int], pair: tuple[str, str]) -> int | None:
    """In which column of the tabulations a case stands."""
    dataset, product = pair
    content = found.book.content(case.change.case_id)
    if content is None or content.dataset != dataset:
        return None
    if case.change.case_id in own:
        return PAIR
    return PRODUCT if any(name == product for name, _ in content.products) else OTHERS


def _quality(
    connection: Connection,
    found: Fold,
    listed: list[tuple[Case, Body]],
    lines: tuple[Line, ...],
    pair: tuple[str, str, str],
) -> Quality:
    accepted = sum(len(case.versions) for case in found.cases)
    taken = received(connection, found.newest_record)
    n, n_product, n_event, n_total = found.book.counts(*pair)
    nullified = sum(case.change.status == "nullified" for case in found.cases)
    linked = sum(case.change.status == LINKED for case in found.cases)
    return Quality(
        received=taken,
        accepted=accepted,
        not_counted=taken - accepted,
        superseded=found.superseded,
        cases=len(found.cases),
        nullified=nullified,
        linked=linked,
        active=len(found.cases) - nullified - linked,
        in_dataset=n_total,
        with_product=n_product,
        with_event=n_event,
        with_pair=n,
        conflicts=sum(case.conflict for case, _ in listed),
        unmatched_products=sum(not all(p.matched for p in c.change.products) for c, _ in listed),
        unmatched_events=sum(not all(e.matched for e in c.change.events) for c, _ in listed),
        erased=sum(case.erased for case in found.cases),
        stated=series.stated(lines),
    )
