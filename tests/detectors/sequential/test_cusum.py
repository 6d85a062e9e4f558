"""CUSUM and the run length to its false alarms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from detectors.disproportionality.method import Floats
from detectors.sequential.cusum import (
    Look,
    Parameters,
    Reference,
    batch,
    cusum,
    run_length,
    threshold,
)
from schemas.errors import InputError

PARAMETERS = Parameters(run_length=60)
RUNS = 4_000


def first_alarm(ratio: float, expected: float, looks: int, seed: int) -> Floats:
    """Look of the first alarm, `looks` + 1 where there is none."""
    n = np.random.default_rng(seed).poisson(ratio * expected, (looks, RUNS)).astype(float)
    mean = np.full(RUNS, expected)
    found = batch(Reference(mean), Look(n, np.full_like(n, expected)), PARAMETERS)
    alarm = found.statistic >= found.threshold
    first: Floats = np.where(alarm.any(axis=0), alarm.argmax(axis=0) + 1.0, looks + 1.0)
    return first


@pytest.mark.parametrize("expected", [0.1, 1.0, 8.0])
def test_looks_to_a_false_alarm_are_as_the_chain_has_them(expected: float) -> None:
    first = first_alarm(1.25, expected, 900, 71)
    assert (first <= 900).all()
    error = 2.58 * first.std() / np.sqrt(RUNS)
    assert first.mean() + error >= 60
    # the least threshold on the cells, so not far above; of rare reports whole ones matter
    assert first.mean() - error <= (75 if expected < 1 else 63)


def test_harm_is_found_soon_and_protection_never() -> None:
    assert first_alarm(3.0, 1.0, 104, 72).mean() < 6
    assert (first_alarm(0.5, 1.0, 104, 73) > 104).mean() > 0.99


@pytest.mark.parametrize("mean", [0.05, 0.7, 2.0])
def test_run_length_by_hand(mean: float) -> None:
    p = poisson.pmf(range(3), mean)
    # k = 1/2, alarm at 1: states 0 and 1/2
    two = (1 + p[1]) / (1 - p[0] - p[0] * p[1])
    assert run_length(mean, 0.5, 0.5, 2) == pytest.approx(two)
    # k = 1, alarm at 1: only two at once; the sum is 0 otherwise
    one = 1 / (1 - p[0] - p[1])
    assert run_length(mean, 1.0, 1.0, 1) == pytest.approx(one)
    # k = 1, alarm at 2: states 0 and 1
    chain = np.array([[1 - p[0] - p[1], -p[2]], [-p[0], 1 - p[1]]])
    assert run_length(mean, 1.0, 1.0, 2) == pytest.approx(np.linalg.solve(chain, [1.0, 1.0])[0])


def test_cells_that_do_not_fit_shorten_the_run_and_finer_ones_settle() -> None:
    mean, k, bar = 1.25, 1.8, 4.5
    exact = run_length(mean, k, 0.1, 45)  # one report is ten cells, and k eighteen
    assert exact == pytest.approx(run_length(mean, k, 0.05, 90))
    lengths = [run_length(mean, k, bar / cells, cells) for cells in (7, 61, 613)]
    assert lengths == sorted(lengths)
    assert lengths[0] < 0.9 * exact
    assert 0.98 * exact < lengths[2] <= exact


def test_a_longer_run_needs_a_higher_threshold() -> None:
    values = [threshold(1.0, Parameters(run_length=length)) for length in (20, 60, 200)]
    assert values[0] < values[1] < values[2]


def test_the_sum_by_hand() -> None:
    parameters = Parameters(margin=1.0, ratio=float(np.e))  # k = e - 1 for each expected
    s = np.zeros(1)
    for n, after in ((1, 0.0), (4, 4 - np.e + 1), (0, 4 - 2 * np.e + 2), (0, 0.0)):
        s = cusum(s, np.array([float(n)]), np.ones(1), parameters)
        assert s[0] == pytest.approx(max(0.0, after))


def test_what_gives_no_threshold_is_refused() -> None:
    for expected, parameters, code in (
        (2e-3, Parameters(run_length=1e6), "expected_too_small"),
        (0.0, Parameters(), "bad_parameter"),
        (1.0, Parameters(run_length=1.0), "bad_parameter"),
        (1.0, Parameters(ratio=1.25), "bad_parameter"),
    ):
        with pytest.raises(InputError) as error:
            threshold(expected, parameters)
        assert error.value.code == code
