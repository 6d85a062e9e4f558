"""Power of tests that look again and again: by hand, by simulation, and by what must hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from detectors.sequential.maxsprt_poisson import boundary, critical_value, crossing, type1
from detectors.sequential.power import continuous, crossings, detectable, performance, power
from schemas.errors import InputError

RUNS = 40_000


def test_one_look_is_a_tail_of_the_poisson_law() -> None:
    # 3 or more of a mean of 2.4: 1 - e^-2.4 (1 + 2.4 + 2.88)
    assert power(2, [1.2], [3]) == pytest.approx(1 - np.exp(-2.4) * 6.28)
    # the mean at which 3 come with 80 %: the 80 % point of the gamma law of shape 3, 4.2790
    assert detectable([1.2], [3]) == pytest.approx(4.27903 / 1.2, rel=1e-5)


def test_two_looks_by_hand() -> None:
    # fewer than 1 by the first look, of mean 1, and fewer than 2 by the second, of one more
    silent = np.exp(-1) * (np.exp(-1) + np.exp(-1))
    assert power(1, [1, 2], [1, 2]) == pytest.approx(1 - silent)


def test_a_single_event_at_once_is_an_exponential_time() -> None:
    # the first event signals, at rate 2, watched for 3: mean of the time cut off at 3
    found = performance(2, [3.0], [1])
    assert found.length == pytest.approx((1 - np.exp(-6)) / 2)
    assert found.power == pytest.approx(1 - np.exp(-6))
    cut = 0.5 - 3 * np.exp(-6) / (1 - np.exp(-6))
    assert found.to_signal == pytest.approx(cut)


@pytest.mark.parametrize(("horizon", "min_events"), [(1.0, 1), (10.0, 1), (10.0, 3), (40.0, 4)])
def test_at_a_ratio_of_one_it_is_the_error(horizon: float, min_events: int) -> None:
    value = critical_value(horizon, 0.05, min_events).critical_value
    assert value is not None
    at = continuous(value, horizon, min_events)
    assert power(1, *at) == pytest.approx(0.05, abs=1e-9)
    assert power(1, *at) == pytest.approx(type1(value, horizon, min_events), abs=1e-12)
    assert performance(1, *at).power == pytest.approx(0.05, abs=1e-9)


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0])
def test_it_is_what_simulated_processes_do(ratio: float) -> None:
    horizon, min_events = 10.0, 2
    value = critical_value(horizon, 0.05, min_events).critical_value
    assert value is not None
    rng = np.random.default_rng(11)
    arrivals = np.cumsum(rng.exponential(size=(RUNS, 90)) / ratio, axis=1)
    late = np.array([float(crossing(k, value)) for k in range(1, 91)])
    late[: min_events - 1] = -1
    hits = (arrivals <= late) & (arrivals <= horizon)
    signals = hits.any(axis=1)
    time = np.where(signals, arrivals[np.arange(RUNS), hits.argmax(axis=1)], horizon)
    found = performance(ratio, *continuous(value, horizon, min_events))
    # four standard errors
    assert found.power == pytest.approx(signals.mean(), abs=4 * signals.std() / RUNS**0.5)
    assert found.length == pytest.approx(time.mean(), abs=4 * time.std() / RUNS**0.5)
    of_signals = time[signals]
    error = 4 * of_signals.std() / len(of_signals) ** 0.5
    assert found.to_signal == pytest.approx(of_signals.mean(), abs=error)


def test_looks_that_are_taken_now_and_then_are_simulated_too() -> None:
    times = np.array([0.5, 1.5, 4.0, 8.0])
    limits = boundary(2.5, times, 2)
    rng = np.random.default_rng(3)
    steps = rng.poisson(2.0 * np.diff(times, prepend=0), size=(RUNS, 4))
    signals = (np.cumsum(steps, axis=1) >= limits).any(axis=1)
    assert power(2, times, limits) == pytest.approx(
        signals.mean(), abs=4 * signals.std() / RUNS**0.5
    )


boundaries = st.lists(st.floats(0.01, 5), min_size=1, max_size=8).map(
    lambda steps: (np.cumsum(steps), boundary(1.8, np.cumsum(steps), 2))
)


@settings(max_examples=40, deadline=None)
@given(at=boundaries, ratio=st.floats(0.1, 10), more=st.floats(1.01, 3))
def test_more_harm_and_more_looks_are_found_sooner(
    at: tuple[np.ndarray, np.ndarray], ratio: float, more: float
) -> None:
    times, limits = at
    assert power(ratio * more, times, limits) >= power(ratio, times, limits) - 1e-12
    if len(times) > 1:
        assert power(ratio, times, limits) >= power(ratio, times[:-1], limits[:-1]) - 1e-12
        assert detectable(times, limits) <= detectable(times[:-1], limits[:-1]) * (1 + 1e-8)
    found = performance(ratio, times, limits)
    assert found.length <= times[-1] * (1 + 1e-12)
    # one that looks all the time finds no less than one that looks at these times
    assert found.power >= power(ratio, times, limits) - 1e-12


@settings(max_examples=40, deadline=None)
@given(at=boundaries, chance=st.floats(0.05, 0.95))
def test_what_is_detectable_is_found_with_that_chance(
    at: tuple[np.ndarray, np.ndarray], chance: float
) -> None:
    assert power(detectable(*at, chance), *at) == pytest.approx(chance, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(expected=st.floats(0.05, 20), more=st.floats(1.05, 5))
def test_with_more_exposure_a_smaller_ratio_is_detectable(expected: float, more: float) -> None:
    value = critical_value(200.0, 0.05, 3).critical_value
    assert value is not None
    before, after = (detectable(*continuous(value, e, 3)) for e in (expected, expected * more))
    assert after < before
    # and at the end of one look alone, no less than a tail of the Poisson law
    at = continuous(value, expected, 3)
    assert float(poisson.sf(at[1][-1] - 1, before * expected)) <= 0.8 + 1e-9


def test_without_exposure_nothing_is_detectable() -> None:
    assert np.isnan(detectable([], []))
    assert np.isnan(detectable([0.0], [1]))
    assert power(3, [], []) == 0.0


@pytest.mark.parametrize(
    ("times", "limits", "code"),
    [
        ([1, 2], [1], "bad_shape"),
        ([2, 1], [1, 2], "bad_parameter"),
        ([1, 2], [2, 1], "bad_parameter"),
    ],
)
def test_a_boundary_must_not_fall(times: list[int], limits: list[int], code: str) -> None:
    with pytest.raises(InputError) as error:
        power(1, times, limits)
    assert error.value.code == code
    with pytest.raises(InputError) as error:
        detectable(times, limits)
    assert error.value.code == code


@pytest.mark.parametrize("ratio", [-1.0, float("nan"), float("inf")])
def test_a_ratio_must_be_a_number(ratio: float) -> None:
    for measure in (power, performance):
        with pytest.raises(InputError, match="rate ratio"):
            measure(ratio, [1.0], [1])
    with pytest.raises(InputError, match="chance"):
        detectable([1.0], [1], 1.0)


def test_crossings_are_where_a_count_ceases_to_signal() -> None:
    found = crossings(lambda n, t: n * n >= t, np.array([1.0, 3.0, 9.0]), 1e-3, 50.0)
    np.testing.assert_allclose(found, [1, 9, 50], rtol=1e-5)
    none = crossings(lambda n, t: n > 5, np.array([1.0, 6.0]), 1e-3, 50.0)
    np.testing.assert_allclose(none, [0, 50], rtol=1e-5)
