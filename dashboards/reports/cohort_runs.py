"""Tests with a horizon of the cohort: their runs, from the looks closed by a position."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, select

from dashboards.reports.figures import Run
from dashboards.reports.moment import AsOf
from detectors.coding import base
from detectors.followup.counted import backgrounds
from detectors.followup.protocol import IntervalTest, PoissonTest, Test, defined, label
from detectors.followup.runs import runs
from streams.store import tables


def cohort_runs(connection: Connection, as_of: AsOf, product: str, event: str) -> tuple[Run, ...]:
    """The runs of every test of the event and the product, or of a stratum of it."""
    table = tables.cohort_additions
    tests = {
        row.test: test
        for row in connection.execute(select(tables.cohort_tests).order_by("test"))
        for test in [defined(row.definition)]
        if test.event == event and base(product) in _products(test)
    }
    rows = connection.execute(
        select(table)
        .where(table.c.position <= as_of.position, table.c.test.in_(tests))
        .order_by(table.c.test, table.c.stratum, table.c.day)
    )
    added: dict[tuple[str, str], list[tuple[int, float, float]]] = {}
    for row in rows:
        added.setdefault((row.test, row.stratum), []).append((row.day, row.n, row.other))
    return tuple(
        Run(
            test=name,
            product=label(tests[name], stratum),
            number=number,
            against=_against(tests[name]),
            alpha=_alpha(tests[name]),
            min_events=tests[name].min_events,
            first_day=date.fromordinal(looks[run.first][0]).isoformat(),
            last_day=date.fromordinal(looks[run.last][0]).isoformat(),
            state=run.end,
            n=run.n,
            expected=run.expected,
            horizon=run.horizon,
            llr=run.llr,
            critical_value=run.critical_value,
            reason=run.reason,
        )
        for (name, stratum), looks in added.items()
        for number, run in enumerate(
            runs(tests[name], [look[1:] for look in looks], backgrounds()), 1
        )
    )


def _products(test: Test) -> tuple[str, ...]:
    return tuple(test.products) if isinstance(test, IntervalTest) else (test.product,)


def _alpha(test: Test) -> float:
    return test.split_alpha if isinstance(test, PoissonTest) else test.alpha


def _against(test: Test) -> str:
    if isinstance(test, IntervalTest):
        (a, b), (c, d) = test.risk, test.control
        return f"days {a} to {b} after a dose against days {c} to {d}"
    return f"{test.background} times {test.margin:g}"
