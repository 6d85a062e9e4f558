"""When doses are given: induction, maintenance, gaps, the end of a course."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.simulate.cohort.figures import Arm, figures
from streams.simulate.cohort.patients import ENROLMENT, Patients
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.table import Bools, Floats, Ints

NEVER = 1 << 40
_GIVEN_UP = 60  # days until a registry writes somebody off as lost
_AFTERCARE = (14, 28)


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions, sorted by course and day, and how each course goes on and ends.

    A session: `course`, `day` of the calendar, its `number` in the course (from 1), whether it is
    of the `induction`, dose and dose `absorbed` up to then in all, mg. A course: `first` day of
    treatment, `last` one, `until` (the last day on which it is seen), `exit` day and `reason`
    (`NEVER` and "" where no exit is sent), `interval` between doses in the long run (NaN: none),
    `aftercare`.
    """

    course: Ints
    day: Ints
    number: Ints
    induction: Bools
    dose_mg: Floats
    absorbed: Floats
    first: Ints
    last: Ints
    until: Ints
    exit: Ints
    reason: npt.NDArray[Any]
    interval: Floats
    aftercare: Bools

    def __len__(self) -> int:
        return len(self.course)

    def counts(self) -> Ints:
        """Sessions of each course."""
        return np.bincount(self.course, minlength=len(self.first))

    def usual_mg(self) -> Floats:
        """The last dose of each course, which is its usual one, mg; NaN where there is none."""
        usual = np.full(len(self.first), np.nan)
        usual[self.course] = self.dose_mg
        return usual


def sessions(plan: Plan, people: Patients) -> Sessions:
    """The sessions of all courses.

    >>> from streams.simulate.cohort.patients import patients
    >>> plan = Plan(courses=50, arms={"esketamine": 1}, entry=0)
    >>> given = sessions(plan, patients(plan))
    >>> bool(given.number[given.induction].max() == 8), bool(given.day.max() < 730)
    (True, True)
    """
    facts = figures().stay
    n = len(people)
    first = people.enrolled + ENROLMENT
    last = first - 1
    left = np.zeros(n, dtype=bool)
    interval = np.full(n, np.nan)
    lived = plan.draws("death").exponential(365.25 / facts.death, n)
    died = np.where(first + lived < plan.days, first + lived, NEVER).astype(np.int64)
    parts: list[tuple[Ints, _Given]] = []
    for place, arm in enumerate(people.arms):
        mine = np.flatnonzero(people.arm == place)
        rng = plan.draws(f"sessions of {arm.name}")
        if arm.induction:
            got = _given(rng, arm, first[mine], np.minimum(died[mine] + 1, plan.days))
            parts.append((mine, got))
            interval[mine], left[mine] = got.interval, got.left
            last[mine] = np.maximum(last[mine], np.where(got.kept, got.day, -1).max(axis=1))
        else:
            stays = rng.exponential(365.25 / arm.leave_a_year, len(mine)).astype(np.int64)
            last[mine] = np.minimum(first[mine] + stays, np.minimum(died[mine], plan.days - 1))
            left[mine] = first[mine] + stays < plan.days
    none = np.zeros(0, dtype=np.int64)
    course = np.concatenate([none, *(mine[np.nonzero(got.kept)[0]] for mine, got in parts)])
    order = np.argsort(course, kind="stable")
    course = course[order]
    day, number = (
        np.concatenate([none, *(getattr(got, name)[got.kept] for _, got in parts)])[order]
        for name in ("day", "number")
    )
    lengths = np.zeros(n, dtype=np.int64)
    for mine, got in parts:
        lengths[mine] = got.length
    dose, absorbed = doses(plan, people, course, number)
    until, exit_day, reason, cared = _ends(plan, last, left, died)
    return Sessions(
        course=course,
        day=day,
        number=number,
        induction=number <= lengths[course],
        dose_mg=dose,
        absorbed=absorbed,
        first=first,
        last=last,
        until=until,
        exit=exit_day,
        reason=reason,
        interval=interval,
        aftercare=cared,
    )


@dataclass(frozen=True, slots=True)
class _Given:
    """The planned sessions of one arm, (courses, sessions), and which of them are given.

    A course: interval in the long run, sessions of its induction, whether it was left.
    """

    day: Ints
    number: Ints
    kept: Bools
    interval: Floats
    length: Ints
    left: Bools


def _given(rng: np.random.Generator, arm: Arm, first: Ints, horizon: Ints) -> _Given:
    facts = figures().stay
    n = len(first)
    lengths = list(map(len, arm.induction))
    values = list(map(float, arm.intervals))
    interval = rng.choice(values, n, p=list(arm.intervals.values()))
    span = int(max(horizon - first, default=0))
    width = max(lengths) + max(0, int(span / min(values))) + 1
    gaps = np.full((len(lengths), width), np.nan)
    for row, offsets in enumerate(arm.induction):
        gaps[row, : len(offsets)] = np.diff(offsets, prepend=0)
    which = rng.integers(0, len(lengths), n)
    planned = np.where(np.isnan(gaps[which]), interval[:, None], gaps[which])
    at, pause = rng.integers(9, 40, n), rng.integers(21, 85, n)
    paused = np.flatnonzero((rng.random(n) < facts.pause) & (at < width))
    planned[paused, at[paused]] += pause[paused]
    # a dose is late by a day now and then, which the next one does not inherit
    late = rng.random((n, width), dtype=np.float32) < 0.15
    days = first[:, None] + np.cumsum(planned, axis=1).astype(np.int64) + late
    missed = rng.random((n, width), dtype=np.float32) < facts.missed
    missed[:, 0] = False
    number = np.cumsum(~missed, axis=1, dtype=np.int64)
    length = np.array(lengths)[which]
    if arm.induction_sessions is not None:
        length = np.full(n, arm.induction_sessions)
    stay = _stay(rng, arm, n, width)
    stay = np.where(rng.random(n) < arm.stop, np.minimum(stay, length), stay)
    kept = ~missed & (number <= stay[:, None]) & (days < horizon[:, None])
    return _Given(days, number, kept, interval, length, kept.sum(axis=1) >= stay)


def _stay(rng: np.random.Generator, arm: Arm, n: int, width: int) -> Ints:
    """How many sessions each patient gets where nothing else ends the course."""
    session = np.arange(1, width + 1)
    bounds = np.array([bound for bound, _ in arm.leave])
    hazards = np.array([hazard for _, hazard in arm.leave])
    stays_on = np.cumprod(1 - hazards[np.searchsorted(bounds, session)])
    return 1 + np.searchsorted(-stays_on, -rng.random(n))


def doses(plan: Plan, people: Patients, course: Ints, number: Ints) -> tuple[Floats, Floats]:
    """Dose of each session and dose absorbed so far, mg; sessions sorted by course and number."""
    dose = np.zeros(len(course))
    share = np.zeros(len(people.arms))
    for place, arm in enumerate(people.arms):
        mine = people.arm[course] == place
        share[place] = arm.absorbed
        if arm.mg_per_kg is not None:
            dose[mine] = np.round(arm.mg_per_kg * people.weight[course[mine]], 1)
        elif arm.dose_mg:
            usual = plan.draws(f"dose of {arm.name}").choice(
                list(map(float, arm.dose_mg)), len(people), p=list(arm.dose_mg.values())
            )
            dose[mine] = usual[course[mine]]
        if arm.first_dose_mg is not None:
            dose[mine & (number == 1)] = arm.first_dose_mg
    so_far = np.cumsum(dose * share[people.arm[course]])
    starts = np.flatnonzero(np.diff(course, prepend=-1))
    before = np.concatenate([[0.0], so_far])[starts]
    return dose, so_far - np.repeat(before, np.diff(np.append(starts, len(course))))


def _ends(
    plan: Plan, last: Ints, left: Bools, died: Ints
) -> tuple[Ints, Ints, npt.NDArray[Any], Bools]:
    """Of each course: until when it is seen, day and reason of its exit, aftercare."""
    facts = figures().stay
    rng = plan.draws("exit")
    n = len(last)
    reasons = np.array(list(facts.reasons), dtype=object)
    reason = rng.choice(reasons, n, p=list(facts.reasons.values()))
    lost = reason == "lost"
    aftercare = left & ~lost & (rng.random(n) < facts.aftercare)
    lag = np.where(aftercare, _AFTERCARE[-1], rng.integers(0, 15, n))
    exit_day = np.where(left, last + np.where(lost, _GIVEN_UP, lag), NEVER)
    silent = left & lost & (rng.random(n) < facts.silent)
    dead = died <= np.minimum(exit_day, plan.days - 1)
    exit_day = np.where(silent, NEVER, exit_day)
    exit_day = np.where(dead, died, exit_day)
    exit_day = np.where(exit_day < plan.days, exit_day, NEVER)
    reason = np.where(dead, "death", reason)
    seen = np.where(left & lost, last, plan.days - 1)
    until = np.minimum(np.where(dead, died, seen), exit_day)
    reason = np.where(exit_day < NEVER, reason, "")
    return until, exit_day, reason, aftercare & ~dead


def aftercare(given: Sessions) -> tuple[Ints, Ints]:
    """Course and day of the visits after the last dose."""
    course = np.flatnonzero(given.aftercare)
    days = given.last[course][:, None] + np.array(_AFTERCARE)
    seen = days <= given.until[course][:, None]
    rows, _ = np.nonzero(seen)
    return course[rows], days[seen]


def visits(
    rng: np.random.Generator, given: Sessions, courses: Ints, early: tuple[int, ...], every: int
) -> tuple[Ints, Ints, Ints]:
    """Course, day and place in the plan of visits at `early` days of treatment, then periodic.

    Some are missed, those of the first two places never; all fall a day or two late or not.
    """
    until = given.until[courses]
    first = given.first[courses]
    span = int(max(until - first, default=0))
    later = np.arange(early[-1] + every, max(span, early[-1]) + 1, every)
    offsets = np.concatenate([np.array(early), later]).astype(np.int64)
    shape = len(courses), len(offsets)
    day = first[:, None] + offsets + np.where(offsets > 0, rng.integers(0, 3, shape), 0)
    seen = (day <= until[:, None]) & (rng.random(shape) >= figures().amiss.visits_missed)
    seen |= (offsets <= 0) & (day <= until[:, None])
    rows, places = np.nonzero(seen)
    return courses[rows], day[rows, places], places.astype(np.int64)
