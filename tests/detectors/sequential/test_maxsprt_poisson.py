"""Poisson maxSPRT against Sequential 4.5.1, and its error against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from detectors.disproportionality.method import Floats
from detectors.sequential.maxsprt_poisson import (
    Look,
    Parameters,
    Reference,
    batch,
    boundary,
    critical_value,
    critical_value_at_looks,
    crossing,
    maxsprt_poisson,
    start,
    step,
    type1,
    type1_at_looks,
)
from schemas.errors import InputError
from tests.detectors.sequential.alarms import ALPHA, LOOKS, RUNS, lower_limit
from tests.detectors.shared import rows


def test_published_critical_values() -> None:
    found = list(rows("reference/detectors/maxsprt_poisson_critical_values.csv.gz"))
    assert len(found) == 14
    for row in found:
        assert row["D"] == "0"
        limit = critical_value(float(row["T"]), float(row["alpha"]), int(row["M"]))
        assert limit.critical_value == pytest.approx(float(row["cv"]), abs=1e-6)
        assert limit.type1 == pytest.approx(float(row["alpha"]), abs=1e-10)


def test_a_very_small_alpha_has_a_critical_value_too() -> None:
    limit = critical_value(20, 1e-7)
    assert limit.critical_value is not None
    assert limit.critical_value > 10
    assert limit.type1 == pytest.approx(1e-7, rel=1e-3)


def test_a_crossing_is_where_the_ratio_is_the_critical_value() -> None:
    n = np.array([1, 4, 60, 900])
    time = crossing(n, 3.5)
    assert (time < n).all()
    np.testing.assert_allclose(maxsprt_poisson(n, time), 3.5, rtol=1e-9)


def test_the_error_is_that_of_simulated_processes() -> None:
    rng = np.random.default_rng(4)
    horizon, cv, runs = 8.0, 2.5, 20_000
    arrivals = np.cumsum(rng.exponential(size=(runs, 40)), axis=1)
    n = np.arange(1, 41)
    signals = (maxsprt_poisson(n, arrivals) >= cv) & (arrivals <= horizon) & (n >= 2)
    seen = signals.any(axis=1).mean()
    assert seen == pytest.approx(type1(cv, horizon, 2), abs=4 * np.sqrt(0.1 / runs))


@pytest.mark.parametrize("min_events", [5, 1_000])
def test_what_cannot_be_attained_is_said(min_events: int) -> None:
    limit = critical_value(1, min_events=min_events)
    assert limit.critical_value is None
    assert limit.type1 is None
    assert limit.reason is not None


@pytest.mark.parametrize(
    ("horizon", "alpha", "min_events"),
    [(0, 0.05, 1), (10, 0, 1), (10, 1, 1), (10, 0.05, 0), (1e6, 0.05, 1), (float("nan"), 0.05, 1)],
)
def test_bad_parameters(horizon: float, alpha: float, min_events: int) -> None:
    with pytest.raises(InputError) as caught:
        critical_value(horizon, alpha, min_events)
    assert caught.value.code == "bad_parameter"


@settings(max_examples=60, deadline=None)
@given(mean=st.floats(0.01, 300), value=st.floats(0, 12), least=st.integers(1, 9))
def test_the_boundary_is_the_fewest_that_signal(mean: float, value: float, least: int) -> None:
    (n,) = boundary(value, [mean], least).tolist()
    assert n >= least
    assert float(maxsprt_poisson(n, mean)) > value
    assert n == least or float(maxsprt_poisson(n - 1, mean)) <= value + 1e-9


def by_paths(limits: list[int], looks: list[float]) -> float:
    """The error of a group test, by the counts at each look, one after the other."""
    held, before, signalled = {0: 1.0}, 0.0, 0.0
    for limit, time in zip(limits, looks, strict=True):
        after: dict[int, float] = {}
        for n, chance in held.items():
            for more in range(limit - n):
                after[n + more] = after.get(n + more, 0.0) + chance * float(
                    poisson.pmf(more, time - before)
                )
            signalled += chance * float(poisson.sf(limit - n - 1, time - before))
        held, before = after, time
    return signalled


LOOKED = [5.0, 11.0, 17.0, 22.0, 30.0]  # the example of Sequential's manual


@pytest.mark.parametrize("least", [1, 4, 12])
def test_the_value_at_looks_is_the_smallest(least: int) -> None:
    limit, counts = critical_value_at_looks(LOOKED, min_events=least)
    assert limit.critical_value is not None
    assert limit.type1 == pytest.approx(by_paths(counts.tolist(), LOOKED), rel=1e-9)
    assert limit.type1 is not None
    assert limit.type1 <= ALPHA
    # a tie is no signal, and with it the error would be too large
    tied = boundary(limit.critical_value - 1e-6, LOOKED, least)
    assert (counts - tied).sum() == 1
    assert by_paths(tied.tolist(), LOOKED) > ALPHA
    # the same boundary found by hand: the ratio just below it does not pass the value
    assert (maxsprt_poisson(counts, LOOKED) > limit.critical_value).all()
    below = maxsprt_poisson(counts - 1, LOOKED)
    assert ((below <= limit.critical_value + 1e-9) | (counts == least)).all()


def test_looks_by_hand() -> None:
    # fewer than 2 at 1 and fewer than 3 at 2: none by 1 and up to two more, or one and up to one
    by_hand = np.exp(-2) * ((1 + 1 + 1 / 2) + (1 + 1))
    assert type1_at_looks(np.array([2, 3]), [1, 2]) == pytest.approx(1 - by_hand, rel=1e-12)


def test_weekly_looks_need_less_than_looking_all_the_time() -> None:
    weekly, _ = critical_value_at_looks(np.arange(1, LOOKS + 1) * 0.3)
    always = critical_value(LOOKS * 0.3)
    assert weekly.critical_value is not None
    assert always.critical_value is not None
    assert weekly.critical_value < always.critical_value


def test_what_cannot_be_attained_at_looks_is_said() -> None:
    limit, counts = critical_value_at_looks([0.5, 1.0], min_events=6)
    assert (limit.critical_value, limit.type1, counts.size) == (None, None, 0)
    assert limit.reason is not None
    assert "at 2 looks, the error is 0.000594 at the most" in limit.reason


def test_looks_that_do_not_rise_are_refused() -> None:
    for looks in ([], [0.0, 1.0], [2.0, 1.0], [1.0, np.inf], [[1.0, 2.0]]):
        with pytest.raises(InputError) as caught:
            critical_value_at_looks(looks)
        assert caught.value.code == "bad_parameter"


def simulate(ratio: float, seed: int, parameters: Parameters | None = None) -> Floats:
    """Which runs signalled, and which had by the middle; 20 to expect in all."""
    expected = np.full((LOOKS, RUNS), 20 / LOOKS)
    n = np.random.default_rng(seed).poisson(ratio * expected).astype(float)
    found = batch(Reference(np.full(RUNS, 20.0)), Look(n, expected), parameters or Parameters())
    assert not found.open[-1].any()
    assert (found.open[:-1] + found.signal[:-1] == 1).all()
    out: Floats = found.signal[-1]
    return out


@pytest.mark.parametrize(("ratio", "margin"), [(1.0, 1.0), (1.0, 1.25), (1.25, 1.25)])
def test_false_alarms_ever(ratio: float, margin: float) -> None:
    assert lower_limit(simulate(ratio, 12, Parameters(margin)) > 0) <= ALPHA


def test_detection_and_silence() -> None:
    assert simulate(3.0, 13).mean() > 0.9
    assert simulate(0.5, 14).mean() < 0.001
    assert simulate(3.0, 13, Parameters(alpha=0.001)).mean() < simulate(3.0, 13).mean()


def test_a_test_that_has_ended_stays_as_it_ended() -> None:
    reference = Reference(np.array([2.0, 2.0]))
    looks = Look(np.array([[0.0, 9], [0, 0], [99, 99]]), np.array([[1.0, 1], [1, 1], [1, 1]]))
    found = batch(reference, looks)
    assert found.signal.tolist() == [[0, 1], [0, 1], [0, 1]]
    assert found.open.tolist() == [[1, 0], [0, 0], [0, 0]]


def test_too_few_events_do_not_signal_and_an_unattainable_test_is_never_open() -> None:
    look = Look(np.array([3.0]), np.array([0.01]))
    for least, signal, open_ in ((3, 1, 0), (4, 0, 1), (60, 0, 0)):
        parameters = Parameters(min_events=least)
        _, finding = step(start(Reference(np.array([20.0])), parameters), look, parameters)
        assert (finding.signal.tolist(), finding.open.tolist()) == ([signal], [open_])


def test_a_test_without_an_end_is_refused() -> None:
    for horizon in (0.0, np.inf):
        with pytest.raises(InputError):
            start(Reference(np.array([horizon])))
