"""Events that only some have, and these again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from streams.simulate.cohort.table import Bools, Floats, Ints
from streams.simulate.facts import Profile


class Effect(Protocol):
    """The share of patients who are prone, and the chance in a session (from 1 on) of theirs."""

    @property
    def prone(self) -> float: ...

    def chance(self, session: Ints) -> Floats: ...


@dataclass(frozen=True, slots=True)
class Reported:
    """An event of a published profile as an effect: patients with it over the phase come out right.

    >>> from streams.simulate.facts import profile
    >>> nausea = Reported(profile("esketamine", "induction"), "Nausea")
    >>> chance = nausea.chance(np.arange(1, 9))
    >>> round(100 * nausea.prone * float(1 - np.prod(1 - chance)), 6)
    28.0
    """

    profile: Profile
    event: str

    @property
    def prone(self) -> float:
        return self.profile.prone(self.event)

    def chance(self, session: Ints) -> Floats:
        return np.where(session <= 2, self.profile.first, self.profile.later)


def recurring(
    rng: np.random.Generator,
    effect: Effect,
    course: Ints,
    number: Ints,
    courses: int,
    *,
    ratio: float | Floats = 1.0,
) -> Bools:
    """Whether each session brings the effect; sessions by course and number (from 1).

    A patient is prone or not, for good; whoever is prone has it in each session with
    `ratio * effect.chance(number)`, at most 1, independently. So an effect recurs in those who
    had it. The same draws at a greater ratio bring it in the same sessions and in more.

    >>> from streams.simulate.cohort.measures import Recurring
    >>> effect = Recurring(prone=0.5, first=1.0, later=1.0, falls=1.0)
    >>> course = np.repeat(np.arange(1000), 3)
    >>> had = recurring(np.random.default_rng(1), effect, course, np.tile([1, 2, 3], 1000), 1000)
    >>> per_course = had.reshape(1000, 3).sum(axis=1)
    >>> sorted(set(per_course.tolist())), 450 < int(np.count_nonzero(per_course)) < 550
    ([0, 3], True)
    """
    prone = rng.random(courses) < effect.prone
    rows = np.flatnonzero(prone[course])
    chance = ratio * effect.chance(number)
    happened = np.zeros(len(course), dtype=bool)
    happened[rows] = rng.random(len(rows)) < chance[rows]
    return happened
