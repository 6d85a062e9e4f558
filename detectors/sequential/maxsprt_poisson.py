"""Maximized sequential probability ratio test for counts against a known expectation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import lambertw, rel_entr
from scipy.stats import poisson

from detectors.disproportionality.method import Floats, Integers, floats
from detectors.sequential.limits import (
    Limit,
    check,
    check_looks,
    fewest,
    smallest,
    unattainable,
)
from detectors.sequential.maxsprt import Finding, bar, check_horizon, find
from detectors.sequential.method import Method, amounts, replay
from detectors.sequential.silence import silent

LONGEST = 2_000
# counts that are less likely at a look do not decide about a critical value
RARE = 1e-6


@dataclass(frozen=True, slots=True)
class Parameters:
    """`margin`: the largest rate ratio that is no harm; 1 is the published test.

    `alpha`: the error up to the horizon; `min_events`: needed for a signal.
    """

    margin: float = 1.25
    alpha: float = 0.05
    min_events: int = 1


DEFAULT = Parameters()


class Reference(NamedTuple):
    """Where the test ends: reports to expect by then, at a rate ratio of 1."""

    horizon: Floats


class Look(NamedTuple):
    """What a look adds: reports, and how many to expect at a rate ratio of 1."""

    n: Floats
    expected: Floats


class State(NamedTuple):
    """Sums so far, reports that came where none could be expected, and how the test stands."""

    n: Floats
    expected: Floats
    n_unexposed: Floats
    signal: Floats
    critical_value: Floats
    horizon: Floats


def maxsprt_poisson(n: npt.ArrayLike, expected: npt.ArrayLike) -> Floats:
    """Log likelihood ratio of the rate seen against the rate expected.

        LLR = n log(n / E) - (n - E) where n > E, else 0

    Source: Kulldorff et al., Sequential Analysis 2011;30:58-78. `n` are events so far, `expected`
    those to expect so far if nothing is wrong, of one shape (or broadcast); a log ratio. For a null
    with a margin give the expected count times the margin. Verified, with its critical values,
    against Sequential 4.5.1: `tests/detectors/sequential/test_maxsprt_poisson.py`.

    >>> [round(float(x), 6) for x in maxsprt_poisson([5, 1], [2.0, 2.0])]
    [1.581454, 0.0]
    """
    count, mean = floats(n), floats(expected)
    ratio: Floats = np.where(
        count > mean, np.maximum(rel_entr(count, mean) - (count - mean), 0), 0.0
    )
    return ratio


def crossing(n: npt.ArrayLike, critical_value: float) -> Floats:
    """The latest time, in expected events, at which `n` events still reach the critical value."""
    count = floats(n)
    time: Floats = -count * lambertw(-np.exp(-1 - critical_value / count)).real
    return time


def boundary(critical_value: float, expected: npt.ArrayLike, min_events: int = 1) -> Integers:
    """The fewest events that signal where so many were expected so far, if that is a look.

    A signal needs an LLR above the critical value and `min_events`.

    >>> boundary(3.467952, [0.1, 1, 2, 5, 10]).tolist()
    [2, 5, 7, 12, 20]
    """
    mean = floats(expected)
    low = np.maximum(np.floor(mean), min_events - 1)
    return fewest(lambda n: maxsprt_poisson(n, mean), low, critical_value)


def type1(critical_value: float, horizon: float, min_events: int = 1) -> float:
    """Probability, nothing being wrong, to signal by the time `horizon` (in expected events).

    The test looks at every moment and signals when LLR >= critical value with `min_events` or
    more. Exact: the count's distribution is carried from one crossing time to the next.

    >>> round(type1(2.853937, 1.0), 6)
    0.05
    """
    times = [float(crossing(min_events, critical_value))]
    while times[-1] < horizon:
        times.append(float(crossing(min_events + len(times), critical_value)))
    limits = np.arange(min_events, min_events + len(times))
    return float(1 - silent(np.minimum(times, horizon), limits).sum())


def type1_at_looks(limits: Integers, looks: npt.ArrayLike) -> float:
    """Probability, nothing being wrong, of as many events as the limit at any of the looks.

    `looks` are the expected counts by each, rising.

    >>> round(type1_at_looks(np.array([3]), [1.0]), 6)  # 1 - e^-1 (1 + 1 + 1/2)
    0.080301
    """
    return float(1 - silent(check_looks(looks), limits).sum())


def critical_value(horizon: float, alpha: float = 0.05, min_events: int = 1) -> Limit:
    """The critical value of a continuous test with type I error alpha up to `horizon`.

    Source: Kulldorff and Silva, REVSTAT 2015;13:1-18 (minimum events). `horizon` in expected
    events. Where even a signal at any excess has a smaller error, there is none, and the reason
    is given. InputError `bad_parameter`. Verified against Sequential 4.5.1:
    `tests/detectors/sequential/test_maxsprt_poisson.py`.

    >>> round(critical_value(10).critical_value, 6)
    3.467952
    >>> critical_value(1, min_events=5).reason
    'with 5 events or more by then, the error is 0.00366 at the most, below alpha'
    """
    check(alpha=alpha, min_events=min_events, horizon=horizon, longest=LONGEST)
    lowest = 1e-9
    highest_error = type1(lowest, horizon, min_events)
    if highest_error < alpha:
        return Limit(
            None,
            None,
            f"with {min_events} events or more by then, the error is {highest_error:.3g} at the "
            "most, below alpha",
        )
    highest = 10.0
    while type1(highest, horizon, min_events) > alpha:
        highest *= 2
    value = brentq(
        lambda cv: type1(cv, horizon, min_events) - alpha, lowest, highest, xtol=1e-12, rtol=1e-14
    )
    return Limit(float(value), type1(value, horizon, min_events))


def critical_value_at_looks(
    looks: npt.ArrayLike, alpha: float = 0.05, min_events: int = 1
) -> tuple[Limit, Integers]:
    """The smallest critical value of a test that looks at given times only, and its boundary.

    `looks` are expected counts, rising; the last one is the horizon. Counts at a time are discrete:
    the value is one that the statistic can take, a signal needs an LLR *above* it, and the error is
    at most alpha. Where nothing can be so likely there is no value, the reason is given, and the
    boundary is empty. InputError `bad_parameter`. Verified against every path and simulation:
    `tests/detectors/sequential/test_maxsprt_poisson.py`.

    >>> limit, counts = critical_value_at_looks([5, 11, 17, 22, 30])
    >>> round(limit.critical_value, 6), round(limit.type1, 6), counts.tolist()
    (2.131834, 0.046223, [11, 19, 27, 33, 43])
    """
    times = check_looks(looks)
    check(alpha=alpha, min_events=min_events, horizon=float(times[-1]), longest=LONGEST)

    def error(value: float) -> float:
        return type1_at_looks(boundary(value, times, min_events), times)

    if (most := error(0)) <= alpha:
        what = f"with {min_events} events or more at {len(times)} looks"
        return unattainable(most, what), np.empty(0, dtype=np.int64)
    values = []
    for time in times.tolist():
        least = max(min_events, int(time) + 1)
        n = np.arange(least, max(least, int(poisson.isf(alpha * RARE, time))) + 1)
        values.append(maxsprt_poisson(n, time))
    value = smallest(np.unique(np.concatenate(values)), error, alpha)
    limits = boundary(value, times, min_events)
    return Limit(value, type1_at_looks(limits, times)), limits


@lru_cache(maxsize=4096)
def _bar(horizon: float, alpha: float, min_events: int) -> float:
    return bar(critical_value(horizon, alpha, min_events))


def start(reference: Reference, parameters: Parameters = DEFAULT) -> State:
    """Before the first look; a critical value for each horizon. InputError `bad_parameter`."""
    (horizon,) = amounts(**reference._asdict())
    check_horizon(parameters.margin, horizon)
    bars = [
        _bar(parameters.margin * end, parameters.alpha, parameters.min_events)
        for end in horizon.tolist()
    ]
    zero = np.zeros_like(horizon)
    return State(zero, zero, zero, zero, np.array(bars), horizon)


def step(state: State, look: Look, parameters: Parameters = DEFAULT) -> tuple[State, Finding]:
    """One look; where `expected` is 0 it says nothing, and its reports are only counted.

    Looks in between are free: the critical value is that of a test which looks all the time.

    >>> state, finding = step(start(Reference(np.array([20.0]))), Look(*np.array([[14.0], [3.0]])))
    >>> finding.llr.round(3).tolist(), finding.signal.tolist(), finding.open.tolist()
    ([8.192], [1.0], [0.0])
    """
    n, expected = amounts(**look._asdict())
    exposed = expected > 0
    total, mean = state.n + np.where(exposed, n, 0), state.expected + expected
    llr = maxsprt_poisson(total, parameters.margin * mean)
    counted = np.where(total >= parameters.min_events, llr, 0.0)
    finding = find(llr, counted, state.critical_value, state.signal, mean / state.horizon)
    unexposed = state.n_unexposed + np.where(exposed, 0, n)
    return state._replace(
        n=total, expected=mean, n_unexposed=unexposed, signal=finding.signal
    ), finding


def batch(reference: Reference, looks: Look, parameters: Parameters = DEFAULT) -> Finding:
    """All looks, arrays of shape (looks, pairs), as the steps give them."""
    found: Finding = replay(step, start(reference, parameters), looks, parameters)
    return found


METHOD = Method(
    name="maxsprt_poisson",
    look=Look,
    finding=Finding,
    start=start,
    step=step,
    batch=batch,
    parameters=DEFAULT,
    reference=Reference,
    rising=("llr", "signal"),
)
