"""Poisson e-process with the background as a count over person-time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from detectors.disproportionality.method import Floats
from detectors.sequential.eprocess import eprocess
from detectors.sequential.eprocess_background import (
    Look,
    Parameters,
    Reference,
    batch,
    eprocess_background,
    start,
)
from detectors.sequential.mixture import EXCESS, log_mean_exp
from detectors.sequential.special import log_upper_gamma
from schemas.errors import InputError
from tests.detectors.sequential.alarms import ALPHA, BAR, LOOKS, RUNS, ever, lower_limit


def reached(
    ratio: float, background: float, per_look: float, seed: int, runs: int = RUNS
) -> Floats:
    """Log evidence at its largest, (1, runs); a background rate of 1, counted once a run."""
    rng = np.random.default_rng(seed)
    c = rng.poisson(background, runs).astype(float)
    n = rng.poisson(ratio * per_look, (LOOKS, runs)).astype(float)
    t = np.full((LOOKS, runs), per_look)
    total, time = np.cumsum(n, 0), np.cumsum(t, 0)
    # the least over rates is below the value at any one: only runs that pass there can alarm
    rate = (c + 1) / background
    one = np.log(0.4) - 0.6 * log_upper_gamma(c + 1, rate * background)
    can = ((one + eprocess(total, rate * time)) >= BAR).any(axis=0)
    out = np.zeros((1, runs))
    some = Reference(c[can], np.full(can.sum(), background))
    if can.any():
        out[0, can] = batch(some, Look(n[:, can], t[:, can])).log_e_sup[-1]
    return out


@pytest.mark.parametrize("background", [4.0, 60.0])
@pytest.mark.parametrize("ratio", [1.0, 1.1, 1.25])
def test_false_alarms_ever(ratio: float, background: float) -> None:
    assert lower_limit(ever(reached(ratio, background, 0.5, 21))) <= ALPHA


def test_detection_and_silence() -> None:
    assert ever(reached(3.0, 100.0, 0.12, 22, 300)).mean() > 0.8
    assert ever(reached(0.5, 100.0, 0.12, 23)).mean() < 0.001


def test_a_number_in_the_place_of_a_small_count_would_be_wrong() -> None:
    rng = np.random.default_rng(24)
    c = np.maximum(rng.poisson(4.0, RUNS), 1)
    n = rng.poisson(1.25 * 50, RUNS)
    assert (eprocess(n, c / 4.0 * 50) >= BAR).mean() > 0.2
    assert (eprocess_background(n, 50.0, c, 4.0) >= BAR).mean() < ALPHA


def test_the_binomial_ratio_given_the_totals_may_not_be_looked_at_again_and_again() -> None:
    """Why it is not used here: stopped at 20 it has a mean above 1, so it is no e-process."""
    rng = np.random.default_rng(25)
    past, margin, looks = 4.0, 1.25, 60
    c = rng.poisson(past, RUNS).astype(float)
    time = np.geomspace(0.05, 200, looks)
    mean = margin * np.diff(time, prepend=0.0)[:, None]
    n = np.cumsum(rng.poisson(mean, (looks, RUNS)), axis=0).astype(float)
    at_margin = (margin * time / (margin * time + past))[:, None, None]
    growth = np.array(EXCESS)
    log_lr = n[..., None] * np.log1p(growth) - (n + c)[..., None] * np.log1p(at_margin * growth)
    e = np.exp(log_mean_exp(log_lr))
    assert e[20].mean() == pytest.approx(1, abs=0.1)  # at any one look it is an e-value
    stop = np.where((e >= 20).any(axis=0), (e >= 20).argmax(axis=0), looks - 1)
    stopped = e[stop, np.arange(RUNS)]
    assert stopped.mean() - 2.33 * stopped.std() / np.sqrt(RUNS) > 1.1


@pytest.mark.parametrize("rate", [0.05, 0.7, 3.0])
def test_at_any_one_time_its_mean_is_at_most_one_whatever_the_rate(rate: float) -> None:
    past, t = 5.0, 3.0
    c, n = (grid.ravel() for grid in np.meshgrid(np.arange(45), np.arange(60)))
    chance = poisson.pmf(c, rate * past) * poisson.pmf(n, 1.25 * rate * t)
    assert chance.sum() > 1 - 1e-6
    assert (np.exp(eprocess_background(n, t, c, past)) * chance).sum() <= 1


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(0, 200),
    t=st.floats(0.01, 50),
    c=st.integers(0, 200),
    past=st.floats(0.1, 1e4),
)
def test_no_rate_on_a_fine_grid_has_less(n: int, t: float, c: int, past: float) -> None:
    rates = np.concatenate([[0.0], (c + 1) / past * np.geomspace(1e-5, 1e5, 2_000)])
    fit = log_upper_gamma(c + 1.0, rates * past)
    fine = np.log(0.4) - 0.6 * fit + eprocess(n, rates * t)
    found = float(eprocess_background(n, t, c, past))
    assert found <= fine.min() + 1e-9
    assert found == pytest.approx(float(fine.min()), abs=2e-2)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(0, 90), c=st.integers(0, 90), unit=st.floats(1e-3, 1e3))
def test_the_unit_of_person_time_does_not_matter(n: int, c: int, unit: float) -> None:
    years = float(eprocess_background(n, 2.0, c, 30.0))
    assert float(eprocess_background(n, 2.0 * unit, c, 30.0 * unit)) == pytest.approx(
        years, abs=1e-8
    )


@settings(max_examples=15, deadline=None)
@given(n=st.integers(0, 90), c=st.integers(0, 90), margins=st.tuples(*[st.floats(1, 9)] * 2))
def test_a_wider_margin_is_never_more_evidence(
    n: int, c: int, margins: tuple[float, float]
) -> None:
    narrow, wide = (
        float(eprocess_background(n, 2.0, c, 30.0, Parameters(margin=m))) for m in sorted(margins)
    )
    assert wide <= narrow + 1e-8


def test_a_larger_background_is_more_certain() -> None:
    values = [float(eprocess_background(30, 10.0, c, float(c))) for c in (1, 10, 100, 10_000)]
    assert values == sorted(values)
    assert values[-1] < float(eprocess(30, 10.0))


def test_without_a_background_there_is_no_evidence() -> None:
    assert float(eprocess_background(30, 1.0, 0, 0.0)) == 0.0
    with pytest.raises(InputError) as error:
        start(Reference(np.array([1.0]), np.array([0.0])))
    assert error.value.code == "bad_count"


def test_a_power_that_is_no_calibrator_is_refused() -> None:
    with pytest.raises(InputError) as error:
        eprocess_background(1, 1, 1, 1, Parameters(calibrator=1.0))
    assert error.value.code == "bad_parameter"
