"""A line held as running sums is the line through all its points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import linregress

from detectors.followup.trend import Trend

POINTS = st.lists(
    st.tuples(st.integers(0, 2000), st.floats(-50, 50)),
    min_size=4,
    max_size=30,
    unique_by=lambda point: point[0],
)


def line(points: list[tuple[float, float]]) -> Trend:
    out = Trend()
    for x, y in points:
        out = out.add(x, y)
    return out


@given(POINTS)
def test_it_is_the_least_squares_line(points: list[tuple[float, float]]) -> None:
    x, y = np.array(points, dtype=float).T
    assume(np.ptp(y) > 1e-3)
    whole, held = linregress(x, y), line(points)
    scale = np.ptp(y) / np.ptp(x)
    assert held.slope() == pytest.approx(whole.slope, rel=1e-6, abs=1e-9 * scale)
    assert held.standard_error() == pytest.approx(whole.stderr, rel=1e-4, abs=1e-6 * scale)


def test_a_slope_and_its_limit_by_hand() -> None:
    """27, 26, 26, 23: Sxx 5, Sxy -6, Syy 9; residuals 9 - 36/5 = 1.8, s^2 0.9, t(0.95, 2) 2.92."""
    held = line([(0, 27), (1, 26), (2, 26), (3, 23)])
    assert (held.slope(), held.standard_error()) == pytest.approx((-1.2, 0.18**0.5))
    assert held.limit(0.05) == pytest.approx(-1.2 - 2.91999 * 0.18**0.5, abs=1e-4)


def test_points_that_lie_on_a_line_by_luck_are_not_believed_to_have_no_error() -> None:
    held = line([(0, 27), (1, 26), (2, 25), (3, 24)])
    assert held.standard_error() == pytest.approx(0, abs=1e-7)
    assert held.standard_error(least=1.2) == pytest.approx(1.2 / 5**0.5)


def test_scores_far_from_0_lose_no_digits() -> None:
    far = line([(738_000.0 + x, 1e6 + y) for x, y in [(0, 27), (1, 26), (2, 26), (3, 23)]])
    assert far.slope() == pytest.approx(-1.2, rel=1e-9)


@pytest.mark.parametrize("points", [[], [(0, 1), (1, 2)], [(3, 1), (3, 2), (3, 4)]])
def test_too_few_points_have_no_standard_error(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="three points"):
        line(points).standard_error()
    assert line([(3, 1), (3, 2), (3, 4)]).slope() == 0
