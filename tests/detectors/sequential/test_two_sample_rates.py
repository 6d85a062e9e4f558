"""Two-sample e-process for rates whose background goes on and may drift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from detectors.disproportionality.method import Floats
from detectors.sequential.two_sample_rates import Look, Parameters, batch, two_sample_rates
from schemas.errors import InputError
from tests.detectors.sequential.alarms import ALPHA, LOOKS, RUNS, ever, lower_limit


def simulate(ratio: float, seed: int, t: float = 0.5, others: float = 5.0) -> Floats:
    """The largest evidence, with a background rate that drifts from 1 to 4."""
    rng = np.random.default_rng(seed)
    rate = np.linspace(1, 4, LOOKS)[:, None] * np.ones((LOOKS, RUNS))
    n = rng.poisson(ratio * rate * t).astype(float)
    n_background = rng.poisson(rate * others).astype(float)
    looks = Look(n, np.full_like(n, t), n_background, np.full_like(n, others))
    sup: Floats = batch(RUNS, looks).log_e_sup
    return sup


@pytest.mark.parametrize("ratio", [1.0, 1.1, 1.25])
def test_false_alarms_ever(ratio: float) -> None:
    assert lower_limit(ever(simulate(ratio, 31))) <= ALPHA


def test_detection_and_silence() -> None:
    assert ever(simulate(3.0, 32, t=0.05, others=1.0)).mean() > 0.9
    assert ever(simulate(0.5, 33)).mean() < 0.001


@settings(max_examples=40, deadline=None)
@given(
    total=st.integers(0, 60),
    t=st.floats(0.01, 100),
    others=st.floats(0.01, 100),
    excess=st.floats(0.01, 20),
)
def test_given_the_total_it_is_the_binomial_likelihood_ratio(
    total: int, t: float, others: float, excess: float
) -> None:
    n = np.arange(total + 1.0)
    look = Look(n, np.full_like(n, t), total - n, np.full_like(n, others))
    found = two_sample_rates(look, Parameters(1.25, (excess,)))[:, 0]
    null, harm = (r * t / (r * t + others) for r in (1.25, 1.25 * (1 + excess)))
    expected = binom.logpmf(n, total, harm) - binom.logpmf(n, total, null)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    assert np.exp(found + binom.logpmf(n, total, null)).sum() == pytest.approx(1)
    below = 0.4 * t / (0.4 * t + others)
    assert np.exp(found + binom.logpmf(n, total, below)).sum() <= 1 + 1e-9


@settings(max_examples=30, deadline=None)
@given(n=st.integers(0, 50), m=st.integers(0, 50), margins=st.tuples(*[st.floats(1, 9)] * 2))
def test_a_wider_margin_is_never_more_evidence(
    n: int, m: int, margins: tuple[float, float]
) -> None:
    look = Look(*(np.array([x]) for x in (float(n), 2.0, float(m), 9.0)))
    narrow, wide = (two_sample_rates(look, Parameters(margin=x)) for x in sorted(margins))
    assert (wide <= narrow + 1e-9).all()


@settings(max_examples=30, deadline=None)
@given(n=st.integers(0, 50), m=st.integers(0, 50), unit=st.floats(1e-3, 1e3))
def test_the_unit_of_person_time_does_not_matter(n: int, m: int, unit: float) -> None:
    look = Look(*(np.array([x]) for x in (float(n), 2.0, float(m), 9.0)))
    other = look._replace(exposure=look.exposure * unit, exposure_background=np.array([9.0 * unit]))
    np.testing.assert_allclose(two_sample_rates(look), two_sample_rates(other), atol=1e-9)


def test_a_look_without_one_of_the_sides_compares_nothing() -> None:
    for t, others in ((0.0, 5.0), (5.0, 0.0), (0.0, 0.0)):
        look = Look(*(np.array([x]) for x in (3.0, t, 1.0, others)))
        assert not two_sample_rates(look).any()


def test_a_mixture_without_alternatives_is_refused() -> None:
    look = Look(*(np.array([1.0]) for _ in range(4)))
    for bad in ((), (0.5, -1.0), (np.inf,)):
        with pytest.raises(InputError) as error:
            two_sample_rates(look, Parameters(excess=bad))
        assert error.value.code == "bad_parameter"
