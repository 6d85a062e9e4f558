"""The counts of a cohort over any rows: whole, day by day, and by course within them.

A day counts in the row of its spell. All sums are of whole days, and exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.at_risk import AtRisk, Met, Rows
from detectors.courses import NOWHERE
from detectors.disproportionality.method import Integers
from detectors.scope import Cells, Clusters, Daily


def cells(at_risk: AtRisk, by: Sequence[str], kinds: Sequence[str] | None = None) -> Cells:
    """The counts over some axes, see `AtRisk.rows`."""
    return several(at_risk, [(by, kinds)])[0]


def several(
    at_risk: AtRisk, wanted: Sequence[tuple[Sequence[str], Sequence[str] | None]]
) -> list[Cells]:
    """The counts over several sets of axes at once, each with its kinds of spell."""
    sums = [_Sums(at_risk, at_risk.rows(by, kinds)) for by, kinds in wanted]
    for j in range(len(at_risk.events)):
        first = at_risk.firsts(j)
        one = at_risk.affected(j)
        before, after = (at_risk.length(one.spell, end) for end in (one.without_end, one.end))
        met = at_risk.sessions(j)
        for own in sums:
            own.add_first(j, *first[1:])
            own.add_days(j, one.spell, before, after)
            own.add_sessions(j, met)
    return [own.cells(by) for own, (by, _) in zip(sums, wanted, strict=True)]


class _Sums:
    """The counts over one set of rows, event by event."""

    def __init__(self, at_risk: AtRisk, rows: Rows) -> None:
        self.at_risk, self.rows = at_risk, rows
        shape = len(at_risk.events), len(rows.names)
        self.outside = np.zeros(shape[0], dtype=np.int64)
        columns = np.zeros((6, *shape), dtype=np.int64)
        self.n, self.days, self.courses, self.every, self.having, self.to_first = columns
        whole = np.flatnonzero(rows.row != NOWHERE)
        totals = []
        for end in at_risk.ends:
            length = at_risk.length(whole, end[at_risk.courses.spells.course[whole]])
            seen = rows.counted(rows.part[whole[length > 0]])
            totals.append((_sum(rows.row[whole], shape[1], length), seen))
        for j, way in enumerate(at_risk.way):
            self.days[j], self.courses[j] = totals[way]
        self.met_in = rows.row[at_risk.courses.sessions.spell]

    def add_first(self, j: int, day: Integers, spell: Integers) -> None:
        at = self.rows.row[spell[day <= self.at_risk.scope.through]]
        self.n[j] = self._sum(at)
        self.outside[j] = np.count_nonzero(at == NOWHERE)

    def add_days(self, j: int, spell: Integers, before: Integers, after: Integers) -> None:
        row = self.rows.row[spell]
        kept = np.flatnonzero((row != NOWHERE) & ((before > 0) | (after > 0)))
        self.days[j] += self._sum(row[kept], (after - before)[kept])
        part = self.rows.part[spell[kept]]
        self.courses[j] += self.rows.counted(part[after[kept] > 0])
        self.courses[j] -= self.rows.counted(part[before[kept] > 0])

    def add_sessions(self, j: int, met: Met) -> None:
        n = self.at_risk.courses.sessions.n
        self.every[j] = self._sum(self.met_in[met.every], n[met.every])
        self.having[j] = self._sum(self.met_in[met.with_event])
        self.to_first[j] = self._sum(self.met_in[met.to_first], n[met.to_first])

    def cells(self, by: Sequence[str]) -> Cells:
        return Cells(
            tuple(by),
            self.rows.names,
            self.at_risk.events,
            self.n.T,
            self.days.T,
            self.courses.T,
            self.every.T,
            self.having.T,
            self.to_first.T,
            self.outside,
        )

    def _sum(self, row: Integers, amount: Integers | None = None) -> Integers:
        return _sum(row, len(self.rows.names), amount)


def daily(at_risk: AtRisk, by: Sequence[str], first_day: int) -> Daily:
    """What each day adds to the counts over some axes, from a day to the last that counts.

    Over all of a cohort's days it adds up to `cells`.
    """
    rows = at_risk.rows(by)
    size, length = len(rows.names), max(at_risk.scope.through - first_day + 1, 0)
    shape = 5, len(at_risk.events), size, length
    n, days, every, having, to_first = np.zeros(shape, dtype=np.int64)
    spells, met = at_risk.courses.spells, at_risk.courses.sessions
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
        some = (end > start) & (rows.row[spell] != NOWHERE)
        row = rows.row[spell[some]]
        change = counted(row, start[some]) - counted(row, end[some])
        return np.cumsum(change, axis=1)

    totals = [between(whole, end[spells.course[whole]]) for end in at_risk.ends]
    for j, way in enumerate(at_risk.way):
        _, day, spell = at_risk.firsts(j)
        n[j] = counted(rows.row[spell], day)
        one = at_risk.affected(j)
        days[j] = totals[way] - between(one.spell, one.without_end) + between(one.spell, one.end)
        own = at_risk.sessions(j)
        every[j] = counted(met_in[own.every], met.day[own.every], met.n[own.every])
        having[j] = counted(met_in[own.with_event], met.day[own.with_event])
        to_first[j] = counted(met_in[own.to_first], met.day[own.to_first], met.n[own.to_first])
    columns = (x.transpose(2, 1, 0) for x in (n, days, every, having, to_first))
    return Daily(first_day, tuple(by), rows.names, at_risk.events, *columns)


def clusters(at_risk: AtRisk, by: Sequence[str], kinds: Sequence[str] | None = None) -> Clusters:
    """How the sessions of `cells` lie within courses."""
    rows = at_risk.rows(by, kinds)
    size, parts = len(rows.names), len(rows.part_row)
    out = np.zeros((4, len(at_risk.events), size), dtype=np.int64)
    met = at_risk.courses.sessions
    met_in = rows.part[met.spell]
    for j in range(len(at_risk.events)):
        own = at_risk.sessions(j)
        every = _sum(met_in[own.every], parts, met.n[own.every])
        having = _sum(met_in[own.with_event], parts)
        sums = np.sign(every), having * having, having * every, every * every
        for i, amount in enumerate(sums):
            out[i, j] = _sum(rows.part_row, size, amount)
    return Clusters(*(sums.T for sums in out))


def _sum(place: Integers, size: int, amount: Integers | None = None) -> Integers:
    """How many, or how much in all, at each place; NOWHERE is none."""
    kept = place != NOWHERE
    return np.bincount(place[kept], None if amount is None else amount[kept], size).astype(np.int64)
