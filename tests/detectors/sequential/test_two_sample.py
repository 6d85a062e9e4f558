"""Two-sample e-process for reports beside comparators."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import rel_entr
from scipy.stats import binom

from detectors.disproportionality.method import Floats
from detectors.sequential import two_sample_rates as rates
from detectors.sequential.two_sample import Look, Parameters, batch, start, step, two_sample
from schemas.errors import InputError
from tests.detectors.sequential.alarms import ALPHA, LOOKS, RUNS, ever, lower_limit


def simulate(ratio: float, seed: int, product: int = 30) -> Floats:
    """The largest evidence; comparators' share drifts from 1 % to 3 %, 500 of them a look."""
    rng = np.random.default_rng(seed)
    share = np.linspace(0.01, 0.03, LOOKS)[:, None]
    odds = ratio * share / (1 - share)
    n = rng.binomial(product, odds / (1 + odds), (LOOKS, RUNS)).astype(float)
    m = rng.binomial(500, share, (LOOKS, RUNS)).astype(float)
    looks = Look(n, np.full_like(n, product), m, np.full_like(n, 500))
    sup: Floats = batch(RUNS, looks).log_e_sup
    return sup


@pytest.mark.parametrize("ratio", [1.0, 1.1, 1.25])
def test_false_alarms_ever(ratio: float) -> None:
    assert lower_limit(ever(simulate(ratio, 41))) <= ALPHA


def test_detection_and_silence() -> None:
    assert ever(simulate(3.0, 42, product=6)).mean() > 0.88
    assert ever(simulate(0.5, 43)).mean() < 0.001


@pytest.mark.parametrize("odds", [0.02, 0.3, 2.0])
@pytest.mark.parametrize(("product", "others"), [(1, 1), (3, 12), (8, 4)])
def test_over_all_tables_its_mean_is_at_most_one_under_all_of_the_null(
    odds: float, product: int, others: int
) -> None:
    n, m = (g.ravel().astype(float) for g in np.meshgrid(range(product + 1), range(others + 1)))
    look = Look(n, np.full_like(n, product), m, np.full_like(n, others))
    s = np.exp(two_sample(look, np.full_like(n, odds)))
    largest = 0.0
    for share in np.linspace(0.001, 0.999, 60):
        for ratio in (0.1, 0.7, 1.0, 1.25):
            own = ratio * share / (1 - share)
            chance = binom.pmf(n, product, own / (1 + own)) * binom.pmf(m, others, share)
            mean = (s * chance[:, None]).sum(axis=0)
            assert (mean <= 1 + 1e-12).all()
            largest = max(largest, float(mean.max()))
    assert largest > 0.97  # nowhere over one, and not idle


@settings(max_examples=30, deadline=None)
@given(
    odds=st.floats(0.001, 20),
    excess=st.floats(0.05, 9),
    product=st.integers(1, 50),
    others=st.integers(1, 2_000),
)
def test_the_null_is_the_nearest_one(odds: float, excess: float, product: int, others: int) -> None:
    own = odds * 1.25 * (1 + excess)
    own, other = own / (1 + own), odds / (1 + odds)

    def nulls(logit: float) -> tuple[float, float]:
        x = np.exp(logit)
        return 1.25 * x / (1 + 1.25 * x), x / (1 + x)

    def distance(logit: float) -> float:
        a, b = nulls(logit)
        d = product * (rel_entr(own, a) + rel_entr(1 - own, 1 - a))
        return float(d + others * (rel_entr(other, b) + rel_entr(1 - other, 1 - b)))

    best = minimize_scalar(
        distance, bounds=(np.log(odds) - 1, np.log(own / (1 - own)) + 1), method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    a, b = nulls(best.x)
    n, m = product // 2, others // 3
    expected = n * np.log(own / a) + (product - n) * np.log((1 - own) / (1 - a))
    expected += m * np.log(other / b) + (others - m) * np.log((1 - other) / (1 - b))
    look = Look(*(np.array([float(x)]) for x in (n, product, m, others)))
    found = two_sample(look, np.array([odds]), Parameters(excess=(excess,)))
    assert found[0, 0] == pytest.approx(expected, abs=1e-3 * (1 + abs(expected)))


def test_of_rare_events_it_is_the_process_for_rates() -> None:
    n, m = np.array([7.0]), np.array([11.0])
    size = np.array([2e7]), np.array([9e7])
    rare = two_sample(Look(n, size[0], m, size[1]), np.array([11 / 9e7]))
    of_rates = rates.two_sample_rates(rates.Look(n, size[0], m, size[1]))
    np.testing.assert_allclose(rare, of_rates, atol=1e-4)


def test_the_first_comparators_are_only_learnt_from() -> None:
    look = Look(*(np.array([x]) for x in (5.0, 5.0, 1.0, 100.0)))
    state, first = step(start(1), look)
    assert first.log_e.tolist() == [0.0]
    assert step(state, look)[1].log_e[0] > 5


def test_more_with_the_event_than_reports_is_refused() -> None:
    for counts in ((6.0, 5.0, 1.0, 9.0), (1.0, 5.0, 10.0, 9.0)):
        with pytest.raises(InputError) as error:
            two_sample(Look(*(np.array([x]) for x in counts)), np.array([0.1]))
        assert error.value.code == "bad_count"
