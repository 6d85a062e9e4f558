"""Poisson e-process with a known background."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gamma, poisson

from detectors.sequential import eprocess as module
from detectors.sequential.eprocess import Look, Parameters, batch, eprocess, start, step
from schemas.errors import InputError
from tests.detectors.sequential.alarms import ALPHA, LOOKS, RUNS, ever, lower_limit

COUNTS = st.integers(0, 300)
EXPECTED = st.floats(0, 300)


@pytest.mark.parametrize(("shape", "rate"), [(1.0, 0.5), (2.0, 1.0), (0.5, 0.1)])
@pytest.mark.parametrize(("n", "mu"), [(0, 0.0), (0, 4.0), (3, 1.0), (12, 3.0), (40, 20.0)])
def test_it_is_the_mixture_of_likelihood_ratios(
    n: int, mu: float, shape: float, rate: float
) -> None:
    m = 1.25
    prior = gamma(shape, scale=1 / rate)

    def integrand(r: float) -> float:
        return float((r / m) ** n * np.exp(-(r - m) * mu) * prior.pdf(r))

    value = sum(quad(integrand, a, b, limit=300)[0] for a, b in [(m, 4), (4, 20), (20, 400)])
    expected = np.log(value / prior.sf(m))
    assert float(eprocess(n, mu, Parameters(m, shape, rate))) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("ratio", [0.2, 1.0, 1.25])
def test_at_any_one_time_its_mean_is_at_most_one(ratio: float) -> None:
    n = np.arange(400)
    for mu in (0.1, 2.0, 30.0):
        mean = np.exp(eprocess(n, mu) + poisson.logpmf(n, ratio * mu)).sum()
        assert mean <= 1 + 1e-9
        if ratio == 1.25:
            assert mean > 0.98  # all of the error is used at the margin


@pytest.mark.parametrize("ratio", [1.0, 1.1, 1.25])
def test_false_alarms_ever(ratio: float) -> None:
    expected = np.full((LOOKS, RUNS), 0.5)
    n = np.random.default_rng(11).poisson(ratio * expected).astype(float)
    assert lower_limit(ever(batch(RUNS, Look(n, expected)).log_e_sup)) <= ALPHA


def test_detection_and_silence() -> None:
    rng = np.random.default_rng(12)
    expected = np.full((LOOKS, RUNS), 0.1)
    harm = rng.poisson(3 * expected).astype(float)
    assert ever(batch(RUNS, Look(harm, expected)).log_e_sup).mean() > 0.88
    protective = rng.poisson(0.5 * expected).astype(float)
    assert ever(batch(RUNS, Look(protective, expected)).log_e_sup).mean() < 0.001


def test_without_a_margin_a_background_that_is_off_is_called_harm() -> None:
    rng = np.random.default_rng(13)
    expected = np.full((LOOKS, RUNS), 2.0)
    look = Look(rng.poisson(1.25 * expected).astype(float), expected)
    assert ever(batch(RUNS, look, Parameters(margin=1.0)).log_e_sup).mean() > 0.5
    assert lower_limit(ever(batch(RUNS, look).log_e_sup)) <= ALPHA


@settings(max_examples=60, deadline=None)
@given(n=COUNTS, mu=EXPECTED, margins=st.lists(st.floats(1, 20), min_size=2, max_size=2))
def test_a_wider_margin_is_never_more_evidence(n: int, mu: float, margins: list[float]) -> None:
    narrow, wide = (eprocess(n, mu, Parameters(margin=m)) for m in sorted(margins))
    assert wide <= narrow + 1e-8


@settings(max_examples=60, deadline=None)
@given(n=COUNTS, mu=EXPECTED, more=EXPECTED)
def test_more_expected_is_never_more_evidence(n: int, mu: float, more: float) -> None:
    assert eprocess(n, mu + more) <= eprocess(n, mu) + 1e-8


@settings(max_examples=30, deadline=None)
@given(n=st.integers(0, 60), mu=st.floats(0.1, 60), cuts=st.integers(1, 6), seed=st.integers(0, 99))
def test_how_the_days_are_cut_into_looks_changes_nothing(
    n: int, mu: float, cuts: int, seed: int
) -> None:
    split = np.random.default_rng(seed).multinomial(n, np.full(cuts, 1 / cuts)).astype(float)
    looks = Look(split[:, None], np.full((cuts, 1), mu / cuts))
    assert batch(1, looks).log_e[-1, 0] == pytest.approx(float(eprocess(n, mu)), abs=1e-7)


def test_large_counts_stay_in_logs() -> None:
    values = eprocess([1e9, 1e9, 0, 1e300], [1e8, 1e9, 1e300, 1.0])
    assert np.isfinite(values).all()
    # n log(r / m) - (r - m) mu at the best r = 10, up to the mixture's price
    assert values[0] == pytest.approx(1e9 * np.log(8) - 8.75e8, rel=1e-6)
    assert values[1] < -5


def test_reports_that_nothing_was_expected_of_are_counted_apart() -> None:
    state, finding = step(start(1), Look(np.array([5.0]), np.array([0.0])))
    assert (state.n[0], state.n_unexposed[0], finding.log_e[0]) == (0, 5, 0)


def test_the_largest_is_kept_and_the_present_shown() -> None:
    found = batch(1, Look(np.array([[9.0], [0.0]]), np.array([[1.0], [9.0]])))
    assert found.log_e[1, 0] < found.log_e[0, 0]
    assert found.log_e_sup[1, 0] == found.log_e[0, 0]


def test_the_process_starts_at_one() -> None:
    assert float(eprocess(0, 0)) == 0.0


def test_parameters_that_make_no_mixture_are_refused() -> None:
    for bad in (Parameters(shape=0), Parameters(rate=-1), Parameters(margin=np.nan)):
        with pytest.raises(InputError) as error:
            module.eprocess(1, 1, bad)
        assert error.value.code == "bad_parameter"
