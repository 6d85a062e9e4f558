"""The looks behind a confirmed signal of the cohort, and the runs of tests with a horizon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import log

from sqlalchemy import Connection, select

from dashboards.board.milestones import Milestone, days, milestones
from dashboards.board.timeline import Chart, Line, chart
from dashboards.language import _
from detectors.followup.protocol import IntervalTest, PoissonTest, Test, defined, label
from streams.store import tables

LN10 = log(10)


@dataclass(frozen=True, slots=True)
class Look:
    """A closed look of one comparison: events and time entered by then on both sides."""

    test: str
    day: str
    n: float
    time: float
    n_other: float
    time_other: float
    log_e: float
    log_e_sup: float
    position: int


def looks(connection: Connection, product: str, event: str) -> list[Look]:
    """Every look of a pair, by comparison, the newest first."""
    table = tables.cohort_looks
    rows = connection.execute(
        select(table)
        .where(table.c.product == product, table.c.event == event)
        .order_by(table.c.test, table.c.day.desc())
    )
    return [
        Look(
            row.test,
            date.fromordinal(row.day).isoformat(),
            row.n,
            row.time,
            row.n_other,
            row.time_other,
            row.log_e,
            row.log_e_sup,
            row.position,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class OverTime:
    """One comparison of a product (or arm): its looks, the newest first, and their picture."""

    product: str
    test: str
    looks: list[Look]
    chart: Chart | None
    dated: tuple[Milestone, ...]

    @property
    def newest(self) -> Look:
        """The look of the last day on which something was new."""
        return self.looks[0]


def over_time(connection: Connection, event: str) -> list[OverTime]:
    """Every comparison of an event in which both sides have time, the strongest evidence first.

    Drawn, from the second look on, is the e-value (its logarithm of base 10) after each look: 0
    says nothing either way.
    """
    table = tables.cohort_looks
    pairs = connection.execute(
        select(table.c.product).where(table.c.event == event).distinct()
    ).scalars()
    out = []
    for product in pairs:
        held = looks(connection, product, event)
        for test in dict.fromkeys(look.test for look in held):
            mine = [look for look in held if look.test == test]
            if not mine[0].time or not mine[0].time_other:
                continue
            places = [(float(date.fromisoformat(look.day).toordinal()), look) for look in mine]
            points = tuple((day, look.log_e / LN10) for day, look in reversed(places))
            span = (points[0][0], points[-1][0])
            title = f"{product}: {_(test.replace('_', ' '))}"
            line = Line(_("log10 of the e-value"), points)
            dated = milestones(product, *span)
            drawn = chart(title, [line], span, dated=days(dated)) if len(points) > 1 else None
            out.append(OverTime(product, test, mine, drawn, dated))
    return sorted(out, key=lambda one: (-one.newest.log_e_sup, one.product, one.test))


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a test of the protocol, as its closed looks have it."""

    test: Test
    product: str
    number: int
    first: str
    last: str
    state: str
    n: float
    expected: float
    horizon: float
    llr: float
    critical_value: float | None
    reason: str
    position: int

    @property
    def against(self) -> str:
        """What the events are held against."""
        if isinstance(self.test, IntervalTest):
            (a, b), (c, d) = self.test.risk, self.test.control
            return _("days {a} to {b} after a dose against days {c} to {d}", a=a, b=b, c=c, d=d)
        margin = f"{self.test.margin:g}"
        return _(
            "{background} times {margin}",
            background=_(self.test.background.replace("_", " ")),
            margin=margin,
        )

    @property
    def alpha(self) -> float:
        """Of this run: that of the test over its strata."""
        return self.test.split_alpha if isinstance(self.test, PoissonTest) else self.test.alpha


def runs(connection: Connection, event: str, product: str = "") -> list[Run]:
    """Every run of tests of an event, of all products or of the one named, the newest first."""
    table = tables.cohort_runs
    tests = connection.execute(select(tables.cohort_tests))
    known = {row.test: defined(row.definition) for row in tests}
    rows = connection.execute(
        select(table).order_by(table.c.test, table.c.stratum, table.c.number.desc())
    )
    found = [
        Run(
            known[row.test],
            label(known[row.test], row.stratum),
            row.number,
            date.fromordinal(row.first_day).isoformat(),
            date.fromordinal(row.last_day).isoformat(),
            row.state,
            row.n,
            row.expected,
            row.horizon,
            row.llr,
            row.critical_value,
            row.reason,
            row.position,
        )
        for row in rows
        if known[row.test].event == event
    ]
    return [run for run in found if product in ("", run.product)]
