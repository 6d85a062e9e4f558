"""Change of a pair against its own past."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from detectors.disproportionality.method import Floats
from detectors.sequential.change import (
    Look,
    Parameters,
    Reference,
    batch,
    change,
    start,
    step,
)
from detectors.sequential.eprocess_background import eprocess_background
from detectors.sequential.mixture import EXCESS
from schemas.errors import InputError
from tests.detectors.sequential.alarms import ALPHA, BAR, LOOKS, RUNS, ever, lower_limit

CALIBRATOR = 0.4


def by_hand(y: Floats, n: Floats, y_past: Floats, n_past: float, share: Floats) -> Floats:
    """Log of the evidence at one past share, written out."""
    odds = 1.25 * share / (1 - share)
    lr = np.zeros(np.broadcast_shapes(np.shape(y), np.shape(share)))
    for x in EXCESS:
        now, null = odds * (1 + x) / (1 + odds * (1 + x)), odds / (1 + odds)
        lr += np.exp(y * np.log(now / null) + (n - y) * np.log((1 - now) / (1 - null)))
    p = binom.cdf(y_past, n_past, share)
    out: Floats = np.log(lr / len(EXCESS)) + np.log(CALIBRATOR) + (CALIBRATOR - 1) * np.log(p)
    return out


def reached(ratio: float, seed: int, per_look: int, past: int = 80, runs: int = RUNS) -> Floats:
    """Log evidence of the serious share at its largest, (1, runs); in the past it was 20 %."""
    rng = np.random.default_rng(seed)
    odds = ratio * 0.25
    y_past = rng.binomial(past, 0.2, runs).astype(float)
    n = np.full((LOOKS, runs), float(per_look))
    y = rng.binomial(per_look, odds / (1 + odds), (LOOKS, runs)).astype(float)
    # the least over shares is below the value at any one: only runs that pass there can alarm
    share = (y_past + 2) / (past + 3)
    can = (by_hand(np.cumsum(y, 0), np.cumsum(n, 0), y_past, past, share) >= BAR).any(axis=0)
    out = np.zeros((1, runs))
    if can.any():
        zero = np.zeros(can.sum())
        before = Reference(zero + past, zero + 1, y_past[can], zero)
        looks = Look(n[:, can], np.zeros_like(n[:, can]), y[:, can], np.zeros_like(n[:, can]))
        out[0, can] = batch(before, looks).log_e_serious_sup[-1]
    return out


@pytest.mark.parametrize("ratio", [1.0, 1.1, 1.25])
def test_false_alarms_ever(ratio: float) -> None:
    assert lower_limit(ever(reached(ratio, 61, 2))) <= ALPHA


def test_detection_and_silence() -> None:
    assert ever(reached(3.0, 62, 3, past=300, runs=200)).mean() > 0.8
    assert ever(reached(0.5, 63, 2)).mean() < 0.001


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_at_any_one_time_its_mean_is_at_most_one_whatever_the_past_share(share: float) -> None:
    past, size = 15, 12
    y, c = (g.ravel().astype(float) for g in np.meshgrid(range(size + 1), range(past + 1)))
    odds = 1.25 * share / (1 - share)
    chance = binom.pmf(c, past, share) * binom.pmf(y, size, odds / (1 + odds))
    assert (np.exp(change(y, size, c, past)) * chance).sum() <= 1


@settings(max_examples=25, deadline=None)
@given(data=st.data(), n=st.integers(0, 60), past=st.integers(1, 200))
def test_no_share_on_a_fine_grid_has_less(data: st.DataObject, n: int, past: int) -> None:
    y, c = data.draw(st.integers(0, n)), data.draw(st.integers(0, past))
    logit = np.linspace(-16, 16, 4_000)
    share = 1 / (1 + np.exp(-logit))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rows = by_hand(np.array(float(y)), np.array(float(n)), np.array(float(c)), past, share)
    fine = float(np.nanmin(rows))
    found = float(change(y, n, c, past))
    assert found <= fine + 1e-5
    assert found == pytest.approx(fine, abs=2e-3)


@settings(max_examples=25, deadline=None)
@given(y=st.integers(0, 30), c=st.integers(0, 40), margins=st.tuples(*[st.floats(1, 9)] * 2))
def test_a_wider_margin_is_never_more_evidence(
    y: int, c: int, margins: tuple[float, float]
) -> None:
    narrow, wide = (float(change(y, 30, c, 40, Parameters(margin=m))) for m in sorted(margins))
    assert wide <= narrow + 1e-7


def test_the_rate_is_the_process_with_the_past_as_its_background() -> None:
    past = Reference(*(np.array([x]) for x in (40.0, 100.0, 0.0, 0.0)))
    state, finding = step(start(past), Look(*(np.array([x]) for x in (30.0, 20.0, 0.0, 0.0))))
    assert finding.log_e_rate[0] == float(eprocess_background(30, 20, 40, 100)) > BAR
    # reports that came without exposure are not of the rate
    _, later = step(state, Look(*(np.array([x]) for x in (9.0, 0.0, 0.0, 0.0))))
    assert later.log_e_rate == finding.log_e_rate


def test_a_rate_that_doubled_is_found_among_many() -> None:
    rng = np.random.default_rng(64)
    runs = 200
    zero = np.zeros(runs)
    past = Reference(rng.poisson(200, runs).astype(float), zero + 100, zero, zero)
    n = rng.poisson(4.0, (10, runs)).astype(float) * 10
    found = batch(past, Look(n, np.full_like(n, 10.0), 0 * n, 0 * n))
    assert ever(found.log_e_rate_sup).mean() > 0.8


def test_serious_and_fatal_are_told_apart() -> None:
    past = Reference(*(np.array([x]) for x in (200.0, 100.0, 40.0, 2.0)))
    _, finding = step(start(past), Look(*(np.array([x]) for x in (25.0, 12.0, 5.0, 5.0))))
    assert finding.log_e_serious[0] < 0
    assert finding.log_e_fatal[0] > BAR


def test_without_a_past_there_is_no_evidence() -> None:
    past = Reference(*(np.array([0.0]) for _ in range(4)))
    _, finding = step(start(past), Look(*(np.array([x]) for x in (9.0, 1.0, 9.0, 9.0))))
    assert [float(column[0]) for column in finding] == [0.0] * 6


def test_more_serious_reports_than_reports_are_refused() -> None:
    with pytest.raises(InputError) as error:
        change(3, 2, 1, 9)
    assert error.value.code == "bad_count"
    for counts in ((1.0, 1.0, 2.0, 0.0), (1.0, 1.0, 0.0, 2.0)):
        with pytest.raises(InputError) as error:
            start(Reference(*(np.array([x]) for x in counts)))
        assert error.value.code == "bad_count"
