"""Rates, ratios and differences: by hand, by independent exact limits, and by their coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binomtest, poisson

from detectors.followup.rates import Estimate, rate, rate_difference, rate_ratio, share
from detectors.scope import Clusters
from schemas.errors import InputError


def of_sessions(n: Any, sessions: Any, *sums: Any) -> Estimate:
    return share(n, sessions, Clusters(*(np.asarray(x) for x in sums)))


COUNTS = st.integers(0, 60)
TIMES = st.floats(0.1, 1e4)


@settings(max_examples=60, deadline=None)
@given(n=COUNTS, time=TIMES, level=st.sampled_from([0.9, 0.95, 0.99]))
def test_the_limits_of_a_rate_leave_half_of_alpha_in_each_tail(
    n: int, time: float, level: float
) -> None:
    found = rate(n, time, level)
    tail = (1 - level) / 2
    assert float(found.estimate) == pytest.approx(n / time)
    assert poisson.cdf(n, float(found.upper) * time) == pytest.approx(tail)
    if n:
        assert poisson.sf(n - 1, float(found.lower) * time) == pytest.approx(tail)
    else:
        assert float(found.lower) == 0


def test_a_rate_by_hand() -> None:
    """No event in t years: the upper limit is -log(0.025) / t; tables give 3.689 for t = 1."""
    assert float(rate(0, 1).upper) == pytest.approx(-np.log(0.025))
    np.testing.assert_allclose(rate(0, 1).upper, 3.6889, atol=1e-4)


def test_without_person_time_there_is_no_rate() -> None:
    for found in (rate(0, 0), rate(3, 0), rate_ratio(1, 0, 1, 1), rate_difference(1, 1, 1, 0)):
        assert np.isnan(found).all()


@settings(max_examples=60, deadline=None)
@given(n=COUNTS, m=COUNTS, t=TIMES, s=TIMES)
def test_the_limits_of_a_ratio_are_those_of_a_share(n: int, m: int, t: float, s: float) -> None:
    found = rate_ratio(n, t, m, s)
    if n + m == 0:
        assert np.isnan(float(found.estimate))
        return
    exact = binomtest(n, n + m).proportion_ci(method="exact")
    assert float(found.lower) == pytest.approx(exact.low / (1 - exact.low) * s / t)
    if m:
        assert float(found.estimate) == pytest.approx(n / m * s / t)
        assert float(found.upper) == pytest.approx(exact.high / (1 - exact.high) * s / t)
    else:
        assert np.isnan(found.estimate)
        assert np.isnan(found.upper)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 60), m=st.integers(1, 60), t=TIMES, s=TIMES)
def test_turned_round_a_ratio_is_its_reciprocal(n: int, m: int, t: float, s: float) -> None:
    one, other = rate_ratio(n, t, m, s), rate_ratio(m, s, n, t)
    assert float(one.lower) * float(other.upper) == pytest.approx(1)
    assert float(one.estimate) * float(other.estimate) == pytest.approx(1)


def test_a_background_counted_in_more_people_is_more_certain() -> None:
    narrow, wide = (rate_ratio(10, 100, m, 20 * m) for m in (2_000, 20))
    assert wide.lower < narrow.lower < narrow.estimate < narrow.upper < wide.upper


def test_a_difference_by_hand() -> None:
    """10 and 5 events in 100 years each; exact limits .04795-.18390 and .01623-.11668."""
    found = rate_difference(10, 100, 5, 100)
    assert float(found.estimate) == pytest.approx(0.05)
    np.testing.assert_allclose(found.lower, 0.05 - np.hypot(0.05205, 0.06668), atol=2e-5)
    np.testing.assert_allclose(found.upper, 0.05 + np.hypot(0.08390, 0.03377), atol=2e-5)


@pytest.mark.parametrize(("own", "other"), [(0.05, 0.05), (0.2, 0.05), (0.01, 0.1)])
def test_differences_cover(own: float, other: float) -> None:
    rng = np.random.default_rng(3)
    n, m = rng.poisson(own * 200, 4_000), rng.poisson(other * 100, 4_000)
    found = rate_difference(n, 200, m, 100)
    covered = (found.lower <= own - other) & (own - other <= found.upper)
    assert covered.mean() >= 0.945


def test_a_share_by_hand() -> None:
    """Two courses of 5 sessions, 1 and 3 with the event: p .4, v = (1 + 1) / 100 x 2 = .04.

    n* = .24 / .04 (t(9) / t(1))^2 = 6 (2.26216 / 12.70620)^2 = .190178
    """
    found = of_sessions(4, 10, 2, 10, 20, 50)
    size = 0.190178
    assert float(found.estimate) == pytest.approx(0.4)
    np.testing.assert_allclose(found.upper, beta.ppf(0.975, 0.4 * size + 1, 0.6 * size), atol=1e-4)
    np.testing.assert_allclose(found.lower, beta.ppf(0.025, 0.4 * size, 0.6 * size + 1), atol=1e-4)


def test_where_nothing_varies_a_course_counts_as_one_session() -> None:
    none = of_sessions(0, 100, 4, 0, 0, 2_500)
    assert float(none.lower) == 0
    assert float(none.upper) == pytest.approx(1 - 0.025 ** (1 / 4))
    every = of_sessions(100, 100, 4, 2_500, 2_500, 2_500)
    assert float(every.upper) == 1
    assert float(every.lower) == pytest.approx(0.025 ** (1 / 4))
    assert np.isnan(of_sessions(0, 0, 0, 0, 0, 0)).all()


def test_patients_who_repeat_themselves_are_not_so_many_sessions() -> None:
    """Prone and other patients: limits by courses cover, limits by sessions do not."""
    rng = np.random.default_rng(4)
    runs, courses, sessions = 2_000, 60, 12
    prone = rng.beta(0.5, 2.0, (runs, courses))  # mean 0.2
    w = rng.binomial(sessions, prone).astype(float)
    sums = w.sum(1), (w * w).sum(1), (w * sessions).sum(1)
    whole = float(courses * sessions)
    found = of_sessions(sums[0], whole, courses, sums[1], sums[2], courses * sessions**2)
    covered = (found.lower <= 0.2) & (found.upper >= 0.2)
    assert covered.mean() >= 0.94
    naive = beta.ppf([[0.025], [0.975]], [sums[0], sums[0] + 1],
                     [whole - sums[0] + 1, whole - sums[0]])  # fmt: skip
    assert ((naive[0] <= 0.2) & (naive[1] >= 0.2)).mean() < 0.8


@pytest.mark.parametrize("bad", [(-1, 1), (1, -1), (np.nan, 1)])
def test_what_is_no_count_is_refused(bad: tuple[float, float]) -> None:
    with pytest.raises(InputError) as error:
        rate(*bad)
    assert error.value.code == "bad_count"


def test_more_with_the_event_than_there_are_is_refused() -> None:
    for values in [(5, 4, 2, 9, 9, 9), (1, 4, 5, 9, 9, 9)]:
        with pytest.raises(InputError) as error:
            of_sessions(*values)
        assert error.value.code == "bad_count"


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5])
def test_a_level_that_is_none_is_refused(level: float) -> None:
    with pytest.raises(InputError) as error:
        rate(1, 1, level)
    assert error.value.code == "bad_parameter"
