"""Who was at risk of what, and until when: what the counts of a cohort are sums of.

A course is at risk of an event up to the day of the first
one, that day included, and no further than it was looked at: without a record that could have
shown the event there is no person-time, so that no data never looks like safety.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from detectors.contents import runs
from detectors.courses import DAY, DAY_BITS, NOWHERE, Courses, Words
from detectors.disproportionality.method import Integers
from detectors.followup.spells import BANDS, KINDS
from detectors.scope import Row, Scope

_STRATUM = ("product", "route", "setting", "phase", "dose", "indication")
_COUNTED = {"sessions": BANDS, "kind": KINDS}


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows over some axes, and that of each spell (NOWHERE: none, and so for no spell, -1).

    `part` numbers the pairs of a row and a course, for each spell; `part_row` is their row.
    """

    names: tuple[Row, ...]
    row: Integers
    part: Integers
    part_row: Integers

    def counted(self, parts: Integers) -> Integers:
        """In how many courses of each row any of the spells' parts lie."""
        marked = np.zeros(len(self.part_row), dtype=bool)
        marked[parts] = True
        return np.bincount(self.part_row[marked], minlength=len(self.names))


@dataclass(frozen=True, slots=True)
class Affected:
    """The spells of courses that had an event: days counted in each without and with it."""

    spell: Integers
    without_end: Integers
    end: Integers


@dataclass(frozen=True, slots=True)
class Met:
    """Sessions that were assessed for an event, those with it, those up to the first event."""

    every: Integers
    with_event: Integers
    to_first: Integers


class AtRisk:
    """The events of a scope over the courses, ready to be counted over any rows."""

    def __init__(self, courses: Courses, events: Sequence[str], scope: Scope) -> None:
        self.courses, self.events, self.scope = courses, tuple(events), scope
        members = [scope.members(event) for event in self.events]
        assessing = [scope.assessing(names) for names in members]
        self.ways = list(dict.fromkeys(assessing))
        self.way = [self.ways.index(way) for way in assessing]
        known = np.minimum(courses.registry_contact, scope.through)
        # for each way, the day after the last on which a course without the event counts
        self.ends = [np.minimum(courses.last_assessed(way), known) + 1 for way in self.ways]
        # for each event as coded, those asked for that it counts as
        self._asked: dict[int, list[int]] = {}
        for j, names in enumerate(members):
            for name in names:
                code = courses.coding.events.find(name)
                if code is not None:
                    self._asked.setdefault(code, []).append(j)

    def rows(self, by: Sequence[str], kinds: Sequence[str] | None = None) -> Rows:
        """The rows over some axes, sorted, of the scope's kinds of spell unless others are given.

        Axes are those of a stratum (product, route, setting, phase, dose, indication), "sessions",
        "kind", "registry", and any attribute of patients; what is not known is "".
        """
        spells = self.courses.spells
        counts = np.isin(spells.kind, [KINDS.index(kind) for kind in kinds or self.scope.kinds])
        key = np.zeros(np.count_nonzero(counts), dtype=np.int64)
        axes = []
        for axis in by:
            code, values = self._axis(axis)
            key = key * len(values) + code[counts]
            axes.append(values)
        found, row = np.unique(key, return_inverse=True)
        parts, part = np.unique(
            row * self.courses.size + spells.course[counts], return_inverse=True
        )
        every = np.full((2, len(counts) + 1), NOWHERE, dtype=np.int64)
        every[:, :-1][:, counts] = row, part
        names = tuple(_unravelled(one, axes) for one in found.tolist())
        return Rows(names, every[0], every[1], parts // max(self.courses.size, 1))

    def _axis(self, axis: str) -> tuple[Integers, tuple[str, ...]]:
        """The code of each spell, and the values by code."""
        spells, coding = self.courses.spells, self.courses.coding
        if axis in _COUNTED:
            code: Words = spells.band if axis == "sessions" else spells.kind
            return code.astype(np.int64), _COUNTED[axis]
        if axis in _STRATUM:
            held = [getattr(stratum, axis) for stratum in coding.strata.values]
            owner = spells.stratum
        else:
            held = [
                registry if axis == "registry" else dict(attributes).get(axis, "")
                for registry, attributes in coding.profiles.values
            ]
            owner = self.courses.profile[spells.course]
        values = tuple(sorted(set(held)))
        place = {value: i for i, value in enumerate(values)}
        return np.array([place[value] for value in held], dtype=np.int64)[owner], values

    def length(self, spell: Integers, end: Integers) -> Integers:
        """Days of spells that lie before a day."""
        spells = self.courses.spells
        return np.maximum(np.minimum(spells.end[spell], end) - spells.start[spell], 0)

    def firsts(self, j: int) -> tuple[Integers, Integers, Integers]:
        """The first event of each course that has any: course, day, spell (NOWHERE: none)."""
        if j not in self._found:
            rows, held = self._rows_of(j), self.courses.events
            key = np.sort(held.course[rows].astype(np.int64) << DAY_BITS | held.day[rows])
            first = np.diff(key >> DAY_BITS, prepend=-1) > 0
            course, day = key[first] >> DAY_BITS, key[first] & DAY
            self._found[j] = course, day, self.courses.place(course, day)
        return self._found[j]

    def affected(self, j: int) -> Affected:
        """The spells of the courses that have an event."""
        course, day, _ = self.firsts(j)
        number = self.courses.n_spells[course]
        spell = runs(self.courses.first_spell[course], number)
        end = np.repeat(np.minimum(day, self.scope.through) + 1, number)
        return Affected(spell, self.ends[self.way[j]][self.courses.spells.course[spell]], end)

    def sessions(self, j: int) -> Met:
        """The sessions that were assessed for an event, none where it is counted by course."""
        courses, held = self.courses, self.courses.events
        rows = self._rows_of(j)
        rows = rows[held.session[rows]]
        if not len(rows) and self.events[j] not in self.scope.per_session:
            return Met(rows, rows, rows)
        had = courses.session_of(held.course[rows], held.day[rows])
        with_event = np.zeros(len(courses.sessions.day), dtype=bool)
        with_event[had[had != NOWHERE]] = True
        counts = courses.sessions.day <= self.scope.through
        assessed = courses.assessed_sessions(self.ways[self.way[j]]) | with_event
        course, day, _ = self.firsts(j)
        first = np.full(courses.size, DAY)
        first[course] = day
        every = np.flatnonzero(assessed & counts)
        to_first = courses.sessions.day[every] <= first[courses.sessions.course[every]]
        return Met(every, np.flatnonzero(with_event & counts), every[to_first])

    @cached_property
    def _found(self) -> dict[int, tuple[Integers, Integers, Integers]]:
        return {}

    @cached_property
    def _occurrences(self) -> tuple[Integers, Integers]:
        """Rows of events, for each asked for those that count as it; where each of them begins."""
        held = self.courses.events
        size = len(self.courses.coding.events.values)
        times = np.array([len(self._asked.get(code, ())) for code in range(size)], dtype=np.int64)
        asked = np.array(
            [j for code in range(size) for j in self._asked.get(code, ())], dtype=np.int64
        )
        first = np.cumsum(times) - times
        rows = np.flatnonzero(times[held.code])
        each = times[held.code[rows]]
        event = asked[runs(first[held.code[rows]], each)]
        order = np.argsort(event, kind="stable")
        bounds = np.searchsorted(event[order], np.arange(len(self.events) + 1))
        return np.repeat(rows, each)[order], bounds

    def _rows_of(self, j: int) -> Integers:
        """The rows of events that count as one asked for."""
        rows, bounds = self._occurrences
        return rows[bounds[j] : bounds[j + 1]]


def _unravelled(key: int, axes: list[tuple[str, ...]]) -> Row:
    row = []
    for values in reversed(axes):
        key, code = divmod(key, len(values))
        row.append(values[code])
    return tuple(reversed(row))
