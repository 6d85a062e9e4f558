"""Mood scales, and suicidality beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.simulate.cohort.figures import figures
from streams.simulate.cohort.harms import YEAR
from streams.simulate.cohort.patients import Patients
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.sessions import Sessions, aftercare, visits
from streams.simulate.cohort.table import Floats, Ints, Table, table

_EARLY = (-7, 7, 14, 28, 56)
_EVERY = 28
_SCREENED = ("C-SSRS", "PHQ-9 item 9")


@dataclass(frozen=True, slots=True)
class _Seen:
    """Visits, and how much of the first score is left at each (a share)."""

    course: Ints
    day: Ints
    left: Floats


def mood(plan: Plan, people: Patients, given: Sessions) -> list[Table]:
    """One record a scale and visit, dates without times; suicidality at each."""
    facts = figures().mood
    seen = _seen(plan, people, given)
    tables = []
    severity = plan.draws("severity").normal(size=len(people))
    for name, scale in facts.scale.items():
        rng = plan.draws(f"mood, {name}")
        own = 0.7 * severity + 0.714 * rng.normal(size=len(people))
        first = np.clip(scale.first[0] + scale.first[1] * own, 5, scale.range[1])
        score = first[seen.course] * seen.left + rng.normal(0, scale.error, len(seen.course))
        rated = np.array([name in arm.mood for arm in people.arms])[people.arm[seen.course]]
        tables.append(
            table(
                "mood",
                seen.course[rated],
                seen.day[rated],
                instrument=name,
                score=np.clip(np.round(score), *scale.range)[rated],
            )
        )
    return [*tables, *_suicidality(plan, people, given, seen)]


def _seen(plan: Plan, people: Patients, given: Sessions) -> _Seen:
    facts = figures().mood
    rng = plan.draws("mood visits")
    course, day, _ = visits(rng, given, np.arange(len(people)), _EARLY, _EVERY)
    after = aftercare(given)
    course, day = np.concatenate([course, after[0]]), np.concatenate([day, after[1]])
    mean, sd = facts.improvement
    mean_of = np.full(len(people), mean)
    for name, other in facts.means.items():
        mean_of[people.of(name)] = other
    gain = np.clip(plan.draws("improvement").normal(mean_of, sd), -0.3, 1.0)
    weeks = np.maximum(day - given.first[course], 0) / 7
    # the published gain is the one at four weeks
    reached = (1 - np.exp(-weeks / facts.weeks)) / (1 - np.exp(-4 / facts.weeks))
    stopped = np.clip((day - given.last[course] - 3) / 28, 0, 1)
    kept = 1 - facts.relapse * np.where(people.of("comparator")[course], 0.0, stopped)
    return _Seen(course, day, 1 - gain[course] * np.minimum(reached, 1.0) * kept)


def _suicidality(plan: Plan, people: Patients, given: Sessions, seen: _Seen) -> list[Table]:
    """Ideation that goes with mood; serious events at a constant rate, seen on their day."""
    facts = figures().suicidality
    rng = plan.draws("ideation")
    prone = rng.random(len(people)) < facts.ideation
    worst = np.where(rng.random(len(people)) < facts.high, 4, rng.integers(1, 4, len(people)))
    active = prone[seen.course] & (rng.random(len(seen.course)) < seen.left)
    level = np.where(active, worst[seen.course], 0)
    onset = given.first + plan.draws("suicidality").exponential(
        YEAR / facts.serious, len(people)
    ).astype(np.int64)
    serious = np.flatnonzero(onset <= given.until)
    course = np.concatenate([seen.course, serious])
    day = np.concatenate([seen.day, onset[serious]])
    level = np.concatenate([level, np.full(len(serious), 5)])
    acts = plan.draws("behaviour").random(len(people)) < 0.5
    acted = np.concatenate([np.zeros(len(seen.course), bool), acts[serious]])
    by = np.array([_SCREENED.index(arm.suicidality) for arm in people.arms])[people.arm[course]]
    clinic, home = by == 0, by == 1
    return [
        table(
            "suicidality",
            course[clinic],
            day[clinic],
            instrument=_SCREENED[0],
            ideation=level[clinic].astype(object),
            behaviour=acted[clinic].astype(object),
        ),
        table(
            "suicidality",
            course[home],
            day[home],
            instrument=_SCREENED[1],
            item_score=np.minimum(level[home], 3).astype(object),
        ),
    ]
