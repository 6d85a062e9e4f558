"""Staying below a boundary: against every path written out, and mixtures integrated."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gamma, nbinom, poisson

from detectors.sequential.silence import mixed, silent


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.floats(0.01, 4), min_size=1, max_size=4),
    limits=st.lists(st.integers(1, 5), min_size=4, max_size=4),
)
def test_it_is_the_sum_over_all_paths(steps: list[float], limits: list[int]) -> None:
    most = sorted(limits[: len(steps)])
    by_hand = np.zeros(most[-1])
    for jumps in product(range(most[-1]), repeat=len(steps)):
        counts = np.cumsum(jumps)
        if (counts < most).all():
            by_hand[counts[-1]] += np.prod(poisson.pmf(jumps, steps))
    found = silent(np.cumsum(steps), np.array(most))
    np.testing.assert_allclose(found, by_hand[: len(found)], rtol=1e-12)
    assert by_hand[len(found) :].sum() < 1e-30


@pytest.mark.parametrize("shape", [1.0, 4.5, 80.0])
def test_a_mixture_is_the_integral_over_rates(shape: float) -> None:
    times, limits = np.array([0.4, 1.1, 2.5]), np.array([2, 3, 5])
    found = mixed(silent(times, limits), 2.5, shape)
    rate = gamma(shape, scale=1 / shape)
    for j, value in enumerate(found.tolist()):
        integral = quad(
            lambda r, j=j: silent(r * times, limits)[j] * rate.pdf(r), 0, 12, limit=200
        )[0]
        assert value == pytest.approx(integral, rel=1e-7)


def test_without_a_boundary_it_is_the_law_of_the_count() -> None:
    at = silent(np.array([1.0, 30.0]), np.array([400, 400]))
    np.testing.assert_allclose(at[:80], poisson.pmf(range(80), 30), rtol=1e-11)
    np.testing.assert_allclose(
        mixed(at, 30.0, 2.0)[:80], nbinom.pmf(range(80), 2, 1 / 16), rtol=1e-11
    )


def test_small_counts_keep_their_digits_where_a_mixture_makes_them_likely() -> None:
    # 500 to expect, and a rate so uncertain that none at all has a probability of 1/501
    at = silent(np.linspace(5, 500, 100), np.arange(20, 120) * 8)
    assert mixed(at, 500.0, 1.0)[0] == pytest.approx(1 / 501, rel=1e-10)
