"""The cohort: the newest content of every course, and the counts that follow from it.

As the casebook does for reports: the counts are a function of the set of newest contents alone. A
content that arrives late, twice or after it was retracted leaves them as if it had come in order.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors import cohort_counts
from detectors.at_risk import AtRisk
from detectors.coding import base
from detectors.courses import Coding, Courses
from detectors.disproportionality.method import Floats, Integers
from detectors.followup.content import CourseContent
from detectors.scope import GROUP, YEAR, Cells, Clusters, Daily, Scope

_STRATA = ("route", "setting")
_UNEXPOSED = {"before first dose": "before", "after stopping": "stopped"}


@dataclass(frozen=True, slots=True)
class CohortTable:
    """Counts of products and events as columns, sorted by product and event.

    A product also stands as `NAME @ROUTE`, `NAME @SETTING`, and as `NAME @before first dose` and
    `NAME @after stopping`, whose days are in none of the others. The columns are those of `Cells`.
    """

    product: npt.NDArray[np.object_]
    event: npt.NDArray[np.object_]
    n: Integers
    days: Integers
    courses: Integers
    sessions: Integers
    sessions_with: Integers

    def __len__(self) -> int:
        return len(self.n)

    @property
    def years(self) -> Floats:
        """Person-time in patient-years."""
        return self.days / YEAR

    @property
    def has_data(self) -> npt.NDArray[np.bool_]:
        """Whether anybody was at risk: where not, 0 events say nothing."""
        return (self.days > 0) | (self.sessions > 0)


class Cohort:
    """Newest content per course.

    >>> from detectors.followup.content import Event
    >>> from detectors.followup.exposure import Stratum
    >>> from detectors.followup.spells import Spell
    >>> book = Cohort()
    >>> content = CourseContent("r", contact=739_100, strata=(Stratum("esketamine"),),
    ...     spells=(Spell(739_000, 739_101, 1, 0, 1),), events=(Event("Haematuria", 739_050),))
    >>> book.apply(7, 1, content), book.apply(7, 1, content)
    (True, False)
    >>> table = book.table(Scope(739_200))
    >>> list(zip(table.product, table.event, table.n.tolist(), table.days.tolist()))
    [('esketamine', 'Haematuria', 1, 51)]
    >>> book.apply(7, 2, None), len(book.table(Scope(739_200)))
    (True, 0)
    """

    def __init__(self) -> None:
        self._held: dict[int, bytes] = {}
        self._coding = Coding()
        self._columns: Courses | None = None

    @classmethod
    def of(cls, versions: Iterable[tuple[int, int, CourseContent | None]]) -> Cohort:
        """A cohort of many (course_id, revision, content), as `apply` one by one gives."""
        book = cls()
        for version in versions:
            book.apply(*version)
        return book

    def __len__(self) -> int:
        """Courses known, retracted ones included."""
        return len(self._held)

    def apply(self, course_id: int, revision: int, content: CourseContent | None) -> bool:
        """Retract what the course contributed and add `content`; None: it counts no more.

        Whether anything changed: a revision that is not above the one held does nothing, and one
        that says the same moves nothing.
        """
        held = self._held.get(course_id)
        if held is not None and revision <= _revision(held):
            return False
        packed = self._held[course_id] = self._coding.pack(revision, content)
        if held is not None and held[4:] == packed[4:]:
            return False
        self._columns = None
        return held is not None or content is not None

    def revision(self, course_id: int) -> int | None:
        """The revision held of a course, or None."""
        held = self._held.get(course_id)
        return None if held is None else _revision(held)

    @property
    def courses(self) -> Courses:
        """Every course as columns, in the order of their first arrival."""
        if self._columns is None:
            self._columns = Courses(self._held.values(), self._coding)
        return self._columns

    def events(self, scope: Scope) -> tuple[str, ...]:
        """Every event that a course has, and the groups that these stand in, sorted."""
        held = self.courses.events.code
        names = [self._coding.events.values[code] for code in np.unique(held).tolist()]
        groups = {f"{GROUP}{group}" for name in names for group in scope.groups.get(name, ())}
        return tuple(sorted({*names, *groups}))

    def cells(self, by: Sequence[str], scope: Scope, events: Sequence[str] | None = None) -> Cells:
        """The counts over some axes (see `AtRisk.rows`), of all events unless given."""
        wanted = self.events(scope) if events is None else events
        return cohort_counts.cells(AtRisk(self.courses, wanted, scope), by)

    def daily(
        self,
        by: Sequence[str],
        scope: Scope,
        events: Sequence[str] | None = None,
        first_day: int | None = None,
    ) -> Daily:
        """What each day adds to `cells`, from a day on, by default the cohort's first."""
        wanted = self.events(scope) if events is None else events
        first = int(self.courses.spells.start.min(initial=scope.through))
        return cohort_counts.daily(AtRisk(self.courses, wanted, scope), by, first_day or first)

    def clusters(self, by: Sequence[str], scope: Scope, events: Sequence[str]) -> Clusters:
        """How the sessions of `cells` lie within courses."""
        return cohort_counts.clusters(AtRisk(self.courses, events, scope), by)

    def table(
        self,
        scope: Scope,
        products: Iterable[str] | None = None,
        events: Sequence[str] | None = None,
    ) -> CohortTable:
        """Every product with every event; those named also where there is no data."""
        wanted = self.events(scope) if events is None else tuple(sorted(set(events)))
        at_risk = AtRisk(self.courses, wanted, scope)
        found: dict[str, list[Integers]] = {}
        chosen = None if products is None else set(products)
        for product in chosen or ():
            found[product] = [np.zeros(len(wanted), dtype=np.int64)] * 5
        parts: list[tuple[tuple[str, ...], tuple[str, ...] | None]] = [(("product",), None)]
        parts += [(("product", axis), None) for axis in _STRATA]
        parts += [(("product",), (kind,)) for kind in _UNEXPOSED.values()]
        for cells, suffix in zip(
            cohort_counts.several(at_risk, parts), ["", "", "", *_UNEXPOSED], strict=True
        ):
            counts = (cells.n, cells.days, cells.courses, cells.sessions, cells.sessions_with)
            for i, row in enumerate(cells.rows):
                stratum = suffix or (row[1] if len(row) > 1 else None)
                name = row[0] if stratum is None else f"{row[0]} @{stratum}"
                found[name] = [column[i] for column in counts]
        rows = sorted(
            name
            for name in found
            if not name.endswith(" @") and (chosen is None or base(name) in chosen)
        )
        columns = [
            np.array([found[name][i] for name in rows], dtype=np.int64).ravel() for i in range(5)
        ]
        names = np.array([*rows, *wanted], dtype=object)
        return CohortTable(
            np.repeat(names[: len(rows)], len(wanted)),
            np.tile(names[len(rows) :], len(rows)),
            *columns,
        )


def _revision(packed: bytes) -> int:
    return int.from_bytes(packed[:4], sys.byteorder)
