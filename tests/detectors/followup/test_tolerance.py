"""Peaks against the course that they are expected to take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from detectors.followup.tolerance import Above, Course, Expected, Peak, above, followed

DEFAULT = Expected()
SETTINGS = settings(max_examples=60, deadline=None)


def course_of(
    values: Sequence[float | None], expected: Expected = DEFAULT, *, mg: float = 56, apart: int = 7
) -> Course:
    course = Course()
    for k, value in enumerate(values, 1):
        peak = Peak(700_000 + apart * k, "esketamine intranasal", mg, value, f"r{k}")
        course = followed(course, peak, expected)
    return course


def contrast(values: list[float], expected: Expected, mg: float = 56) -> tuple[float, int] | None:
    """The same by another way: each split apart, in numpy and scipy.stats."""
    k = np.arange(len(values))
    share = expected.plateau + (1 - expected.plateau) * 2 ** (-k / expected.half_life)
    v = np.log1p(values) - np.log(share) - math.log(mg)
    found: list[tuple[float, int]] = []
    for a in range(expected.least, min(expected.window, len(v) - 1) + 1):
        before, last = v[:-a], np.sort(v[-a:])
        last[-1] = last[-2]
        df = expected.weight + len(v) - 2
        squares = before.var() * len(before) + last.var() * a
        s = math.sqrt((expected.weight * expected.spread**2 + squares) / df)
        t = (last.mean() - before.mean()) / (s * math.sqrt(1 / a + 1 / len(before)))
        found.append((float(norm.isf(student.sf(t, df))), a))
    errors, a = max(found, default=(-math.inf, 0))
    return (errors, a) if errors >= expected.bound else None


def test_the_expected_course_falls_to_its_plateau() -> None:
    """By hand, half of what is left every two sessions: 1/2 + 1/2 * (1, 1/sqrt 2, 1/2, 1/4)."""
    shares = [DEFAULT.share(k) for k in (1, 2, 3, 5)]
    assert shares == pytest.approx([1, 0.5 + 0.5 / math.sqrt(2), 0.75, 0.625])
    assert DEFAULT.share(1000) == pytest.approx(0.5)


def test_a_contrast_worked_out_by_hand() -> None:
    """Three at 1, three at 2 on the scale of logarithms, without a fall or a dose.

    Means 1 and 2, nothing left about them; df 2 + 6 - 2 = 6, s^2 = 2 * 0.25 / 6 = 1 / 12;
    t = 1 / (sqrt(1 / 12) * sqrt(2 / 3)) = sqrt(18) = 4.243. The table of t at 6 degrees has 0.0027
    above it, the normal one 2.78.
    """
    expected = Expected(plateau=1, spread=0.5, bound=2)
    course = course_of([math.expm1(x) for x in (1, 1, 1, 2, 2, 2)], expected, mg=1)
    found = above(course, 1, expected)
    assert found is not None
    assert (found.n, found.n_before, found.records) == (3, 3, ("r4", "r5", "r6"))
    assert found.errors == pytest.approx(norm.isf(student.sf(math.sqrt(18), 6)), rel=1e-12)
    assert found.errors == pytest.approx(2.78, abs=0.01)
    assert found.ratio == pytest.approx(math.e)
    assert found.expected == pytest.approx(math.expm1(1))
    # the bound is reached at the value itself
    assert above(course, 1, replace(expected, bound=found.errors)) is not None
    assert above(course, 1, replace(expected, bound=found.errors + 1e-9)) is None


@SETTINGS
@given(
    values=st.lists(st.integers(0, 92), min_size=1, max_size=30),
    bound=st.sampled_from([0.5, 2.0, 3.5]),
    window=st.sampled_from([4, 12]),
)
def test_the_running_form_is_every_split_apart(
    values: list[int], bound: float, window: int
) -> None:
    expected = Expected(bound=bound, window=window)
    found = above(course_of(list(values), expected), 56, expected)
    other = contrast([float(value) for value in values], expected)
    if other is None or abs(other[0] - bound) < 1e-6:
        assert found is None or found.errors == pytest.approx(bound)
    else:
        assert found is not None
        assert found.errors == pytest.approx(other[0], rel=1e-6)


@SETTINGS
@given(
    n=st.integers(1, 40),
    at=st.integers(0, 39),
    level=st.floats(0.5, 30),
    outlier=st.floats(31, 92),
)
def test_one_outlier_is_never_above(n: int, at: int, level: float, outlier: float) -> None:
    values: list[float | None] = [(1 + level) * DEFAULT.share(k) - 1 for k in range(1, n + 1)]
    values[at % n] = outlier
    assert above(course_of(values), 56, DEFAULT) is None


def test_peaks_that_weaken_or_stay_as_they_are_are_not_above() -> None:
    assert above(course_of([20, 15, 12, 11, 10, 10, 9, 10, 10, 11, 10]), 56, DEFAULT) is None
    assert above(course_of([20] * 12), 56, DEFAULT) is None
    assert above(course_of([0] * 30), 56, DEFAULT) is None
    assert above(course_of([]), 56, DEFAULT) is None
    assert above(course_of([20, 60, 60]), 56, DEFAULT) is None


def test_peaks_that_rise_are_found_at_the_fourth_and_stay_above() -> None:
    rising: list[float | None] = [20, 15, 12, 12, 45, 50, 55, 60, 60]
    found = [above(course_of(rising[:k]), 56, DEFAULT) for k in range(1, 10)]
    assert [one is not None for one in found] == [False] * 7 + [True, True]
    assert isinstance(found[7], Above)
    assert (found[7].n, found[7].n_before) == (4, 4)


def test_a_higher_dose_is_expected_to_give_a_higher_peak() -> None:
    """28 mg, then 84: three times the peak is what is expected."""
    course = Course()
    for k in range(1, 11):
        mg, value = (28.0, 10.0) if k <= 5 else (84.0, 32.0)
        course = followed(course, Peak(k, "", mg, value * DEFAULT.share(k), f"r{k}"), DEFAULT)
    assert above(course, 84, DEFAULT) is None
    same = course_of([value * DEFAULT.share(k) for k, value in enumerate([10] * 5 + [32] * 5, 1)])
    assert above(same, 56, DEFAULT) is not None


@SETTINGS
@given(values=st.lists(st.integers(0, 92), min_size=5, max_size=20), factor=st.floats(0.1, 10))
def test_the_unit_of_the_dose_does_not_matter(values: list[int], factor: float) -> None:
    low = Expected(bound=0.5)
    one = above(course_of(list(values), low, mg=56), 56, low)
    other = above(course_of(list(values), low, mg=56 * factor), 56 * factor, low)
    if one is not None and other is not None:
        assert one.errors == pytest.approx(other.errors, rel=1e-6)
        assert one.expected == pytest.approx(other.expected, rel=1e-6, abs=1e-9)
    else:
        assert all(one is None or one.errors == pytest.approx(0.5) for one in (one, other))


def test_sessions_that_were_not_measured_count_for_tolerance_only() -> None:
    course = course_of([20, None, None, 12])
    assert (course.sessions, len(course.recent), course.first) == (4, 2, "r1")
    share = DEFAULT.share(4)
    assert course.recent[1].v == pytest.approx(math.log(13) - math.log(share) - math.log(56))


def test_old_sessions_are_kept_as_sums_and_the_state_stays_small() -> None:
    course = course_of([10.0] * 200)
    assert (course.sessions, course.n, len(course.recent)) == (200, 188, 12)


@pytest.mark.parametrize(
    ("day", "what", "sessions"),
    [
        (700_007 + 60, "esketamine intranasal", 2),
        (700_007 + 61, "esketamine intranasal", 1),
        (700_014, "ketamine intravenous", 1),
    ],
)
def test_a_long_gap_and_another_product_or_route_begin_anew(
    day: int, what: str, sessions: int
) -> None:
    course = followed(course_of([20.0]), Peak(day, what, 56, 30.0, "new"), DEFAULT)
    assert course.sessions == sessions
    assert (course.first == "new") == (sessions == 1)


def test_courses_that_weaken_as_expected_are_seldom_called_above() -> None:
    """200 courses of 60 sessions: of 1,000 like them 1.8 % were called above at some session."""
    rng = np.random.default_rng(7)
    share = np.array([DEFAULT.share(k) for k in range(1, 61)])
    called = 0
    for _ in range(200):
        y = math.log(10) + rng.normal() + np.log(share) + rng.normal(0, DEFAULT.spread, 60)
        course, hit = Course(), False
        for k, value in enumerate(np.maximum(0, np.expm1(y)), 1):
            course = followed(course, Peak(k, "", 56, float(value), ""), DEFAULT)
            hit = hit or (value > 4 and above(course, 56, DEFAULT) is not None)
        called += hit
    # 12 or more of 200 at 1.8 % have a probability of 0.0003
    assert called < 12
