"""Conditional maxSPRT: by hand, by quadrature, by simulation, and against Sequential."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gamma, roots_genlaguerre
from scipy.stats import nbinom, poisson

from detectors.disproportionality.method import Floats
from detectors.sequential.conditional import boundary, crossing, type1, type1_at_looks
from detectors.sequential.maxsprt_conditional import (
    Look,
    Parameters,
    Reference,
    batch,
    critical_value,
    critical_value_at_looks,
    maxsprt_conditional,
    start,
)
from detectors.sequential.maxsprt_poisson import critical_value as of_poisson
from detectors.sequential.silence import silent
from schemas.errors import InputError
from tests.detectors.sequential.alarms import ALPHA, LOOKS, RUNS, lower_limit


def test_the_ratio_is_that_of_two_rates_against_one() -> None:
    def likelihood(n: int, c: int, rate: float, past: float) -> float:
        return float(poisson.logpmf(n, rate * 3) + poisson.logpmf(c, past * 100))

    both = 112 / 103
    by_hand = likelihood(12, 100, 4, 1) - likelihood(12, 100, both, both)
    assert float(maxsprt_conditional(12, 3, 100, 100)) == pytest.approx(by_hand, rel=1e-12)
    assert (
        maxsprt_conditional([3, 2, 9, 9], [3, 3, 0, 3], 100, [100, 100, 100, 0]).tolist()
        == [0.0] * 4
    )


@pytest.mark.parametrize("counted", [1, 20, 10**7])
@pytest.mark.parametrize("value", [1e-6, 3.0, 40.0])
def test_a_crossing_is_where_the_ratio_is_the_critical_value(counted: int, value: float) -> None:
    n = np.array([1, 2, 30, 500])
    time = crossing(n, counted, value)
    assert (time < n / counted).all()
    assert (np.diff(time) > 0).all()
    found = maxsprt_conditional(n, time, counted, 1)
    np.testing.assert_allclose(found, value, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("period", "shape"), [("event", 5), ("fixed", 6)])
def test_an_error_by_hand(period: str, shape: int) -> None:
    """Two events end it. Silent: none by the second crossing, or one, after the first."""
    first, second = crossing([1, 2], 5, 1.7)
    by_hand = (1 + second) ** -shape + shape * (second - first) * (1 + second) ** (-shape - 1)
    found = type1(1.7, 2, 5, stop="events", period=period)
    assert found == pytest.approx(1 - by_hand, rel=1e-12)


@pytest.mark.parametrize("counted", [2, 12])
@pytest.mark.parametrize("least", [1, 3])
def test_an_error_by_quadrature_over_the_rate(counted: int, least: int) -> None:
    """At each rate of the background the process is Poisson: its law is carried by hand."""
    horizon, value = 0.6, 1.9
    n = np.arange(least, 400)
    times = crossing(n, counted, value)
    last = int(np.argmax(times >= horizon))
    path = list(zip(n[: last + 1], np.minimum(times[: last + 1], horizon), strict=True))

    def signals(rate: float) -> float:
        law, before = np.ones(1), 0.0
        for limit, time in path:
            jumps = poisson.pmf(
                np.subtract.outer(np.arange(limit), np.arange(len(law))), rate * (time - before)
            )
            law, before = jumps @ law, time
        return float(1 - law.sum())

    nodes, weights = roots_genlaguerre(60, counted - 1)
    integral = sum(w * signals(float(v)) for v, w in zip(nodes, weights, strict=True)) / gamma(
        counted
    )
    found = type1(value, horizon, counted, least, period="event")
    assert found == pytest.approx(integral, abs=1e-10)


def test_an_error_by_simulation() -> None:
    rng = np.random.default_rng(91)
    runs, counted, least = 40_000, 20, 2
    limit = critical_value(30, counted, min_events=least, stop="events", period="event")
    assert limit.critical_value is not None
    background = rng.gamma(counted, size=runs)
    times = np.cumsum(rng.exponential(size=(runs, 30)), axis=1)
    llr = maxsprt_conditional(np.arange(1, 31), times, counted, background[:, None])
    seen = (llr[:, least - 1 :] >= limit.critical_value).any(axis=1).mean()
    assert seen == pytest.approx(ALPHA, abs=3 * np.sqrt(ALPHA / runs))


def test_where_sequential_is_wrong() -> None:
    """Its manual's `exact` value at 20 counted, 20 at the end, 2 at least: 3.149115.

    Its law of the background's person-time is another than Li and Kulldorff's: the last event and
    a uniform part of the way to the next. But the last of its twenty signal probabilities is taken
    from Li and Kulldorff's law, and the sum of the two is no probability of anything. With both
    laws mixed in that way its value has an error of 0.05 here too; by either one it has not.
    """
    counted, printed, least = 20, 3.149115, 2
    share, weight = np.polynomial.legendre.leggauss(40)

    def of(events: int, law: str) -> float:
        n = np.arange(least, events + 1)
        times = crossing(n, counted, printed)
        at = silent(counted * times, n)
        j, end = np.arange(len(at)), float(times[-1])
        count = nbinom.pmf(j, counted, 1 / (1 + end))
        if law == "uniform":
            ways = [
                np.convolve(count, nbinom.pmf(j, 1, 1 / (1 + end * (s + 1) / 2))) for s in share
            ]
            count = np.sum([w / 2 * way[: len(j)] for w, way in zip(weight, ways, strict=True)], 0)
        return float(1 - (at / poisson.pmf(j, counted * end) * count).sum())

    mixed = of(19, "uniform") + of(20, "event") - of(19, "event")
    assert mixed == pytest.approx(0.05, abs=1e-6)
    assert of(20, "uniform") == pytest.approx(0.050099, abs=1e-6)
    assert of(20, "event") == pytest.approx(0.045862, abs=1e-6)
    exact = critical_value(20, counted, min_events=least, stop="events", period="event")
    assert exact.critical_value == pytest.approx(3.053029, abs=1e-6)
    fixed = critical_value(20, counted, min_events=least, stop="events")
    assert fixed.critical_value == pytest.approx(3.252705, abs=1e-6)


@pytest.mark.parametrize("least", [1, 3])
def test_a_background_of_very_many_events_is_a_number(least: int) -> None:
    counted = 10**7
    for period in ("fixed", "event"):
        found = critical_value(20 / counted, counted, min_events=least, period=period)
        known = of_poisson(20, min_events=least)
        assert found.critical_value == pytest.approx(known.critical_value, abs=1e-4)


def test_a_very_small_alpha_has_a_critical_value_too() -> None:
    limit = critical_value(0.5, 20, 1e-7)
    assert limit.critical_value is not None
    assert limit.critical_value > 10
    assert limit.type1 == pytest.approx(1e-7, rel=1e-3)


def over_fixed_time(mean: float, period: str, stop: str, horizon: float) -> float:
    """The error where the background's person-time is fixed and its count Poisson of this mean."""
    total = 0.0
    for counted in range(1, int(mean + 5 * np.sqrt(mean) + 8)):
        chance = float(poisson.pmf(counted, mean))
        if chance < 1e-5:
            continue
        limit = critical_value(horizon, counted, stop=stop, period=period)
        value = limit.critical_value
        if value is None:
            continue
        n = np.arange(1, 200)
        times = crossing(n, counted, value)
        last = int(horizon) - 1 if stop == "events" else int(np.argmax(times >= horizon))
        end = np.inf if stop == "events" else horizon
        at = silent(mean * np.minimum(times[: last + 1], end), n[: last + 1])
        total += chance * float(1 - at.sum())
    return total


@pytest.mark.parametrize("mean", [2.0, 8.0, 30.0])
@pytest.mark.parametrize(("stop", "horizon"), [("events", 12), ("exposure", 0.5)])
def test_where_the_background_ended_on_a_date_the_error_is_held(
    mean: float, stop: str, horizon: float
) -> None:
    assert over_fixed_time(mean, "fixed", stop, horizon) <= ALPHA


def test_as_li_and_kulldorff_have_it_a_fixed_period_would_not_hold_it() -> None:
    assert over_fixed_time(20, "event", "events", 20) == pytest.approx(0.0583, abs=2e-4)


def test_looks_at_given_times_by_hand() -> None:
    # a look at 1, another at 2, 3 counted: two or fewer at 1, three or fewer at 2 are silent
    p = nbinom.pmf(range(4), 3, 1 / 3)
    halves = [1, 1, 1, 1 - 0.5**3]  # not all of the three in the first half
    by_hand = 1 - (p * halves).sum()
    found = type1_at_looks(np.array([3, 4]), [1.0, 2.0], 3, period="event")
    assert found == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("period", ["fixed", "event"])
def test_the_value_at_looks_is_the_smallest(period: str) -> None:
    looks = np.array([0.2, 0.5, 0.9])
    limit, counts = critical_value_at_looks(looks, 12, period=period)
    assert limit.critical_value is not None
    assert limit.type1 is not None
    assert limit.type1 <= ALPHA
    assert type1_at_looks(counts, looks, 12, period=period) == limit.type1
    # a tie is no signal, and with it the error would be too large
    just_below = boundary(limit.critical_value - 1e-6, looks, 12)
    assert (counts - just_below).sum() == 1
    assert type1_at_looks(just_below, looks, 12, period=period) > ALPHA
    rare, none = critical_value_at_looks([0.1], 12, min_events=9)
    assert rare.critical_value is None
    assert rare.reason is not None
    assert none.size == 0


@pytest.mark.parametrize(
    ("horizon", "alpha", "least", "stop"), [(0.1, 0.05, 12, "exposure"), (2, 0.9, 2, "events")]
)
def test_what_cannot_be_attained_is_said(
    horizon: float, alpha: float, least: int, stop: str
) -> None:
    limit = critical_value(horizon, 20, alpha, least, stop=stop)
    assert limit.critical_value is None
    assert limit.type1 is None
    assert limit.reason is not None


def test_bad_parameters() -> None:
    for bad in (
        {"horizon": 20, "counted": 0, "stop": "events"},
        {"horizon": 2.5, "counted": 9, "stop": "events"},
        {"horizon": 2, "counted": 9, "stop": "events", "min_events": 3},
        {"horizon": 1, "counted": 9, "stop": "never"},
        {"horizon": 1, "counted": 9, "period": "never"},
        {"horizon": 1, "counted": 9, "alpha": 0},
        {"horizon": 100, "counted": 9},
    ):
        with pytest.raises(InputError) as error:
            critical_value(**bad)
        assert error.value.code == "bad_parameter"
    for looks in ([], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [np.nan]):
        with pytest.raises(InputError) as error:
            critical_value_at_looks(looks, 9)
        assert error.value.code == "bad_parameter"


def simulate(ratio: float, seed: int, parameters: Parameters | None = None) -> Floats:
    """Which of the runs signalled; 6 counted on average, 15 to expect in 104 looks."""
    rng = np.random.default_rng(seed)
    background = rng.poisson(6.0, RUNS).astype(float)
    exposure = np.full((LOOKS, RUNS), 15 / LOOKS)
    looks = Look(rng.poisson(ratio * exposure).astype(float), exposure)
    one = np.ones(RUNS)
    found = batch(Reference(background, 6 * one, 15 * one), looks, parameters or Parameters())
    assert not (found.open[-1]).any()
    out: Floats = found.signal[-1]
    return out


@pytest.mark.parametrize("ratio", [1.0, 1.25])
def test_false_alarms_ever(ratio: float) -> None:
    assert lower_limit(simulate(ratio, 92) > 0) <= ALPHA


def test_detection_and_silence() -> None:
    assert simulate(5.0, 93).mean() > 0.5
    assert simulate(0.5, 94).mean() < 0.005


def test_a_background_without_events_gives_no_test() -> None:
    before = start(Reference(np.array([0.0, 5.0]), np.array([9.0, 0.0]), np.array([5.0, 5.0])))
    assert np.isinf(before.critical_value).all()
    reference = Reference(np.array([0.0, 5.0]), np.array([9.0, 0.0]), np.array([5.0, 5.0]))
    found = batch(reference, Look(np.full((1, 2), 30.0), np.ones((1, 2))))
    assert found.signal.tolist() == found.open.tolist() == [[0.0, 0.0]]
