"""Courses without their measurements, for benchmarks that need thousands of surveillances.

A replicate is a plan with another seed: sessions by course and day, and the events that are
watched, each with its recurrence. Nothing is written, nothing late, nothing missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streams.simulate.cohort.harms import YEAR
from streams.simulate.cohort.patients import patients
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.recurring import Effect, recurring
from streams.simulate.cohort.sessions import sessions
from streams.simulate.cohort.table import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class BySession:
    """An event that a session brings; see `recurring`.

    From day `begins` of the calendar on, in sessions after the `after`-th of a course, it is
    `ratio` times as likely, in courses of `arms` ((): all).
    """

    name: str
    effect: Effect
    ratio: float = 1.0
    begins: int = 0
    after: int = 0
    arms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ByTime:
    """An event that comes with time under treatment, `a_year` times a year on average.

    Patients differ: their own rates are gamma distributed with mean `a_year` and a squared
    coefficient of variation of `frailty` (0: all alike), so that those who had it have it again.
    `ratio`, `begins`, `after` (days of treatment) and `arms` as for a session.
    """

    name: str
    a_year: float
    frailty: float = 0.0
    ratio: float = 1.0
    begins: int = 0
    after: int = 0
    arms: tuple[str, ...] = ()


Watched = BySession | ByTime


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One replicate.

    A course: its `arm` (place in `arms`), first day at risk `entry`, last day `until`. A session:
    `course`, `day`, `number`, `dose_mg`, sorted by course and day. `happened`: by name, whether
    each session brought it. `dated`: by name, course and day of each event that comes with time.
    """

    days: int
    arms: tuple[str, ...]
    arm: Ints
    entry: Ints
    until: Ints
    course: Ints
    day: Ints
    number: Ints
    dose_mg: Floats
    happened: dict[str, Bools]
    dated: dict[str, tuple[Ints, Ints]]

    def events(self, name: str) -> tuple[Ints, Ints]:
        """Course and day of every event of a name, recurrences too, by course and day."""
        if name in self.dated:
            return self.dated[name]
        rows = self.happened[name]
        return self.course[rows], self.day[rows]

    def first_events(self, name: str) -> tuple[Ints, Ints]:
        """Course and day of the first event of each course that has one."""
        course, day = self.events(name)
        first = np.flatnonzero(np.diff(course, prepend=-1))
        return course[first], day[first]

    def per_day(self, day: Ints) -> Ints:
        """How many of these days fall on each day of the calendar."""
        return np.bincount(day, minlength=self.days)

    def at_risk(self, ends: Ints | None = None) -> Ints:
        """Courses under treatment on each day; `ends`: the last day at risk, if not `until`."""
        last = np.minimum(self.until, self.days - 1) if ends is None else ends
        seen = (self.entry < self.days) & (last >= self.entry)
        steps = np.zeros(self.days + 1, dtype=np.int64)
        np.add.at(steps, self.entry[seen], 1)
        np.add.at(steps, last[seen] + 1, -1)
        return np.cumsum(steps[:-1])


def survey(plan: Plan, watched: Sequence[Watched]) -> Surveyed:
    """One replicate of a plan; `plants` do not matter here.

    Raises `ValueError` where a ratio makes a chance greater than 1.

    >>> from streams.simulate.cohort.measures import Recurring
    >>> sedation = BySession("Sedation", Recurring(prone=0.6, first=0.8, later=0.5, falls=3.0))
    >>> once = survey(Plan(courses=200, arms={"esketamine": 1}), [sedation])
    >>> given, sedated = once.per_day(once.day), once.per_day(once.events("Sedation")[1])
    >>> bool((sedated <= given).all()), len(given)
    (True, 730)
    """
    people = patients(plan)
    given = sessions(plan, people)
    struck = {
        one.name: people.of(*one.arms) if one.arms else np.ones(len(people), dtype=bool)
        for one in watched
    }
    happened: dict[str, Bools] = {}
    dated: dict[str, tuple[Ints, Ints]] = {}
    for one in watched:
        rng = plan.draws(f"event {one.name}")
        if isinstance(one, ByTime):
            dated[one.name] = _dated(rng, one, struck[one.name], given.first, given.until)
            continue
        if one.effect.prone and one.ratio * float(one.effect.chance(np.ones(1, int))[0]) > 1:
            raise ValueError(f"{one.ratio:g} times the chance of {one.name} is more than 1")
        hit = struck[one.name][given.course] & (given.day >= one.begins)
        ratio = np.where(hit & (given.number > one.after), one.ratio, 1.0)
        happened[one.name] = recurring(
            rng, one.effect, given.course, given.number, len(people), ratio=ratio
        )
    return Surveyed(
        days=plan.days,
        arms=tuple(arm.name for arm in people.arms),
        arm=people.arm,
        entry=given.first,
        until=given.until,
        course=given.course,
        day=given.day,
        number=given.number,
        dose_mg=given.dose_mg,
        happened=happened,
        dated=dated,
    )


def _dated(
    rng: np.random.Generator, one: ByTime, struck: Bools, first: Ints, until: Ints
) -> tuple[Ints, Ints]:
    """A Poisson process a course, its rate `ratio` times as high from a day on.

    Drawn at the highest rate and thinned, so that a ratio of 1 keeps the events of a higher one.
    """
    n = len(first)
    own = rng.gamma(1 / one.frailty, one.frailty, n) if one.frailty else np.ones(n)
    days = np.maximum(until - first + 1, 0)
    top = max(one.ratio, 1.0)
    count = rng.poisson(top * one.a_year * own * days / YEAR)
    course = np.repeat(np.arange(n), count)
    day = first[course] + np.floor(rng.random(len(course)) * days[course]).astype(np.int64)
    from_day = np.maximum(first + one.after, one.begins)[course]
    here = np.where(struck[course] & (day >= from_day), one.ratio, 1.0)
    kept = rng.random(len(course)) * top < here
    course, day = course[kept], day[kept]
    order = np.lexsort((day, course))
    return course[order], day[order]
