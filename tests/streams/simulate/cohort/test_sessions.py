"""Sessions keep to the regimen, and end when the course does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.simulate.cohort.figures import figures
from streams.simulate.cohort.patients import ENROLMENT, patients
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.sessions import NEVER, Sessions, aftercare, sessions, visits

ARMS = {arm.name: arm for arm in figures().arm}


def _given(**plan: object) -> Sessions:
    whole = Plan(**plan)  # type: ignore[arg-type]
    return sessions(whole, patients(whole))


@pytest.fixture(scope="module")
def esketamine() -> Sessions:
    return _given(courses=2000, arms={"esketamine": 1.0}, entry=0.0)


def _gaps(given: Sessions) -> tuple[np.ndarray, np.ndarray]:
    """Days between neighbouring sessions of a course, and the number of the second."""
    same = np.diff(given.course) == 0
    return np.diff(given.day)[same], given.number[1:][same]


def test_esketamine_is_given_twice_a_week_then_weekly_then_as_planned(
    esketamine: Sessions,
) -> None:
    gaps, number = _gaps(esketamine)
    # 3 and 4 days in turn, a day late or not; missed sessions make longer ones
    assert set(gaps[number == 2].tolist()) <= {2, 3, 4, 7, 8, 6, 10, 11, 9, 13, 14, 15, 12}
    assert np.median(gaps[number <= 8]) in {3, 4}
    assert np.median(gaps[(number > 9) & (number <= 11)]) == 7
    later = gaps[number > 20]
    assert set(np.unique(esketamine.interval).tolist()) == {7.0, 14.0}
    assert np.isin(later, [6, 7, 8, 13, 14, 15]).mean() > 0.85


def test_the_first_dose_is_56_mg_and_later_ones_stay_the_same(esketamine: Sessions) -> None:
    first = esketamine.number == 1
    assert set(esketamine.dose_mg[first].tolist()) == {56.0}
    usual = esketamine.dose_mg[~first]
    assert set(usual.tolist()) == {56.0, 84.0}
    same = np.diff(esketamine.course[~first]) == 0
    assert not np.diff(usual)[same].any()


def test_an_infusion_is_half_a_milligram_a_kilogram() -> None:
    plan = Plan(300, arms={"infusion": 1.0})
    people = patients(plan)
    given = sessions(plan, people)
    assert np.allclose(given.dose_mg, 0.5 * people.weight[given.course], atol=0.05 + 1e-9)
    assert set(given.number[given.induction].tolist()) == set(range(1, 9))


def test_the_dose_absorbed_so_far_adds_up() -> None:
    given = _given(courses=50, arms={"oral": 1.0}, days=200)
    for course in range(50):
        mine = given.course == course
        expected = np.cumsum(given.dose_mg[mine]) * ARMS["oral"].absorbed
        assert np.allclose(given.absorbed[mine], expected)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    days=st.integers(1, 400),
    entry=st.floats(0, 1),
    arm=st.sampled_from([*ARMS, ""]),
)
def test_sessions_lie_within_the_course_and_count_up(
    seed: int, days: int, entry: float, arm: str
) -> None:
    arms = {arm: 1.0} if arm else None
    given = _given(courses=40, days=days, seed=seed, entry=entry, arms=arms)
    assert (given.day < days).all()
    assert (given.day >= given.first[given.course]).all()
    assert (given.day <= given.until[given.course]).all()
    order = np.lexsort((given.day, given.course))
    assert (order == np.arange(len(given))).all()
    starts = np.diff(given.course, prepend=-1) > 0
    assert (given.number[starts] == 1).all()
    assert (np.diff(given.number)[~starts[1:]] == 1).all()
    assert (given.number >= 1).all()
    assert ((given.exit == NEVER) == (given.reason == "")).all()
    gone = given.exit < NEVER
    assert (given.exit[gone] < days).all()
    assert (given.exit[gone] >= given.last[gone]).all()
    assert (given.until < days).all()
    counts = given.counts()
    assert (given.last[counts > 0] == np.maximum.reduceat(given.day, np.flatnonzero(starts))).all()


def test_courses_begin_evenly_over_the_entry() -> None:
    plan = Plan(4000, days=400, entry=0.5)
    enrolled = patients(plan).enrolled
    assert enrolled.min() == 0
    assert enrolled.max() == 199
    assert abs(enrolled.mean() - 99.5) < 4 * (200 / 12**0.5) / 4000**0.5
    assert set(patients(Plan(50, entry=0.0)).enrolled.tolist()) == {0}


def test_whoever_dies_or_is_lost_is_not_seen_again() -> None:
    given = _given(courses=20_000, entry=0.0, arms={"comparator": 1.0})
    dead = given.reason == "death"
    assert dead.any()
    assert (given.until[dead] == given.exit[dead]).all()
    lost = given.reason == "lost"
    assert (given.until[lost] == given.last[lost]).all()
    silent = (given.until < 729) & (given.exit == NEVER)
    share = silent.sum() / (silent | lost).sum()
    assert 0.4 < share < 0.6


def test_visits_after_the_last_dose_are_two_and_four_weeks_later(esketamine: Sessions) -> None:
    course, day = aftercare(esketamine)
    assert set((day - esketamine.last[course]).tolist()) == {14, 28}
    assert esketamine.aftercare[course].all()
    assert (day <= esketamine.until[course]).all()


def test_visits_keep_to_their_plan_and_some_are_missed(esketamine: Sessions) -> None:
    rng = np.random.default_rng(1)
    everybody = np.arange(2000)
    course, day, place = visits(rng, esketamine, everybody, (-7, 28), 84)
    since = day - esketamine.first[course]
    assert set(since[place == 0].tolist()) == {-ENROLMENT}
    assert set(since[place == 1].tolist()) == {28, 29, 30}
    assert set(since[place == 2].tolist()) == {112, 113, 114}
    assert np.count_nonzero(place == 0) == 2000
    there = esketamine.until - esketamine.first >= 30
    came = np.isin(np.flatnonzero(there), course[place == 1]).mean()
    assert came == pytest.approx(1 - figures().amiss.visits_missed, abs=0.02)
