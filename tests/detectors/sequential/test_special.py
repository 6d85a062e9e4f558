"""Incomplete gamma functions far out, and the least value of a function."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

from detectors.disproportionality.method import Floats
from detectors.sequential.special import least, log_scaled_gamma, log_upper_gamma


@pytest.mark.parametrize("shape", [0.5, 1.0, 4.0, 60.0, 900.0])
@pytest.mark.parametrize("factor", [1e-3, 0.5, 1.0, 1.5, 4.0, 300.0])
def test_scaled_gamma_is_the_integral(shape: float, factor: float) -> None:
    x = shape * factor
    # the integrand relative to its largest value
    peak = max(0.0, (shape - 1) / x - 1)
    top = (shape - 1) * np.log1p(peak) - x * peak

    def integrand(t: float) -> float:
        return float(np.exp((shape - 1) * np.log1p(t) - x * t - top))

    width = (np.sqrt(shape) + 1) / min(x, max(x - shape, np.sqrt(x)))
    cuts = [0.0, *(peak + width * np.array([0.01, 0.3, 1, 3, 10, 40, 200, 1000]))]
    value = sum(
        quad(integrand, a, b, epsabs=0, epsrel=1e-12, limit=200)[0] for a, b in pairwise(cuts)
    )
    assert log_scaled_gamma(shape, x) == pytest.approx(np.log(value) + top, abs=1e-9)


def test_both_ways_of_computing_it_meet() -> None:
    shape = np.array([0.7, 1.0, 5.0, 50.0, 1e4])
    x = np.array([gamma.isf(1e-99, s) for s in shape])
    step = 1e-7 * x
    across = log_scaled_gamma(shape, x * 1.2) - log_scaled_gamma(shape, x)
    assert (across < 0).all()
    further = np.array([gamma.isf(1e-101, s) for s in shape])
    slope = (log_scaled_gamma(shape, x + step) - log_scaled_gamma(shape, x)) / step
    jump = log_scaled_gamma(shape, further) - log_scaled_gamma(shape, x)
    np.testing.assert_allclose(jump, slope * (further - x), rtol=0.05)


def test_upper_gamma_is_the_survival_function_and_goes_on_where_it_ends() -> None:
    shape, x = np.array([1.0, 3.0, 40.0]), np.array([2.0, 90.0, 60.0])
    np.testing.assert_allclose(log_upper_gamma(shape, x), gamma.logsf(x, shape), rtol=1e-10)
    assert log_upper_gamma(1.0, 5e5) == pytest.approx(-5e5, rel=1e-12)
    # at most one event of 4,000 expected: exp(-4000) (1 + 4000)
    assert log_upper_gamma(2.0, 4e3) == pytest.approx(-4e3 + np.log(4001), rel=1e-12)


def test_least_finds_the_deeper_of_two_valleys_on_a_grid() -> None:
    def two(x: Floats) -> Floats:
        out: Floats = np.minimum((x - 1) ** 2 + 1, (x - 8) ** 2)
        return out

    assert least(two, np.zeros(2), np.full(2, 10.0), grid=10) == pytest.approx(0, abs=1e-9)


def test_least_looks_at_the_ends() -> None:
    assert least(lambda x: x, np.array([2.0]), np.array([3.0])).tolist() == [2.0]
    assert least(lambda x: -x, np.array([2.0]), np.array([3.0])).tolist() == [-3.0]
