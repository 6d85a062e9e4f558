"""Silence of the cohort: what its tests against a background would have found by now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from dashboards.board.silent import (
    CHANCE,
    DOUBLED,
    Filters,
    Page,
    Row,
    or_none,
    order,
    signalled,
)
from dashboards.language import mark
from detectors.calibration.power import detectable
from detectors.followup import protocol
from detectors.followup.counted import backgrounds
from detectors.followup.looks import ALPHA
from detectors.followup.protocol import PoissonTest, Test, defined, label
from detectors.followup.runs import runs
from detectors.sequential import eprocess_background, power
from detectors.sequential.family import needed
from detectors.sequential.maxsprt_poisson import boundary
from streams.store import tables


def cohort(connection: Connection, filters: Filters, products: Iterable[str]) -> Page:
    """The watched products with every event that a test of the cohort compares with a background.

    The tests with a horizon of the protocol, and the e-process of the cohort's family.
    """
    named = sorted(products)
    loud = signalled(connection, "cohort")
    found = [*_maxsprt(connection), *_eprocess(connection, named)]
    pairs = {(row.product, row.event) for row in found}
    quiet = [
        row
        for row in found
        if (row.product, row.event) not in loud
        and filters.product in ("", row.product.partition(" @")[0])
    ]
    position = connection.scalar(select(func.max(tables.cohort_look_days.c.position)))
    return Page(
        tuple(sorted(quiet, key=order)),
        len(pairs),
        len(pairs & loud),
        tuple(named),
        -1 if position is None else position,
    )


def _maxsprt(connection: Connection) -> Iterable[Row]:
    """The newest run of each test against a background, by its own looks."""
    table = tables.cohort_additions
    added: dict[tuple[str, str], list[tuple[int, float, float]]] = {}
    for row in connection.execute(select(table).order_by(table.c.day)):
        added.setdefault((row.test, row.stratum), []).append((row.day, row.n, row.other))
    tests: dict[str, Test] = {test.name: test for test in protocol.read().poisson}
    for row in connection.execute(select(tables.cohort_tests)):
        tests[row.test] = defined(row.definition)
    for _, test in sorted(tests.items()):
        if isinstance(test, PoissonTest):
            for stratum in test.strata or ("",):
                yield _run(test, stratum, added.get((test.name, stratum), []))


def _run(test: PoissonTest, stratum: str, looks: Sequence[tuple[int, float, float]]) -> Row:
    row = Row(label(test, stratum), test.event, test.name, 0, 0.0)
    known = [look[1:] for look in looks]
    if not sum(years for _, years in known):
        return replace(row, why=mark("nobody was at risk"))
    run = runs(test, known, backgrounds())[-1]
    within = slice(run.first, run.last + 1)
    years = np.cumsum([look[2] for look in looks][within])
    row = replace(row, n=run.n, exposure=float(years[-1]))
    if run.critical_value is None or not years[-1]:
        return replace(row, why=run.reason or mark("nobody was at risk since the last run ended"))
    expected = years * backgrounds().named(test.background, test.event).value
    at, some = expected * test.margin, years > 0
    limits = boundary(run.critical_value, at[some], test.min_events)
    ratio = power.detectable(at[some], limits, CHANCE) * test.margin
    whole = power.continuous(run.critical_value, test.horizon, test.min_events)
    found = power.performance(DOUBLED / test.margin, *whole)
    days = looks[run.last][0] - looks[run.first][0] + 1
    return replace(
        row,
        expected=float(expected[-1]),
        fewest=float(limits[-1]),
        ratio=or_none(ratio),
        days=or_none(found.to_signal / at[-1] * days),
        chance=found.power,
    )


def family_size(connection: Connection) -> int | None:
    """Members of the cohort's family at its newest look; None before the first."""
    days = tables.cohort_look_days
    return connection.scalar(select(days.c.family).order_by(days.c.day.desc()).limit(1))


def _eprocess(connection: Connection, products: Sequence[str]) -> Iterable[Row]:
    """Each comparison with a background at its newest look, as if there had been none before."""
    table = tables.cohort_looks
    size = family_size(connection)
    newest: dict[tuple[str, str], Any] = {}
    first: dict[tuple[str, str], int] = {}
    rows = connection.execute(
        select(table).where(table.c.test == "background").order_by(table.c.day)
    )
    for look in rows:
        newest[look.product, look.event] = look
        first.setdefault((look.product, look.event), look.day)
    compared = sorted(
        {
            one.event
            for one in backgrounds().rates
            if one.default and one.unit == "patient-years" and not one.treated
        }
    )
    for product in products:
        for event in compared:
            known = newest.get((product, event))
            row = Row(product, event, "above_background", 0, 0.0)
            if known is None or not known.time or size is None:
                yield replace(row, why=mark("nobody was at risk"))
                continue
            row = replace(row, n=known.n, exposure=known.time)
            past = (float(known.n_other), float(known.time_other))
            yield _against(row, past, needed(1, ALPHA, size), known.day - first[product, event] + 1)


def _against(row: Row, past: tuple[float, float], asked: float, days: int) -> Row:
    rate = past[0] / past[1]
    times = _years(past, round(asked, 9))
    expected = row.exposure * rate
    fewest = int(np.searchsorted(times, row.exposure)) + 1
    found = power.performance(DOUBLED, times * rate, np.arange(1, len(times) + 1))
    if fewest > EVENTS:
        return replace(row, expected=expected, why=mark("more than 200 events would be asked for"))
    return replace(
        row,
        expected=expected,
        fewest=fewest,
        ratio=or_none(float(detectable(fewest, expected, CHANCE))),
        days=or_none(found.to_signal / expected * days),
        chance=found.power,
    )


EVENTS = 200  # up to which an e-process is followed


@lru_cache(256)
def _years(past: tuple[float, float], asked: float) -> Any:
    """For each count, the longest time in which it is found against a background."""
    parameters = eprocess_background.DEFAULT

    def reached(n: Any, t: Any) -> Any:
        c, time = np.full_like(n, past[0]), np.full_like(n, past[1])
        return eprocess_background.log_e(n, t, c, time, parameters) >= asked

    n = np.arange(1.0, EVENTS + 1)
    longest = EVENTS * past[1] / past[0]
    return np.maximum.accumulate(power.crossings(reached, n, 1e-9 * longest, longest))
