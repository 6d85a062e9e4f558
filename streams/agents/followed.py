"""What the detector does with a changed course: the cohort, its rates, and what they raise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete

from detectors.case_review import URGENT
from detectors.coding import base
from detectors.cohort import Cohort
from detectors.followup.content import CourseContent, decode_content
from detectors.followup.counted import scope_of
from detectors.followup.rates import rate
from detectors.scope import YEAR
from schemas.envelope import Change
from streams.agents import strata
from streams.agents.book import Figures
from streams.agents.checkpoints import DOUBLED
from streams.agents.cohort_evidence import CohortEvidence
from streams.agents.configuration import Configuration
from streams.agents.moment import Moment
from streams.agents.signals import CASE_REVIEW, Pair, Signals
from streams.store import tables
from streams.store.changes import newest_changes
from streams.store.scores import nullable
from streams.store.writing import insert_tuples

COHORT = "cohort"
LIVE = 500  # courses up to which every stratum of every event is counted anew after each change
COLUMNS = (
    "product",
    "event",
    "n",
    "days",
    "courses",
    "sessions",
    "sessions_with",
    "rate",
    "rate_lower",
    "rate_upper",
    "lock_day",
    "position",
)


class Followed:
    """The cohort: every course as its newest records say, its rates, its urgent findings."""

    kinds: tuple[str, ...] = ("course",)

    def __init__(self, configuration: Configuration, signals: Signals) -> None:
        self._configuration = configuration
        self._signals = signals
        self.evidence = CohortEvidence(configuration, signals)

    def load(self, connection: Connection) -> None:
        """Rebuild everything from the store."""
        self.book = Cohort()
        self._urgent: dict[int, frozenset[Pair]] = {}
        self._counts: dict[Pair, int] = {}
        self._said: set[Pair] = set()
        self._events: dict[int, frozenset[str]] = {}
        self._moved: set[str] = set()
        self._touched = False
        for change in newest_changes(connection, kind="course"):
            self._apply(change)
        self._said.clear()
        self._moved.clear()
        self._touched = False
        self.evidence.load(connection)

    def begin(self, moment: Moment) -> None:
        """Nothing: what it needs it has from the store."""

    def write(self, moment: Moment) -> None:
        """Nothing: looks and rates are written where they are made."""

    def lines(self) -> list[str]:
        """The family of the cohort with its size."""
        return [str(self.evidence)]

    def take(self, connection: Connection, change: Change) -> Sequence[Change]:
        """Count a change; nothing where it is a revision that is held already."""
        if change.revision <= (self.book.revision(change.case_id) or 0):
            return ()
        self._apply(change)
        return (change,)

    def read(self, moment: Moment) -> None:
        """Raise urgent findings at once, and say which are no longer there."""
        for pair in sorted(self._said):
            n = self._counts.get(pair, 0)
            self._signals.observe(
                moment, CASE_REVIEW, pair, {URGENT.name: n > 0}, n, priority="high"
            )
        self._said.clear()

    def rescore(self, moment: Moment) -> None:
        """Write the rates of watched products anew, where a course has changed.

        Their strata too; of a large cohort only for the events of that course, the others wait
        for the checkpoint.
        """
        if self._touched:
            self._touched = False
            self._write(moment)
            self._write_strata(moment, None if len(self.book) <= LIVE else self._moved)

    def checkpoint(self, moment: Moment, reason: str) -> Figures:
        """Write the rates anew, and close the look of yesterday if it is open.

        Not where changes have merely doubled: in the middle of an import a look would take half.
        """
        if reason != DOUBLED:
            groups_of = self._configuration.vocabulary.groups_of
            scope, _ = scope_of(self.book, _lock_day(moment) - 1, groups_of)
            self.evidence.look(moment, self.book, scope)
        self._write_strata(moment, None)
        return Figures(cases=0, pairs=self._write(moment))

    def _apply(self, change: Change) -> None:
        content = decode_content(change.payload) if change.status == "active" else None
        if self.book.apply(change.case_id, change.revision, content):
            self._touched = True
            had = self._events.pop(change.case_id, frozenset())
            has = frozenset(one.name for one in content.events) if content else frozenset[str]()
            if has:
                self._events[change.case_id] = has
            self._moved |= had | has
        before = self._urgent.get(change.case_id, frozenset())
        now = self._urgent_pairs(content) if content is not None else frozenset()
        if before == now:
            return
        self._urgent[change.case_id] = now
        for pairs, step in ((before, -1), (now, 1)):
            for pair in pairs:
                self._counts[pair] = self._counts.get(pair, 0) + step
        self._said |= before ^ now

    def _urgent_pairs(self, content: CourseContent) -> frozenset[Pair]:
        watches = self._configuration.watchlist.watches
        return frozenset(
            (COHORT, one.product, one.event) for one in content.urgent if watches(one.product)
        )

    def _write_strata(self, moment: Moment, events: set[str] | None) -> None:
        strata.write(moment, self.book, self._configuration, _lock_day(moment), events)
        self._moved.clear()

    def _write(self, moment: Moment) -> int:
        lock_day = _lock_day(moment)
        rows = rates(self.book, self._configuration, lock_day)
        moment.connection.execute(delete(tables.rates))
        written = ((*row, lock_day, moment.position) for row in rows)
        insert_tuples(moment.connection, tables.rates, COLUMNS, written)
        return len(rows)


def rates(book: Cohort, configuration: Configuration, lock_day: int) -> list[tuple[Any, ...]]:
    """Each watched product with every event: counts, and the rate with its exact limits.

    Counted up to a day less the lag of `Scope`; the columns are `COLUMNS` without the last two.
    """
    watches = configuration.watchlist.watches
    scope, events = scope_of(book, lock_day, configuration.vocabulary.groups_of)
    table = book.table(scope, events=events)
    found = rate(table.n, table.days / YEAR)
    columns = [
        *(nullable(getattr(table, name)) for name in COLUMNS[:7]),
        *(nullable(values) for values in found),
    ]
    watches = configuration.watchlist.watches
    return [row for row in zip(*columns, strict=True) if watches(base(row[0]))]


def _lock_day(moment: Moment) -> int:
    return datetime.fromtimestamp(moment.at, UTC).toordinal()
