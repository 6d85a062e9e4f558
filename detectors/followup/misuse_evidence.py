"""Evidence that adds up and fades: points of markers, and the level that they reach.

A marker gives points on its day. They count in full for `full_days`, by half until `gone_days`,
then not at all. Each marker counts once, at the most that any of its occurrences still gives, so
a repeat renews a marker and never doubles it. The sum is held against the least points of each
level. All of it can be done by hand from the dates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec


class Evidence(msgspec.Struct, frozen=True, array_like=True):
    """One occurrence of a marker: its points, its day, its records, and what was seen."""

    marker: str
    points: float
    day: int
    records: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Fading:
    """For how many days points count in full, and by half; both days themselves included."""

    full_days: int
    gone_days: int

    def present(self, evidence: Evidence, day: int) -> float:
        """The points that are left of it on a day.

        >>> one = Evidence("m", 2, 1000, ("r",), "seen")
        >>> [Fading(90, 180).present(one, 1000 + age) for age in (0, 90, 91, 180, 181)]
        [2, 2, 1.0, 1.0, 0.0]
        """
        age = day - evidence.day
        if age <= self.full_days:
            return evidence.points
        return evidence.points / 2 if age <= self.gone_days else 0.0

    def strongest(self, held: Iterable[Evidence], day: int) -> list[Evidence]:
        """The occurrence of each marker that gives most on a day, oldest first; the newer of two.

        >>> old, new = Evidence("m", 4, 1000, ("a",), ""), Evidence("m", 2, 1100, ("b",), "")
        >>> [e.records for e in Fading(90, 180).strongest([old, new], 1080)]
        [('a',)]
        >>> [e.records for e in Fading(90, 180).strongest([old, new], 1100)]
        [('b',)]
        """
        best: dict[str, Evidence] = {}
        for one in held:
            rank = self.present(one, day), one.day
            if rank[0] > 0 and (
                one.marker not in best
                or rank >= (self.present(best[one.marker], day), best[one.marker].day)
            ):
                best[one.marker] = one
        return sorted(best.values(), key=lambda one: (one.day, one.marker))

    def total(self, held: Iterable[Evidence], day: int) -> float:
        """The sum over markers, each once.

        >>> a, b = Evidence("a", 2, 1000, ("a",), ""), Evidence("b", 1, 1000, ("b",), "")
        >>> Fading(90, 180).total([a, a, b], 1000), Fading(90, 180).total([a, b], 1091)
        (3, 1.5)
        """
        return sum(self.present(one, day) for one in self.strongest(held, day))

    def kept(self, held: Iterable[Evidence], day: int) -> tuple[Evidence, ...]:
        """What can still matter on this day or later: not gone, and not outdone by a newer one.

        As many a marker as it has different points, so the state stays small.

        >>> a, b = Evidence("m", 2, 1000, ("a",), ""), Evidence("m", 2, 1050, ("b",), "")
        >>> [e.records for e in Fading(90, 180).kept([a, b], 1050)]
        [('b',)]
        """
        out: list[Evidence] = []
        most: dict[str, float] = {}
        for one in sorted(held, key=lambda one: one.day, reverse=True):
            if self.present(one, day) > 0 and one.points > most.get(one.marker, 0):
                most[one.marker] = one.points
                out.append(one)
        return tuple(sorted(out, key=lambda one: (one.day, one.marker)))


def level(points: float, bounds: tuple[float, ...]) -> int:
    """How many of the bounds the points reach.

    >>> [level(points, (1, 4, 6)) for points in (0.5, 1, 3.5, 4, 6)]
    [0, 1, 1, 2, 3]
    """
    return sum(points >= bound for bound in bounds)


def reasons(evidence: Iterable[Evidence], day: int, fading: Fading) -> str:
    """Each marker with what was seen and its points, as one clause a marker.

    >>> one = Evidence("m", 2, 1000, ("r",), "7 days of overlapping supply")
    >>> reasons([one], 1000, Fading(90, 180))
    '7 days of overlapping supply (2)'
    >>> reasons([one], 1100, Fading(90, 180))
    '7 days of overlapping supply (1, half of 2 after 100 days)'
    """
    out = []
    for one in evidence:
        now = fading.present(one, day)
        faded = f", half of {one.points:g} after {day - one.day} days" if now < one.points else ""
        out.append(f"{one.text} ({now:g}{faded})")
    return "; ".join(out)
