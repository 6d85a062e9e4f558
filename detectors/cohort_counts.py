"""The counts of a cohort over any rows: whole, day by day, and by course within them.

A day counts in the row of its spell. All sums are of whole days, and exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.at_risk import AtRisk
from detectors.courses import NOWHERE
from detectors.disproportionality.method import Integers
from detectors.scope import Cells, Clusters, Daily


def cells(at_risk: AtRisk, by: Sequence[str], kinds: Sequence[str] | None = None) -> Cells:
    """The counts over some axes, see `AtRisk.rows`."""
    rows = at_risk.rows(by, kinds)
    events, size = len(at_risk.events), len(rows.names)
    n, days, seen, every, having, to_first = np.zeros((6, events, size), dtype=np.int64)
    outside = np.zeros(events, dtype=np.int64)
    spells, met = at_risk.courses.spells, at_risk.courses.sessions
    met_in = rows.row[met.spell]
    whole = np.flatnonzero(rows.row != NOWHERE)
    totals = []
    for end in at_risk.ends:
        length = at_risk.length(whole, end[spells.course[whole]])
        some = whole[length > 0]
        totals.append((_sum(rows.row[whole], size, length), rows.counted(rows.part[some])))
    for j, way in enumerate(at_risk.way):
        days[j], seen[j] = totals[way]
        _, day, spell = at_risk.firsts(j)
        at = rows.row[spell][day <= at_risk.scope.through]
        n[j] = _sum(at, size)
        outside[j] = np.count_nonzero(at == NOWHERE)
        one = at_risk.affected(j, rows)
        for sign, end in ((-1, one.without_end), (1, one.end)):
            length = at_risk.length(one.spell, end)
            days[j] += sign * _sum(rows.row[one.spell], size, length)
            seen[j] += sign * rows.counted(rows.part[one.spell[length > 0]])
        own = at_risk.sessions(j)
        every[j] = _sum(met_in[own.every], size, met.n[own.every])
        having[j] = _sum(met_in[own.with_event], size)
        to_first[j] = _sum(met_in[own.to_first], size, met.n[own.to_first])
    return Cells(
        tuple(by),
        rows.names,
        at_risk.events,
        n.T,
        days.T,
        seen.T,
        every.T,
        having.T,
        to_first.T,
        outside,
    )


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
        some = end > start
        row = rows.row[spell[some]]
        change = counted(row, start[some]) - counted(row, end[some])
        return np.cumsum(change, axis=1)

    totals = [between(whole, end[spells.course[whole]]) for end in at_risk.ends]
    for j, way in enumerate(at_risk.way):
        _, day, spell = at_risk.firsts(j)
        n[j] = counted(rows.row[spell], day)
        one = at_risk.affected(j, rows)
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
