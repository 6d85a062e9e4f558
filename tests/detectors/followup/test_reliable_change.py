"""Reliable change: indices by hand, their laws, and the error rates that the rules rest on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from detectors.disproportionality.method import Floats, floats
from detectors.followup.reliable_change import (
    Line,
    chelune,
    jacobson_truax,
    regression,
    regression_line,
    sd_of_differences,
    standard_error_of_difference,
    tail,
    tail_of_two_visits,
    temkin,
)

SCORE = st.floats(-100, 100)
SD = st.floats(0.1, 50)
R = st.floats(0, 0.99)


def test_the_worked_example_of_the_moca() -> None:
    """SD 2.01, ICC 0.82 (0.62 to 0.92): sqrt(2) x sqrt(0.18) = sqrt(0.36), 0.6 x 2.01 = 1.206."""
    error = float(standard_error_of_difference(2.01, 0.82))
    assert error == pytest.approx(1.206)
    assert 1.645 * error == pytest.approx(1.98, abs=5e-3)
    assert 1.96 * error == pytest.approx(2.36, abs=5e-3)
    assert 1.96 * float(standard_error_of_difference(2.01, 0.62)) == pytest.approx(3.43, abs=5e-3)
    # a fall of 2 is within 95 %, of 3 beyond it: 2 / 1.206 and 3 / 1.206
    assert jacobson_truax(27, [25, 24], 2.01, 0.82) == pytest.approx([-1.65837, -2.48756], abs=1e-5)


def test_practice_is_taken_off_the_change() -> None:
    """(24 - 27 - 1) / 1.206 = -3.31675; over an SD of differences of 1.25, -3.2."""
    assert float(chelune(27, 24, 1, 2.01, 0.82)) == pytest.approx(-3.31675, abs=1e-5)
    assert float(temkin(27, 24, 1, 1.25)) == pytest.approx(-3.2)


def test_a_regression_expects_a_fall_after_a_high_score() -> None:
    """b = 0.6 x 12 / 10 = 0.72, a = 54 - 36 = 18, SEE = 12 x 0.8 = 9.6; 60 predicts 61.2."""
    line = regression_line(50, 10, 54, 12, 0.6)
    assert line == pytest.approx(Line(18, 0.72, 9.6))
    assert regression([60, 60, 100], [51.6, 61.2, 90], line) == pytest.approx([-1, 0, 0])


def test_the_sd_of_differences_and_the_line_are_those_of_the_sample() -> None:
    rng = np.random.default_rng(7)
    first = rng.normal(50, 10, 400)
    second = 20 + 0.7 * first + rng.normal(0, 6, 400)
    r = float(np.corrcoef(first, second)[0, 1])
    observed = float(np.std(second - first, ddof=1))
    sds = float(np.std(first, ddof=1)), float(np.std(second, ddof=1))
    assert float(sd_of_differences(*sds, r)) == pytest.approx(observed)
    slope, intercept = np.polyfit(first, second, 1)
    error = np.sqrt(np.mean((second - intercept - slope * first) ** 2))
    line = regression_line(
        float(first.mean()), float(first.std()), float(second.mean()), float(second.std()), r
    )
    assert line == pytest.approx(Line(intercept, slope, error))


@given(first=SCORE, second=SCORE, practice=SCORE, sd=SD, r=R)
def test_the_indices_agree_where_their_assumptions_do(
    first: float, second: float, practice: float, sd: float, r: float
) -> None:
    plain = float(jacobson_truax(first, second, sd, r))
    assert plain == -float(jacobson_truax(second, first, sd, r))
    assert plain == float(chelune(first, second, 0, sd, r))
    equal = float(sd_of_differences(sd, sd, r))
    assert float(temkin(first, second, practice, equal)) == pytest.approx(
        float(chelune(first, second, practice, sd, r))
    )
    # a perfect reliability regresses nothing; a change of unit changes no index
    assert float(regression(first, first, regression_line(0, sd, 0, sd, r))) == pytest.approx(
        first * (1 - r) / (sd * (1 - r * r) ** 0.5)
    )
    assert float(jacobson_truax(10 * first, 10 * second, 10 * sd, r)) == pytest.approx(plain)


@given(st.lists(st.tuples(SCORE, SCORE), min_size=1, max_size=5), SD, R)
def test_arrays_are_their_elements(pairs: list[tuple[float, float]], sd: float, r: float) -> None:
    first, second = np.array(pairs).T
    line = regression_line(1, sd, 2, sd, r)
    whole = [chelune(first, second, 1, sd, r), regression(first, second, line)]
    for i, (a, b) in enumerate(pairs):
        assert float(whole[0][i]) == float(chelune(a, b, 1, sd, r))
        assert float(whole[1][i]) == float(regression(a, b, line))


def test_without_an_error_there_is_no_index() -> None:
    assert np.isnan(jacobson_truax(27, 24, 2.01, 1))
    assert np.isnan(temkin([27, 20], 24, 0, 0)).all()
    assert np.isnan(regression(27, 24, Line(0, 1, 0)))


@pytest.mark.parametrize("z", [-1.0, 0.0, 1.0, 1.645, 1.96, 3.0, 5.0])
def test_two_visits_share_the_error_of_their_baseline(z: float) -> None:
    """Given the baseline's error b they are independent: integral of phi(b) Q(sqrt(2) z - b)^2."""
    independent, _ = quad(
        lambda b: norm.pdf(b) * norm.sf(2**0.5 * z - b) ** 2, -12, 14, epsabs=1e-14
    )
    assert float(tail_of_two_visits(z)) == pytest.approx(independent, rel=1e-8, abs=1e-14)


@given(st.floats(-5, 30))
def test_two_visits_are_less_likely_than_one_and_likelier_than_by_chance_twice(z: float) -> None:
    one, two = float(tail(z)), float(tail_of_two_visits(z))
    assert one * one - 1e-15 <= two <= one


@pytest.mark.parametrize("shared", [0.0, 0.6])
def test_the_rules_that_count_err_no_more_than_alpha_at_a_visit(shared: float) -> None:
    """Eight measures that do not change, independent or not: 40,000 visits with the one before."""
    rng = np.random.default_rng(11)
    m, n, alpha = 8, 40_000, 0.025

    def errors() -> Floats:
        common = rng.normal(size=(n, 1))
        return floats(shared**0.5 * common + (1 - shared) ** 0.5 * rng.normal(size=(n, m)))

    base, before, now = errors(), errors(), errors()
    z_before, z_now = (before - base) / 2**0.5, (now - base) / 2**0.5
    smaller = np.minimum(z_before, z_now)
    repeated = (smaller >= 1.96) & (m * tail_of_two_visits(smaller) <= alpha)
    several = (tail(z_now) <= 2 * alpha / m).sum(axis=1) >= 2
    margin = 3 * (alpha / n) ** 0.5
    assert repeated.any(axis=1).mean() <= alpha + margin
    assert several.mean() <= alpha + margin
    # and not because nothing ever happens
    assert several.any()
    assert repeated.any()
