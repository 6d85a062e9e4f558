"""Bladder and liver: symptom scales, blood in the urine, liver tests."""

from __future__ import annotations

import numpy as np

from streams.simulate.cohort.figures import figures
from streams.simulate.cohort.harms import YEAR, Harmed
from streams.simulate.cohort.measures import UrinaryScale
from streams.simulate.cohort.patients import Patients
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.sessions import Sessions, visits
from streams.simulate.cohort.table import Floats, Ints, Table, table

_EARLY = (-7, 28, 112)
_EVERY = 84
_EPISODE = 14  # days
_LIVER_EVERY = 168


def episodes(plan: Plan, given: Sessions) -> Ints:
    """The day on which each course's first passing urinary symptoms begin, were it seen."""
    rate = figures().urinary.episodes
    days = plan.draws("urinary episodes").exponential(YEAR / rate, len(given.first))
    return given.first + np.minimum(days, 1e6).astype(np.int64)


def urinary(plan: Plan, people: Patients, given: Sessions, harmed: Harmed) -> list[Table]:
    """One record a scale and visit, with blood or not; some passing symptoms are seen at once."""
    facts = figures().urinary
    course, day, _ = visits(
        plan.draws("urinary visits"), given, np.arange(len(people)), _EARLY, _EVERY
    )
    begun = episodes(plan, given)
    rng = plan.draws("unscheduled")
    asked = (rng.random(len(people)) < facts.unscheduled) & (begun + 2 <= given.until)
    extra = np.flatnonzero(asked)
    course, day = np.concatenate([course, extra]), np.concatenate([day, begun[extra] + 2])
    passing = (day >= begun[course]) & (day < begun[course] + _EPISODE)
    height = np.clip((day - harmed.urinary[course]) / facts.ramp, 0.0, 1.0)
    rng = plan.draws("urinary scores")
    blood = rng.random(len(course)) < np.where(height > 0, facts.bleeds, facts.haematuria)
    tables = []
    for name, scale in facts.scale.items():
        own = _own(plan, name, scale, len(people))
        once = plan.draws(f"{name} once harmed").normal(*scale.harmed, len(people))
        score = own[course] + rng.normal(0, scale.score[2], len(course))
        score += np.where(passing, rng.uniform(1, 4, len(course)), 0.0)
        lasting = np.maximum(once[course], own[course] + 1) - own[course]
        score = np.clip(np.round(score + height * lasting), *scale.range)
        uses = np.array([name in arm.urinary for arm in people.arms])[people.arm[course]]
        first = np.array([name in arm.urinary[:1] for arm in people.arms])[people.arm[course]]
        tables.append(
            table(
                "urinary",
                course[uses],
                day[uses],
                instrument=name,
                score=score[uses],
                # of two scales at a visit, one says whether there was blood
                haematuria=np.where(first, blood.astype(object), np.array(None))[uses],
            )
        )
    return tables


def _own(plan: Plan, name: str, scale: UrinaryScale, n: int) -> Floats:
    """What each patient has without harm: some have symptoms at the start."""
    facts = figures().urinary
    rng = plan.draws(f"urinary, {name}")
    mean, bound, error = scale.score
    calm = np.minimum(rng.gamma(2.0, mean / 2, n), bound - 2.0 - error)
    ranked = plan.draws("urinary symptoms at the start").random(n)
    symptomatic = ranked < facts.symptoms
    return np.where(symptomatic, bound + 0.3 + rng.exponential(1.5, n), np.maximum(calm, 0.0))


def liver(plan: Plan, people: Patients, given: Sessions) -> Table:
    """At the start and every 24 weeks; now and then a test is raised and the next one is not."""
    facts = figures().liver
    tested = np.array([arm.liver for arm in people.arms])[people.arm]
    rng = plan.draws("liver")
    course, day, place = visits(rng, given, np.flatnonzero(tested), (-7, 28), _LIVER_EVERY)
    interval = np.select([place == 0, place == 1], [0, 35], _LIVER_EVERY) / YEAR
    n = len(course)
    values = {}
    for name, median in facts.medians.items():
        own = rng.normal(0, facts.between, len(people))[course]
        values[name] = median * np.exp(own + rng.normal(0, facts.within, n))
    raised = 3 + rng.exponential(1.2, n)
    alt = rng.random(n) < -np.expm1(-facts.alt * interval)
    ast = alt & (rng.random(n) < facts.ast_with_alt)
    ggt = rng.random(n) < -np.expm1(-facts.ggt * interval)
    for name, where in (("alt_xuln", alt), ("ast_xuln", ast), ("ggt_xuln", ggt)):
        values[name] = np.where(where, raised, np.minimum(values[name], 2.9))
    return table(
        "liver", course, day, **{name: np.round(value, 2) for name, value in values.items()}
    )
