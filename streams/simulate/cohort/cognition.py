"""Cognitive tests: a true score, practice, retest error; now and then a test under the drug."""

from __future__ import annotations

import numpy as np

from streams.simulate.cohort.figures import figures
from streams.simulate.cohort.harms import YEAR, Harmed
from streams.simulate.cohort.measures import CognitiveTest
from streams.simulate.cohort.patients import Patients
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.sessions import Sessions, visits
from streams.simulate.cohort.table import Floats, Ints, Table, table

# a familiarisation, the first one that counts, then at one month and every twelve weeks
_EARLY = (-7, -1, 28)
_EVERY = 84


def cognitive(
    plan: Plan, people: Patients, given: Sessions, start: Ints, harmed: Harmed
) -> list[Table]:
    """One record a measure and visit; a visit is on the morning of its day, before any dose.

    Score = mean + SD (sqrt(r) T + sqrt(1 - r) E + better (practice - decline)), T the patient's
    own and partly shared between tests, E new each time, all standard normal.
    """
    facts = figures().cognition
    tested = np.array([bool(arm.cognition) for arm in people.arms])[people.arm]
    course, day, place = visits(
        plan.draws("cognitive visits"), given, np.flatnonzero(tested), _EARLY, _EVERY
    )
    general = plan.draws("general ability").normal(size=len(people))
    years = np.maximum(day - harmed.declines_from[course], 0) / YEAR
    # a test before the dose of that day does not see it, one by mistake does
    mistaken = plan.draws("tests under the drug").random(len(course)) < facts.acute
    dosed, second = _dosed(given, course, day, start)
    acute = mistaken & dosed & (place > 1)
    lost = harmed.decline[course] * years + np.where(acute, facts.acute_effect, 0.0)
    at = np.where(acute, second + 75 * 60, 8 * 3600 + 900 * (course % 4))
    home = people.home[course]
    tables = []
    for test in figures().test:
        rng = plan.draws(f"{test.instrument}, {test.measure}")
        own = np.sqrt(facts.shared) * general
        own = own + np.sqrt(1 - facts.shared) * rng.normal(size=len(people))
        score = _score(rng, test, own[course], place, lost)
        given_to = np.array([test.instrument in arm.cognition for arm in people.arms])
        rows = np.flatnonzero(given_to[people.arm[course]])
        forms = np.array(test.forms or (None,), dtype=object)
        tables.append(
            table(
                "cognitive",
                course[rows],
                day[rows],
                at[rows],
                instrument=test.instrument,
                measure=test.measure,
                score=score[rows],
                form=forms[place[rows] % len(forms)] if test.forms else None,
                setting=np.where(home[rows], "home", "clinic").astype(object),
            )
        )
    return tables


def _dosed(given: Sessions, course: Ints, day: Ints, start: Ints) -> tuple[np.ndarray, Ints]:
    """Whether a dose is given on that day, and its second."""
    key, wanted = given.course * (1 << 20) + given.day, course * (1 << 20) + day
    if not len(key):
        return np.zeros(len(course), dtype=bool), np.zeros(len(course), dtype=np.int64)
    place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    return key[place] == wanted, start[place]


def _score(
    rng: np.random.Generator, test: CognitiveTest, own: Floats, place: Ints, lost: Floats
) -> Floats:
    mean, sd, r = test.score
    learned = np.select([place == 0, place == 1], [0.0, 1.0], 1.0 + figures().cognition.learning)
    value = mean + sd * (np.sqrt(r) * own + np.sqrt(1 - r) * rng.normal(size=len(place)))
    value += test.practice * (learned - 1.0) - test.better * sd * lost
    value = np.round(value, test.digits)
    found: Floats = value if test.range is None else np.clip(value, *test.range)
    return found
