"""Two-sample e-process for reports, for harm that was there from the start or begins late."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from detectors.disproportionality.method import Floats
from detectors.sequential import two_sample
from detectors.sequential.two_sample import Look
from detectors.sequential.two_sample_late import Parameters, batch, start, step
from tests.detectors.sequential.alarms import ALPHA, LOOKS, RUNS, ever, lower_limit


def simulate(
    ratio: float, seed: int, product: int = 30, looks: int = LOOKS, begins: int = 0
) -> tuple[Look, Floats]:
    """Looks and the largest evidence; comparators' share drifts from 1 % to 3 %, 500 a look."""
    rng = np.random.default_rng(seed)
    share = np.linspace(0.01, 0.03, looks)[:, None]
    true = np.where(np.arange(looks)[:, None] < begins, 1.0, ratio)
    odds = true * share / (1 - share)
    n = rng.binomial(product, odds / (1 + odds), (looks, RUNS)).astype(float)
    m = rng.binomial(500, share, (looks, RUNS)).astype(float)
    look = Look(n, np.full_like(n, product), m, np.full_like(n, 500))
    return look, batch(RUNS, look).log_e_sup


@pytest.mark.parametrize("ratio", [1.0, 1.1, 1.25])
def test_false_alarms_ever(ratio: float) -> None:
    assert lower_limit(ever(simulate(ratio, 61)[1])) <= ALPHA


def test_detection_and_silence() -> None:
    assert ever(simulate(3.0, 62, product=6)[1]).mean() > 0.85
    assert ever(simulate(0.5, 63)[1]).mean() < 0.001


def test_harm_that_begins_late_is_found_where_the_plain_process_is_not() -> None:
    look, late = simulate(3.0, 64, product=12, looks=208, begins=156)
    plain = two_sample.batch(RUNS, look).log_e_sup
    assert ever(late).mean() > 0.65
    assert ever(late).mean() > ever(plain).mean() + 0.3


def test_harm_from_the_first_look_costs_hardly_more_than_with_the_plain_process() -> None:
    """Half of the plain process's evidence is there at every look."""
    look, late = simulate(3.0, 65, product=6)
    plain = two_sample.batch(RUNS, look).log_e_sup
    assert (late >= plain - np.log(2) - 1e-9).all()


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 5), st.integers(0, 60)),
        min_size=1,
        max_size=7,
    )
)
def test_it_is_the_mean_of_the_process_and_of_all_that_begin_later(
    counts: list[tuple[int, int, int, int]],
) -> None:
    """Every process started at every look, each multiplied up on its own."""
    parameters = Parameters(1.25, (0.5, 3.0), 0.18, 0.7)
    rows = [(min(n, p), p, min(m, q), q) for n, p, m, q in counts]
    looks = Look(*(np.array(column, dtype=float)[:, None] for column in zip(*rows, strict=True)))
    factors: list[Floats] = []
    past = [0.0, 0.0]
    for n, p, m, q in rows:
        if past[1] > 0 and p > 0 and q > 0:
            odds = np.array([(past[0] + 0.18) / (past[1] - past[0] + 0.18)])
            look = Look(*(np.array([float(x)]) for x in (n, p, m, q)))
            factors.append(np.exp(two_sample.two_sample(look, odds, parameters.of_look)[0]))
        past = [past[0] + m, past[1] + q]
    t = len(factors)
    plain = float(np.mean(np.prod(factors, axis=0))) if t else 1.0
    late = (t + 1.0) ** -0.7
    for j in range(t):
        weight = (j + 1) ** -0.7 - (j + 2) ** -0.7
        late += weight * float(np.mean(np.prod(factors[j:], axis=0)))
    found = batch(1, looks, parameters)
    assert found.log_e[-1, 0] == pytest.approx(np.log((plain + late) / 2), abs=1e-9)


@pytest.mark.parametrize(("product", "others"), [(1, 1), (3, 12), (8, 4)])
def test_over_all_tables_its_mean_after_a_look_is_at_most_one_at_the_margin(
    product: int, others: int
) -> None:
    """From a state in which nothing is decided yet: the mean over the next look, enumerated."""
    n, m = (g.ravel().astype(float) for g in np.meshgrid(range(product + 1), range(others + 1)))
    size = len(n)
    first = Look(np.zeros(size), np.zeros(size), np.full(size, 2.0), np.full(size, 40.0))
    state, _ = step(start(size), first)
    look = Look(n, np.full_like(n, product), m, np.full_like(n, others))
    e = np.exp(step(state, look)[1].log_e)
    for share in np.linspace(0.001, 0.999, 60):
        for ratio in (0.1, 1.0, 1.25):
            own = ratio * share / (1 - share)
            chance = binom.pmf(n, product, own / (1 + own)) * binom.pmf(m, others, share)
            assert (e * chance).sum() <= 1 + 1e-12


def test_the_state_does_not_grow() -> None:
    before = start(3)
    after, _ = step(before, Look(np.ones(3), np.ones(3), np.ones(3), np.full(3, 9.0)))
    assert [column.shape for column in after] == [column.shape for column in before]
