"""Sequential evidence of the cohort: a look a day, against backgrounds and between arms."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import msgspec
import numpy as np
from sqlalchemy import Connection, and_, func, select

from detectors.cohort import Cohort
from detectors.dating import FirstHeld
from detectors.followup import STREAMS, arms, background, looks, protocol
from detectors.followup.background import Backgrounds
from detectors.followup.protocol import ArmsTest
from detectors.scope import Daily, Scope
from detectors.sequential.family import latched, needed
from streams.agents.cohort_protocol import CohortProtocol
from streams.agents.configuration import Configuration
from streams.agents.moment import Moment
from streams.agents.signals import CONFIRMED, Signals
from streams.store import tables
from streams.store.writing import insert_tuples

ALPHA = looks.ALPHA
BACKGROUND = "background"
COLUMNS = (
    "test",
    "product",
    "event",
    "day",
    "n",
    "time",
    "n_other",
    "time_other",
    "log_e",
    "log_e_sup",
    "state",
    "position",
)


class Line(NamedTuple):
    """One member of the family: which test, of which product (or arm) and event."""

    test: str
    product: str
    event: str


class CohortEvidence:
    """The cohort's family: watched products against backgrounds, arms of the protocol, n = 0 too.

    One family with one alpha: what is found is the latched list of Benjamini-Yekutieli.
    """

    def __init__(self, configuration: Configuration, signals: Signals) -> None:
        self._signals = signals
        self._backgrounds: Backgrounds = background.read()
        self.protocol = CohortProtocol(signals, self._backgrounds)
        self._arms = {test.name: test for test in protocol.read(self._backgrounds).arms}
        self._events = tuple(sorted({e for s in STREAMS for e in s.events.values()}))
        compared = {
            one.event
            for one in self._backgrounds.rates
            if one.default and one.unit == "patient-years" and not one.treated
        }
        self._rates = {
            event: self._backgrounds.of(event)[0]
            for event in sorted(compared)
            if self._backgrounds.of(event)
        }
        self._against: dict[Line, looks.Against] = {}
        self._between: dict[Line, looks.Between] = {}
        products = sorted(configuration.watchlist.products)
        self.family = (
            *(Line(BACKGROUND, product, event) for product in products for event in self._rates),
            *(
                Line(name, label(test), event)
                for name, test in self._arms.items()
                for event in self._events
            ),
        )

    def __str__(self) -> str:
        size = len(self.family)
        bar = np.exp(needed(1, ALPHA, size))
        return (
            f"family cohort: {size} comparisons, alpha {ALPHA:g}; alone, one needs e >= {bar:.0f}"
        )

    def load(self, connection: Connection) -> None:
        """Stand where the newest look of each line does."""
        self._against.clear()
        self._between.clear()
        table = tables.cohort_looks
        newest = (
            select(table.c.test, table.c.product, table.c.event, func.max(table.c.day).label("day"))
            .group_by(table.c.test, table.c.product, table.c.event)
            .subquery()
        )
        same = [table.c[name] == newest.c[name] for name in ("test", "product", "event", "day")]
        for row in connection.execute(select(table).join(newest, and_(*same))):
            line = Line(row.test, row.product, row.event)
            if row.test == BACKGROUND:
                self._against[line] = msgspec.msgpack.decode(row.state, type=looks.Against)
            else:
                self._between[line] = msgspec.msgpack.decode(row.state, type=looks.Between)
        self.protocol.load(connection)
        last = connection.scalar(select(func.max(tables.cohort_look_days.c.day)))
        self._last = 0 if last is None else int(last)

    def look(self, moment: Moment, book: Cohort, scope: Scope) -> bool:
        """Close the look of the day before this moment, where it is still open.

        What has not changed since the last look says nothing new, and has no row. Whether a look
        was closed.
        """
        day = scope.lock_day
        if day <= self._last or not len(book):
            return False
        self._last = day
        rows = self.enter(book, scope)
        at = moment.position
        insert_tuples(moment.connection, tables.cohort_looks, COLUMNS, ((*row, at) for row in rows))
        insert_tuples(
            moment.connection,
            tables.cohort_look_days,
            ("day", "position", "at", "family"),
            [(day, moment.position, moment.at, len(self.family))],
        )
        self._find(moment, day)
        self.protocol.look(moment, book, scope)
        return True

    def enter(self, book: Cohort, scope: Scope) -> list[tuple[object, ...]]:
        """What a look says of each member that is new, as rows of `cohort_looks`: `COLUMNS`
        without the position.
        """
        day = scope.lock_day
        return [*self._rows_against(book, scope, day), *self._rows_between(book, scope, day)]

    def log_e_sup(self, line: Line) -> float:
        """The largest log e-value of a member so far."""
        if line.test == BACKGROUND:
            return self._against.get(line, looks.Against()).log_e_sup
        return self._between.get(line, looks.Between()).log_e_sup

    def _rows_against(self, book: Cohort, scope: Scope, day: int) -> list[tuple[object, ...]]:
        cells = book.cells(("product",), scope, tuple(self._rates))
        rows: list[tuple[object, ...]] = []
        for line in self.family:
            if line.test != BACKGROUND:
                continue
            before = self._against.get(line, looks.Against())
            known = self._rates[line.event].counted
            n, years = looks.rate_of(cells, (line.product,), line.event)
            after = looks.against(before, n, years, known)
            if after == before:
                continue
            self._against[line] = after
            packed = msgspec.msgpack.encode(after)
            evidence = (after.log_e, after.log_e_sup, packed)
            rows.append((*line, day, after.n, after.years, *known, *evidence))
        return rows

    def _rows_between(self, book: Cohort, scope: Scope, day: int) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for name, test in self._arms.items():
            opened = test.opened.toordinal()
            if opened > scope.through:
                continue
            by = (*test.own, *test.strata)
            both = arms.arms(
                _summed(book.daily(by, scope, self._events, opened)),
                test.own,
                test.other,
                sessions=test.sessions,
            )
            for j, event in enumerate(self._events):
                line = Line(name, label(test), event)
                before = self._between.get(line, looks.Between())
                after = looks.between(before, looks.sides(both, j))
                if after == before:
                    continue
                self._between[line] = after
                packed = msgspec.msgpack.encode(after)
                evidence = (after.log_e, after.log_e_sup, packed)
                rows.append((*line, day, *after.total, *evidence))
        return rows

    def _find(self, moment: Moment, day: int) -> None:
        """Raise what is found; once found it stays found while the family is the same."""
        sup = np.array([self.log_e_sup(line) for line in self.family])
        found = latched(sup, ALPHA, len(self.family))
        asked = needed(max(1, int(found.sum())), ALPHA, len(self.family))
        for line, on in zip(self.family, found, strict=True):
            if not on:
                continue
            pair = ("cohort", line.product, line.event)
            rule = looks.RULES[line.test != BACKGROUND].name
            n = int(self._n(line))
            detail = {
                "test": line.test,
                "day": date.fromordinal(day).isoformat(),
                "log_e": self.log_e_sup(line),
                "asked": asked,
                "family": "cohort",
                "size": len(self.family),
            }
            new = self._signals.observe(
                moment, CONFIRMED, pair, {rule: True}, n, priority="high", detail=detail
            )
            if new:
                self._signals.date(moment, CONFIRMED, pair, {rule: FirstHeld(day, n)}, n)

    def _n(self, line: Line) -> float:
        if line.test == BACKGROUND:
            return self._against[line].n
        return self._between[line].total[0]


def label(test: ArmsTest) -> str:
    """The arm of a test as a row of the cohort is named.

    >>> label(ArmsTest("x", date(2026, 1, 1), {"product": "ketamine", "setting": "home"}, {}))
    'ketamine @home'
    """
    values = [value for axis, value in test.own.items() if axis != "product"]
    return " @".join([test.own.get("product", ""), *values])


def _summed(daily: Daily) -> Daily:
    """All days as one look."""
    columns = (daily.n, daily.days, daily.sessions, daily.sessions_with, daily.sessions_to_first)
    whole = [column.sum(axis=0, keepdims=True) for column in columns]
    return Daily(daily.first_day, daily.by, daily.rows, daily.events, *whole)
