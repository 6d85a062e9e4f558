"""Calibration: the fit by another way, and simulated controls whose effects are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import binomtest, kstest, norm

from detectors.calibration.empirical import (
    Null,
    calibrated_interval,
    calibrated_llr,
    calibrated_p,
    calibrated_z,
    fit_null,
    standard_error,
)
from detectors.disproportionality.prr import prr
from schemas.errors import InputError

Floats = npt.NDArray[np.float64]


def test_the_fit_by_a_search_in_two_dimensions() -> None:
    rng = np.random.default_rng(1)
    se = rng.uniform(0.1, 0.6, 40)
    x = rng.normal(0.3, np.sqrt(0.25**2 + se**2))
    ours = fit_null(x, se)

    def lost(at: Floats) -> float:
        return -float(norm.logpdf(x, at[0], np.hypot(at[1], se)).sum())

    found = minimize(
        lost, [0.0, 0.5], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}
    )
    np.testing.assert_allclose([ours.mean, ours.sd], np.abs(found.x), rtol=1e-5)


def test_controls_no_wider_than_chance_have_no_systematic_spread() -> None:
    null = fit_null([0.1, 0.2, 0.15, 0.12, 0.18, 0.14], [0.5] * 6)
    assert null.sd == 0
    assert null.mean == pytest.approx(np.mean([0.1, 0.2, 0.15, 0.12, 0.18, 0.14]))


def study(rng: np.random.Generator, rate_ratio: float, pairs: int) -> tuple[Floats, Floats]:
    """Log PRR and its error of pairs with a known effect, all with a background off by a factor.

    The factor is log-normal, median 1.5: the event is reported more with this product (its
    patients, its clinics), apart from any effect.
    """
    off = np.exp(rng.normal(np.log(1.5), 0.3, pairs))
    product, others = 4_000, 400_000
    share = rng.uniform(0.01, 0.05, pairs)
    n = rng.binomial(product, np.minimum(share * off * rate_ratio, 1))
    elsewhere = rng.binomial(others, share)
    result = prr(n, product, n + elsewhere, product + others)
    return np.log(result.estimate), standard_error(result.lower, result.upper)


def test_simulated_controls() -> None:
    """Reports drawn with a background off by 1.5: before and after calibration."""
    rng = np.random.default_rng(2)
    null = fit_null(*study(rng, 1, 200))
    assert null.mean == pytest.approx(np.log(1.5), abs=0.07)
    assert null.sd == pytest.approx(0.3, abs=0.05)

    x, se = study(rng, 1, 2_000)
    plain = norm.sf(x / se)
    assert (plain < 0.05).mean() > 0.6
    p = calibrated_p(null, x, se)
    assert 0.03 < (p < 0.05).mean() < 0.08
    assert 0.03 < (calibrated_p(null, x, se, two_sided=True) < 0.05).mean() < 0.08
    # of the null that is known: uniform
    known = calibrated_p(Null(np.log(1.5), 0.3, 200), x[:500], se[:500])
    assert kstest(known, "uniform").pvalue > 0.01
    # the calibrated LLR against its critical value at 5 %, z = 1.645
    assert 0.03 < (calibrated_llr(null, x, se) > 1.6448536**2 / 2).mean() < 0.08


@pytest.mark.parametrize("rate_ratio", [1, 1.5, 4])
def test_calibrated_limits_hold_the_known_effect(rate_ratio: float) -> None:
    rng = np.random.default_rng(3)
    truth = Null(np.log(1.5), 0.3, 200)
    x, se = study(rng, rate_ratio, 1_000)
    result = calibrated_interval(truth, x, se)
    held = int(((result.lower <= rate_ratio) & (rate_ratio <= result.upper)).sum())
    plain = (np.exp(x - 1.96 * se) <= rate_ratio) & (rate_ratio <= np.exp(x + 1.96 * se))
    assert plain.mean() < 0.6
    assert binomtest(held, 1_000, 0.95).pvalue > 1e-3
    assert np.median(result.estimate) == pytest.approx(rate_ratio, rel=0.05)


def test_llr_is_a_maximised_likelihood() -> None:
    null, x, se = Null(0.2, 0.15, 30), 1.1, 0.3
    spread = np.hypot(0.15, 0.3)

    def lost(effect: float) -> float:
        return -float(norm.logpdf(x, effect + 0.2, spread))

    found = minimize_scalar(lost, bounds=(0, 5), method="bounded")
    assert float(calibrated_llr(null, x, se)) == pytest.approx(lost(0) - found.fun, abs=1e-6)


def test_hand_values() -> None:
    null = Null(0.2, 0.0, 30)
    assert float(calibrated_p(null, 0.2, 0.5)) == 0.5
    assert float(calibrated_p(null, 0.2, 0.5, two_sided=True)) == 1
    interval = calibrated_interval(null, 0.2, 0.5, level=0.95)
    assert float(interval.estimate) == 1
    assert float(interval.upper) == pytest.approx(np.exp(1.959963984540054 * 0.5))
    assert float(standard_error(np.exp(-0.6), np.exp(0.6), 0.9)) == pytest.approx(0.6 / 1.6448536)


NUMBERS = st.tuples(st.floats(-5, 5), st.floats(0.01, 5), st.floats(-3, 3), st.floats(0, 3))


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(NUMBERS, min_size=5, max_size=20), data=st.data())
def test_laws(rows: list[tuple[float, float, float, float]], data: st.DataObject) -> None:
    x, se, *_ = np.array(rows).T.copy()
    x.flags.writeable = se.flags.writeable = False
    null = fit_null(x, se)
    order = data.draw(st.permutations(range(len(rows))))
    again = fit_null(x[order], se[order])
    np.testing.assert_allclose([again.mean, again.sd], [null.mean, null.sd], rtol=1e-5, atol=1e-5)
    moved = fit_null(x + 1, se)
    np.testing.assert_allclose([moved.mean, moved.sd], [null.mean + 1, null.sd], atol=1e-5)
    with_gaps = fit_null(np.append(x, np.nan), np.append(se, 1.0))
    assert with_gaps == null
    z, p = calibrated_z(null, x, se), calibrated_p(null, x, se)
    interval = calibrated_interval(null, x, se)
    assert not np.isinf(np.array([z, p, *interval, calibrated_llr(null, x, se)])).any()
    assert ((p >= 0) & (p <= 1)).all()
    assert (interval.lower <= interval.estimate).all()
    assert (interval.estimate <= interval.upper).all()
    # p below 2.5 % exactly where the lower limit lies above 1
    clear = np.abs(interval.lower - 1) > 1e-9
    assert ((p < 0.025) == (interval.lower > 1))[clear].all()
    for i in range(len(rows)):
        assert float(calibrated_p(null, x[i], se[i])) == p[i]


def test_what_has_no_estimate_is_empty() -> None:
    null = Null(0.1, 0.2, 30)
    gaps = np.array([np.nan, 1.0]), np.array([1.0, np.nan])
    assert np.isnan(calibrated_p(null, *gaps)).all()
    assert np.isnan(calibrated_llr(null, *gaps)).all()
    assert np.isnan(np.array(calibrated_interval(null, *gaps))).all()
    assert np.isnan(calibrated_interval(null, 2_000.0, 1.0).estimate)
    assert np.isnan(standard_error([0.0, np.nan], [2.0, 2.0])).all()


def test_too_few_or_wrong_controls_are_refused() -> None:
    with pytest.raises(InputError, match="4 negative controls have an estimate; 5") as error:
        fit_null([0.1, 0.2, 0.3, 0.4, np.nan], [0.1] * 5)
    assert error.value.code == "too_few_controls"
    for call in (lambda: fit_null([0.1] * 6, [0.0] * 6), lambda: calibrated_p(Null(0, 1, 9), 1, 0)):
        with pytest.raises(InputError) as error:
            call()
        assert error.value.code == "bad_error"
