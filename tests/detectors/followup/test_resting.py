"""Resting blood pressure over a course, on visits worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress

from detectors.followup import resting
from detectors.followup.finding import Finding
from detectors.followup.resting import Resting, Sums, line
from detectors.followup.vitals import Parameters

DEFAULT = Parameters()


def said(
    visits: list[tuple[int, float, float]], parameters: Parameters = DEFAULT
) -> list[tuple[int, Finding]]:
    """What each reading (day, systolic, diastolic) says, with its day."""
    state, out = Resting(), []
    for number, (day, systolic, diastolic) in enumerate(visits):
        state = resting.turned(state, day, parameters)
        state = resting.measured(state, day, systolic, diastolic, f"v{number}")
        out += [(day, one) for one in resting.judged(state, parameters)]
    return out


def stages(visits: list[tuple[int, float, float]], parameters: Parameters = DEFAULT) -> list[int]:
    return [day for day, one in said(visits, parameters) if one.code == "new_stage_2"]


CALM = [(1, 124, 78), (8, 128, 80)]


def test_stage_2_on_two_visits_a_week_apart_is_a_finding() -> None:
    ((day, found),) = said([*CALM, (15, 144, 82), (22, 140, 84)])
    assert (day, found.code, found.level, found.unit) == (22, "new_stage_2", "finding", "course")
    assert found.event == "Hypertension"
    assert found.records == ("v0", "v1", "v2", "v3")
    # means by hand: (144 + 140) / 2 and (82 + 84) / 2; (124 + 128) / 2 and (78 + 80) / 2
    assert found.explanation == (
        "at rest 144/82 and 7 days later 140/84, mean 142/83 (stage 2 from 140/90), "
        "126/79 at the first two visits"
    )


@pytest.mark.parametrize(
    ("visits", "days"),
    [
        ([(15, 144, 82), (21, 144, 82)], []),  # six days apart
        ([(15, 144, 82), (21, 144, 82), (22, 144, 82)], [22]),
        ([(15, 144, 82), (22, 139.9, 89.9)], []),  # one below
        ([(15, 120, 90), (22, 120, 90)], [22]),  # diastolic alone
        ([(15, 120, 89.9), (22, 120, 90)], []),
        ([(15, 144, 82), (18, 130, 80), (25, 144, 82)], []),  # falls back in between
        ([(15, 144, 82), (22, 144, 82), (29, 144, 82)], [22]),  # said once
        ([(15, 144, 82)] * 3, []),  # one day is one visit
    ],
)
def test_what_is_and_what_is_not_a_new_stage_2(
    visits: list[tuple[int, float, float]], days: list[int]
) -> None:
    assert stages([*CALM, *visits]) == days


def test_the_mean_of_four_weeks_must_agree() -> None:
    """Systolic: (120 + 120 + 144 + 144) / 4 = 132; a week later (120 + 3 * 144) / 4 = 138; then
    all four are 144. A monthly visitor has no other visit in the four weeks.
    """
    normal = [(15, 120, 75), (22, 120, 75)]
    high = [(29, 144, 80), (36, 144, 80), (43, 144, 80), (50, 144, 80)]
    assert stages([*CALM, *normal, *high]) == [50]
    assert stages([*CALM, *normal, *high], Parameters(mean_days=0)) == [36]
    assert stages([*CALM, (38, 120, 75), (68, 144, 80), (98, 144, 80)]) == [98]


def test_who_has_stage_2_at_the_start_has_no_new_one() -> None:
    assert stages([(1, 138, 80), (8, 142, 80), (15, 150, 95), (22, 150, 95), (29, 150, 95)]) == []
    # 139.5 at the start is below it
    assert stages([(1, 138, 80), (8, 141, 80), (15, 150, 80), (22, 150, 80)]) == [22]


def test_readings_of_a_day_are_averaged() -> None:
    # (150 + 129) / 2 = 139.5 is below stage 2, (150 + 130) / 2 = 140 is it
    assert stages([*CALM, (15, 144, 82), (22, 150, 80), (22, 129, 80)])[-1:] == [22]
    state = Resting()
    for number, (day, systolic) in enumerate(((1, 124), (8, 128), (15, 144), (22, 150))):
        state = resting.turned(state, day, DEFAULT)
        state = resting.measured(state, day, systolic, 80, f"v{number}")
    assert [one.code for one in resting.judged(state, DEFAULT)] == ["new_stage_2"]
    lower = resting.measured(state, 22, 129, 80, "v4")
    assert resting.judged(lower, DEFAULT) == []
    assert resting.judged(resting.measured(state, 22, 130, 80, "v4"), DEFAULT) != []


def test_a_slope_is_a_note_with_its_standard_error() -> None:
    """Six visits 30 days apart, 120 + 3 a visit with 1 and -1 in turn on top.

    By hand (t in visits): t 0..5, y 1, 2, 7, 8, 13, 14 over 120; mean t 2.5, mean y 7.5; Stt 17.5,
    Sty 49.5, Syy 145.5; slope 2.8286 a visit, rest 145.5 - 2.8286 * 49.5 = 5.4857, error
    sqrt(5.4857 / 4 / 17.5) = 0.27994. A month is 30.4375 days: 2.8698 and 0.2840.
    """
    values = [121, 122, 127, 128, 133, 134]
    visits = [(1 + 30 * i, float(value), 75.0) for i, value in enumerate(values)]
    *earlier, (day, found) = said(visits)
    assert earlier == []
    assert (day, found.code, found.level, found.records) == (
        151,
        "resting_rise",
        "note",
        ("v0", "v5"),
    )
    assert found.explanation == (
        "systolic at rest rises by 2.9 mmHg a month (standard error 0.3, at least 4 of them), "
        "14 over 6 visits in 150 days (from 10)"
    )
    assert said(visits, Parameters(trend_errors=10.11)) == []
    assert len(said(visits, Parameters(trend_errors=10.1))) == 1


@pytest.mark.parametrize(
    "parameters",
    [Parameters(trend_visits=7), Parameters(trend_days=151), Parameters(trend_mmhg=14.2)],
)
def test_a_slope_of_few_visits_a_short_time_or_a_small_rise_is_none(
    parameters: Parameters,
) -> None:
    values = [121, 122, 127, 128, 133, 134]
    visits = [(1 + 30 * i, float(value), 75.0) for i, value in enumerate(values)]
    assert said(visits, parameters) == []


def test_nothing_is_said_of_no_visit_and_of_a_day_of_readings() -> None:
    assert resting.judged(Resting(), DEFAULT) == []
    assert line(Sums()) is None
    same = Sums().plus(3, 1).plus(3, 2).plus(3, 4)
    assert line(same) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(-60, 100)),
        min_size=3,
        max_size=60,
        unique_by=lambda pair: pair[0],
    )
)
def test_running_sums_are_the_regression_of_all_visits(pairs: list[tuple[int, int]]) -> None:
    sums = Sums()
    for t, y in pairs:
        sums = sums.plus(t, y)
    found = line(sums)
    expected = linregress(*np.array(pairs, dtype=float).T)
    assert found is not None
    assert found.slope == pytest.approx(expected.slope, rel=1e-6, abs=1e-9)
    # three visits on a line: what is left is rounding
    assert found.error == pytest.approx(expected.stderr, rel=1e-5, abs=1e-4)


def test_flat_courses_are_seldom_called_rising() -> None:
    """200 courses of 100 weekly visits at 118/74: of 9,000 at several levels 0.4 % were noted,
    none at this level was a new stage 2.
    """
    rng = np.random.default_rng(7)
    codes: list[str] = []
    for _ in range(200):
        visits = zip(rng.normal(118, 9, 100), rng.normal(74, 6, 100), strict=True)
        days = [(1 + 7 * i, float(s), float(d)) for i, (s, d) in enumerate(visits)]
        codes += sorted({one.code for _, one in said(days)})
    assert codes.count("new_stage_2") <= 1
    assert codes.count("resting_rise") <= 5
