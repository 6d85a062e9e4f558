"""Who was at risk of what, on which days: first events and person-time over the rows of a cohort.

A day counts in the row of its spell. A course is at risk of an event up to the day of the first
one, that day included, and no further than it was looked at: without a record that could have
shown the event there is no person-time, so that no data never looks like safety. All sums are of
whole days, and exact.
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
from detectors.scope import Cells, Daily, Row, Scope

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


class AtRisk:
    """The events of a scope over the courses, ready to be counted over any rows."""

    def __init__(self, courses: Courses, events: Sequence[str], scope: Scope) -> None:
        self.courses, self.events, self.scope = courses, tuple(events), scope
        members = [scope.members(event) for event in self.events]
        assessing = [scope.assessing(names) for names in members]
        self._ways = list(dict.fromkeys(assessing))
        self._way = [self._ways.index(way) for way in assessing]
        known = np.minimum(courses.registry_contact, scope.through)
        # for each way, the day after the last on which a course without the event counts
        self._ends = [np.minimum(courses.last_assessed(way), known) + 1 for way in self._ways]
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

    def cells(self, by: Sequence[str], kinds: Sequence[str] | None = None) -> Cells:
        """The counts over some axes, see `rows`."""
        rows = self.rows(by, kinds)
        shape = len(self.events), len(rows.names)
        n, days, seen, sessions, having = np.zeros((5, *shape), dtype=np.int64)
        outside = np.zeros(len(self.events), dtype=np.int64)
        spells, met = self.courses.spells, self.courses.sessions
        met_in = rows.row[met.spell]
        whole = np.flatnonzero(rows.row != NOWHERE)
        totals = []
        for end in self._ends:
            length = self._length(whole, end[spells.course[whole]])
            some = length > 0
            totals.append(
                (_sum(rows.row[whole], shape[1], length), rows.counted(rows.part[whole[some]]))
            )
        for j, way in enumerate(self._way):
            days[j], seen[j] = totals[way]
            _, day, spell = self._firsts(j)
            at = rows.row[spell][day <= self.scope.through]
            n[j] = _sum(at, shape[1])
            outside[j] = np.count_nonzero(at == NOWHERE)
            one = self._affected(j, rows)
            for sign, end in ((-1, one.without_end), (1, one.end)):
                length = self._length(one.spell, end)
                days[j] += sign * _sum(rows.row[one.spell], shape[1], length)
                seen[j] += sign * rows.counted(rows.part[one.spell[length > 0]])
            counted, with_event = self._sessions(j)
            sessions[j] = _sum(met_in[counted], shape[1], met.n[counted])
            having[j] = _sum(met_in[with_event], shape[1])
        return Cells(
            tuple(by), rows.names, self.events, n.T, days.T, seen.T, sessions.T, having.T, outside
        )

    def daily(self, by: Sequence[str], first_day: int) -> Daily:
        """What each day adds to the counts over some axes, from a day to the last that counts.

        Over all of a cohort's days it adds up to `cells`.
        """
        rows = self.rows(by)
        size, length = len(rows.names), max(self.scope.through - first_day + 1, 0)
        n, days, sessions, having = np.zeros((4, len(self.events), size, length), dtype=np.int64)
        spells, met = self.courses.spells, self.courses.sessions
        met_in = rows.row[met.spell]
        whole = np.flatnonzero(rows.row != NOWHERE)

        def counted(row: Integers, day: Integers, amount: Integers | None = None) -> Integers:
            kept = (row != NOWHERE) & (day >= first_day) & (day < first_day + length)
            place = row[kept] * length + day[kept] - first_day
            weights = None if amount is None else amount[kept]
            return _sum(place, size * length, weights).reshape(size, length)

        def between(spell: Integers, end: Integers) -> Integers:
            start = np.maximum(spells.start[spell], first_day)
            end = np.minimum(spells.end[spell], end)
            some = end > start
            row = rows.row[spell[some]]
            change = counted(row, start[some]) - counted(row, end[some])
            return np.cumsum(change, axis=1)

        totals = [between(whole, end[spells.course[whole]]) for end in self._ends]
        for j, way in enumerate(self._way):
            _, day, spell = self._firsts(j)
            n[j] = counted(rows.row[spell], day)
            one = self._affected(j, rows)
            days[j] = totals[way] - between(one.spell, one.without_end)
            days[j] += between(one.spell, one.end)
            both = self._sessions(j)
            sessions[j] = counted(met_in[both[0]], met.day[both[0]], met.n[both[0]])
            having[j] = counted(met_in[both[1]], met.day[both[1]])
        columns = (x.transpose(2, 1, 0) for x in (n, days, sessions, having))
        return Daily(first_day, tuple(by), rows.names, self.events, *columns)

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

    def _length(self, spell: Integers, end: Integers) -> Integers:
        """Days of spells that lie before a day."""
        spells = self.courses.spells
        return np.maximum(np.minimum(spells.end[spell], end) - spells.start[spell], 0)

    @cached_property
    def _occurrences(self) -> tuple[Integers, Integers, Integers]:
        """Every occurrence of every event asked for: which, its row, sorted by event."""
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
        return event[order], np.repeat(rows, each)[order], bounds

    def _rows_of(self, j: int) -> Integers:
        """The rows of events that count as one asked for."""
        _, rows, bounds = self._occurrences
        return rows[bounds[j] : bounds[j + 1]]

    def _firsts(self, j: int) -> tuple[Integers, Integers, Integers]:
        """The first event of each course that has any: course, day, spell (NOWHERE: none)."""
        if j not in self._found:
            rows, held = self._rows_of(j), self.courses.events
            key = np.sort(held.course[rows].astype(np.int64) << DAY_BITS | held.day[rows])
            first = np.diff(key >> DAY_BITS, prepend=-1) > 0
            course, day = key[first] >> DAY_BITS, key[first] & DAY
            self._found[j] = course, day, self.courses.place(course, day)
        return self._found[j]

    @cached_property
    def _found(self) -> dict[int, tuple[Integers, Integers, Integers]]:
        return {}

    def _affected(self, j: int, rows: Rows) -> Affected:
        course, day, _ = self._firsts(j)
        number = self.courses.n_spells[course]
        spell = runs(self.courses.first_spell[course], number)
        end = np.repeat(np.minimum(day, self.scope.through) + 1, number)
        kept = rows.row[spell] != NOWHERE
        spell, end = spell[kept], end[kept]
        return Affected(spell, self._ends[self._way[j]][self.courses.spells.course[spell]], end)

    def _sessions(self, j: int) -> tuple[Integers, Integers]:
        """Rows of sessions that were assessed for an event, and of those that had it."""
        if j not in self._met:
            self._met[j] = self._assessed_and_with(j)
        return self._met[j]

    @cached_property
    def _met(self) -> dict[int, tuple[Integers, Integers]]:
        return {}

    def _assessed_and_with(self, j: int) -> tuple[Integers, Integers]:
        courses, held = self.courses, self.courses.events
        rows = self._rows_of(j)
        rows = rows[held.session[rows]]
        if not len(rows) and self.events[j] not in self.scope.per_session:
            return rows, rows
        had = courses.session_of(held.course[rows], held.day[rows])
        with_event = np.zeros(len(courses.sessions.day), dtype=bool)
        with_event[had[had != NOWHERE]] = True
        counts = courses.sessions.day <= self.scope.through
        assessed = courses.assessed_sessions(self._ways[self._way[j]]) | with_event
        return np.flatnonzero(assessed & counts), np.flatnonzero(with_event & counts)


def _sum(place: Integers, size: int, amount: Integers | None = None) -> Integers:
    """How many, or how much in all, at each place; NOWHERE is none."""
    kept = place != NOWHERE
    return np.bincount(place[kept], None if amount is None else amount[kept], size).astype(np.int64)


def _unravelled(key: int, axes: list[tuple[str, ...]]) -> Row:
    row = []
    for values in reversed(axes):
        key, code = divmod(key, len(values))
        row.append(values[code])
    return tuple(reversed(row))
