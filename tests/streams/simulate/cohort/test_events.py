"""Events alone: rates, recurrence and person-time come out as asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.simulate.cohort.events import BySession, ByTime, Surveyed, survey
from streams.simulate.cohort.measures import Recurring
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.recurring import Reported, recurring
from streams.simulate.cohort.sessions import Sessions
from streams.simulate.facts import profile

RARE = Recurring(prone=0.3, first=0.2, later=0.1, falls=3.0)
PLAN = Plan(6000, arms={"esketamine": 1.0}, seed=2)


def _years(once: Surveyed) -> float:
    return float(once.at_risk().sum()) / 365.25


def test_a_session_event_has_its_rate_and_recurs_in_those_who_had_it() -> None:
    once = survey(PLAN, [BySession("x", RARE)])
    chance = RARE.prone * RARE.chance(once.number)
    assert once.happened["x"].mean() == pytest.approx(chance.mean(), rel=0.05)
    had = np.zeros(6000, dtype=bool)
    had[once.course[once.happened["x"] & (once.number <= 2)]] = True
    later = once.number > 2
    again, first = (
        once.happened["x"][later & (had[once.course] == yes)].mean() for yes in (True, False)
    )
    assert again > 2.5 * first


def test_a_ratio_holds_from_its_day_session_and_arm_on() -> None:
    plan = Plan(6000, arms={"esketamine": 1.0, "infusion": 1.0})
    null, planted = (
        survey(
            plan,
            [BySession("x", RARE, ratio=ratio, begins=200, after=8, arms=("esketamine",))],
        )
        for ratio in (1.0, 3.0)
    )
    struck = (planted.day >= 200) & (planted.number > 8)
    struck &= planted.arm[planted.course] == planted.arms.index("esketamine")
    assert (planted.happened["x"] == null.happened["x"])[~struck].all()
    ratio = planted.happened["x"][struck].mean() / null.happened["x"][struck].mean()
    assert ratio == pytest.approx(3.0, rel=0.1)
    assert (planted.happened["x"] | ~null.happened["x"]).all()


def test_a_ratio_that_makes_a_certainty_exceed_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 1"):
        survey(PLAN, [BySession("x", RARE, ratio=6.0)])


def test_events_that_come_with_time_have_their_rate() -> None:
    once = survey(PLAN, [ByTime("x", 0.5)])
    expected = 0.5 * _years(once)
    count = len(once.events("x")[0])
    assert abs(count - expected) < 4 * expected**0.5
    course, day = once.events("x")
    assert (day >= once.entry[course]).all()
    assert (day <= once.until[course]).all()
    assert (np.lexsort((day, course)) == np.arange(len(day))).all()


def test_with_frailty_the_rate_stays_and_events_pile_up_in_some() -> None:
    alike, frail = (survey(PLAN, [ByTime("x", 1.0, frailty=frailty)]) for frailty in (0.0, 2.0))
    counts = [np.bincount(once.events("x")[0], minlength=6000) for once in (alike, frail)]
    # the variance of a mixed Poisson count grows by frailty times the squared mean
    years = np.maximum(frail.until - frail.entry + 1, 0) / 365.25
    assert counts[1].sum() == pytest.approx(years.sum(), rel=0.08)
    excess = ((counts[1] - years) ** 2 - years).sum() / (years**2).sum()
    assert excess == pytest.approx(2.0, rel=0.25)
    none = ((counts[0] - years) ** 2 - years).sum() / (years**2).sum()
    assert abs(none) < 0.1


def test_a_ratio_of_one_keeps_the_events_of_a_greater_one_before_it_begins() -> None:
    once = survey(PLAN, [ByTime("x", 0.5, ratio=4.0, begins=300, after=60)])
    course, day = once.events("x")
    from_day = np.maximum(once.entry[course] + 60, 300)
    days = np.maximum(once.until - once.entry + 1, 0)
    late = np.maximum(once.until - np.maximum(once.entry + 60, 300) + 1, 0)
    late = np.minimum(late, days)
    before, after = 0.5 * (days - late).sum() / 365.25, 2.0 * late.sum() / 365.25
    assert abs((day < from_day).sum() - before) < 4 * before**0.5
    assert abs((day >= from_day).sum() - after) < 4 * after**0.5


def test_first_events_and_days_add_up_on_a_course_worked_out_by_hand() -> None:
    three = np.array([0, 0, 2])
    once = Surveyed(
        days=6,
        arms=("a",),
        arm=np.zeros(3, dtype=np.int64),
        entry=np.array([0, 1, 4]),
        until=np.array([3, 1, 9]),
        course=three,
        day=np.array([1, 3, 5]),
        number=np.array([1, 2, 1]),
        dose_mg=np.full(3, 56.0),
        happened={"x": np.array([True, True, True])},
        dated={"y": (np.array([1, 1]), np.array([1, 1]))},
    )
    assert once.at_risk().tolist() == [1, 2, 1, 1, 1, 1]
    assert once.at_risk(np.array([1, 1, 3])).tolist() == [1, 2, 0, 0, 0, 0]
    assert once.per_day(once.day).tolist() == [0, 1, 0, 1, 0, 1]
    assert [part.tolist() for part in once.events("x")] == [[0, 0, 2], [1, 3, 5]]
    assert [part.tolist() for part in once.first_events("x")] == [[0, 2], [1, 5]]
    assert [part.tolist() for part in once.first_events("y")] == [[1], [1]]


def test_replicates_differ_by_their_seed_alone() -> None:
    plan = Plan(200, arms={"esketamine": 1.0})
    watched = [BySession("x", RARE)]
    one = survey(plan, watched)
    assert (survey(plan, watched).happened["x"] == one.happened["x"]).all()
    other = survey(replace(plan, seed=2), watched)
    assert len(other.day) != len(one.day) or (other.day != one.day).any()


def test_another_watched_event_changes_nothing_of_the_first() -> None:
    plan = Plan(200, arms={"esketamine": 1.0})
    alone = survey(plan, [BySession("x", RARE)])
    both = survey(plan, [ByTime("y", 1.0), BySession("x", RARE)])
    assert (alone.happened["x"] == both.happened["x"]).all()


def test_sessions_are_those_of_whole_courses() -> None:
    from streams.simulate.cohort.cohort import simulate

    plan = Plan(100, 200, arms={"infusion": 1.0})
    whole: Sessions = simulate(plan).sessions
    once = survey(plan, [])
    assert (once.course == whole.course).all()
    assert (once.day == whole.day).all()
    assert (once.until == whole.until).all()


@settings(max_examples=40, deadline=None)
@given(
    prone=st.floats(0, 1),
    first=st.floats(0, 1),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_nobody_who_is_not_prone_has_it(
    prone: float, first: float, share: float, seed: int
) -> None:
    effect = Recurring(prone=prone, first=first, later=first * share, falls=2.0)
    course, number = np.repeat(np.arange(50), 4), np.tile(np.arange(1, 5), 50)
    had = recurring(np.random.default_rng(seed), effect, course, number, 50)
    again = recurring(np.random.default_rng(seed), effect, course, number, 50, ratio=1.5)
    assert (again | ~had).all()
    if prone == 0 or first == 0:
        assert not had.any()
    if prone == 1 and first == 1:
        assert had[number == 1].all()


@pytest.mark.parametrize("event", ["Dissociation", "Tachycardia"])
def test_a_published_profile_falls_after_the_first_week_and_keeps_its_total(event: str) -> None:
    one = Reported(profile("esketamine", "induction"), event)
    chance = one.chance(np.arange(1, 9))
    assert chance[1] > chance[2]
    total = 100 * one.prone * float(1 - np.prod(1 - chance))
    assert total == pytest.approx(one.profile.percent[event])
