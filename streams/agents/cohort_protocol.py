"""Tests of the protocol in the live cohort: maxSPRT against a background, and risk intervals.

What a look adds is written down and never changed; the runs follow from these additions alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, select

from detectors.cohort import Cohort
from detectors.dating import FirstHeld
from detectors.followup import looks, protocol, sprt
from detectors.followup.background import Backgrounds
from detectors.followup.protocol import IntervalTest, Test, definition, label
from detectors.followup.risk_interval import intervals
from detectors.followup.runs import by_stratum, runs
from detectors.scope import Scope
from schemas.errors import InputError
from streams.agents.moment import Moment
from streams.agents.signals import CONFIRMED, Signals
from streams.store import tables
from streams.store.writing import insert_tuples, upsert


class Part(NamedTuple):
    """A test, or one of its strata ("" where it has none)."""

    test: str
    stratum: str


class Added(NamedTuple):
    """What a look adds: events, and patient-years (or events in the control windows)."""

    day: int
    n: float
    other: float


class CohortProtocol:
    """The tests with a horizon of the protocol, each with the additions of its closed looks.

    InputError `protocol_changed` where the store holds another test of the same name.
    """

    def __init__(self, signals: Signals, backgrounds: Backgrounds) -> None:
        self._signals = signals
        self._backgrounds = backgrounds
        held = protocol.read(backgrounds)
        tests: list[Test] = [*held.poisson, *held.interval]
        self.tests = {test.name: test for test in tests}

        self._added: defaultdict[Part, list[Added]] = defaultdict(list)

    def load(self, connection: Connection) -> None:
        """Stand where the looks of the store do."""
        self._added = additions(connection)
        table = tables.cohort_tests
        for row in connection.execute(select(table)):
            test = self.tests.get(row.test)
            if test is not None and row.definition != definition(test):
                raise InputError(
                    "protocol_changed",
                    f"{row.test} has begun as another test: give the new one a name and a date "
                    "of its own",
                )

    def look(self, moment: Moment, book: Cohort, scope: Scope) -> None:
        """Write what a look of the cohort adds, and what follows for the runs."""
        new = self.enter(book, scope)
        columns = ("test", "stratum", "day", "n", "other", "position")
        written = ((*part, *added, moment.position) for part, added in new)
        insert_tuples(moment.connection, tables.cohort_additions, columns, written)
        for part, _ in new:
            self._conclude(moment, self.tests[part.test], part)

    def enter(self, book: Cohort, scope: Scope) -> list[tuple[Part, Added]]:
        """What a look adds that was not in before; what corrections take away stays in."""
        out = []
        for test in self.tests.values():
            if test.opened.toordinal() > scope.through:
                continue
            for stratum, (n, other) in self._totals(book, scope, test).items():
                part = Part(test.name, stratum)
                before = self._added[part]
                new = Added(
                    scope.lock_day,
                    max(0.0, n - sum(one.n for one in before)),
                    max(0.0, other - sum(one.other for one in before)),
                )
                if new.n or new.other:
                    before.append(new)
                    out.append((part, new))
        return out

    def _totals(self, book: Cohort, scope: Scope, test: Test) -> dict[str, tuple[float, float]]:
        """Events and the other column since the opening, as the records now say, by stratum."""
        if isinstance(test, IntervalTest):
            found = intervals(book.courses, scope, test)
            return {"": (float(found.cases.sum()), float(found.controls.sum()))}
        return {
            stratum: (float(n.sum()), float(years.sum()))
            for stratum, (n, years) in by_stratum(book, scope, test).items()
        }

    def _conclude(self, moment: Moment, test: Test, part: Part) -> None:
        begun = [{"test": test.name, "definition": definition(test)}]
        upsert(moment.connection, tables.cohort_tests, begun)
        found = runs(test, [one[1:] for one in self._added[part]], self._backgrounds)
        said = rows_of(part, found, self._added[part])
        said = [{**row, "position": moment.position} for row in said]
        upsert(moment.connection, tables.cohort_runs, said)
        if found[-1].end == "signal":
            self._raise(moment, test, part, len(found), found[-1])

    def _raise(self, moment: Moment, test: Test, part: Part, number: int, run: sprt.Run) -> None:
        rule = looks.MAXSPRT[isinstance(test, IntervalTest)].name
        pair = ("cohort", label(test, part.stratum), test.event)
        day, n = self._added[part][run.last].day, int(run.n)
        detail = {
            "test": part.test,
            "run": number,
            "day": date.fromordinal(day).isoformat(),
            "expected": run.expected,
            "llr": run.llr,
            "critical_value": run.critical_value,
        }
        new = self._signals.observe(
            moment, CONFIRMED, pair, {rule: True}, n, priority="high", detail=detail
        )
        if new:
            self._signals.date(moment, CONFIRMED, pair, {rule: FirstHeld(day, n)}, n)


def additions(connection: Connection) -> defaultdict[Part, list[Added]]:
    """What each look has added, by test and stratum, in the order of days."""
    table = tables.cohort_additions
    out: defaultdict[Part, list[Added]] = defaultdict(list)
    for row in connection.execute(select(table).order_by(table.c.day)):
        out[Part(row.test, row.stratum)].append(Added(row.day, row.n, row.other))
    return out


def rows_of(
    part: Part, found: Sequence[sprt.Run], added: Sequence[Added]
) -> list[dict[str, object]]:
    """Runs as the rows of `cohort_runs`, without their position."""
    return [
        {
            "test": part.test,
            "stratum": part.stratum,
            "number": number,
            "first_day": added[run.first].day,
            "last_day": added[run.last].day,
            "state": run.end,
            "n": run.n,
            "expected": run.expected,
            "horizon": run.horizon,
            "llr": run.llr,
            "critical_value": run.critical_value,
            "reason": run.reason,
        }
        for number, run in enumerate(found, 1)
    ]
