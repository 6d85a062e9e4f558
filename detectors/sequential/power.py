"""Power of a test that looks again and again: how likely it signals, and how long that takes.

A test is given by its boundary: `times`, in expected events at a rate ratio of 1, rising, and
`limits`, for each the fewest events that signal up to it. A test that looks all the time has its
crossing times here, at which one event more comes to be needed; one that looks at given times has
these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import gammainc

from detectors.disproportionality.method import Floats, Integers, floats
from detectors.sequential.maxsprt_poisson import crossing
from detectors.sequential.silence import silent
from schemas.errors import InputError

# a ratio that no count reaches with any test
LARGEST = 1e6


class Performance(NamedTuple):
    """Of a test up to its last time, at some rate ratio; times in expected events at ratio 1.

    `to_signal`: mean time of those runs that signal (NaN where none does), `length` of all of them.
    """

    power: float
    to_signal: float
    length: float


def continuous(
    critical_value: float, horizon: float, min_events: int = 1
) -> tuple[Floats, Integers]:
    """The boundary of a Poisson maxSPRT that looks all the time, up to a horizon.

    >>> times, limits = continuous(2.853937, 1.0)
    >>> times.round(4).tolist(), limits.tolist()
    ([0.0217, 0.1947, 0.5043, 0.9037, 1.0], [1, 2, 3, 4, 5])
    """
    times = [float(crossing(min_events, critical_value))]
    while times[-1] < horizon:
        times.append(float(crossing(min_events + len(times), critical_value)))
    limits = np.arange(min_events, min_events + len(times))
    return np.minimum(times, horizon), limits


def power(ratio: float, times: npt.ArrayLike, limits: npt.ArrayLike) -> float:
    """Probability that a boundary is reached by its last time, at a rate ratio.

        1 - sum over n of P(n events by the last time, below the limit at each of them)

    Exact: the counts' law is carried from one time to the next (`silence`). At a ratio of 1 it is
    the error of the test. InputError `bad_parameter`. Verified against simulation and sums over
    Poisson laws: `tests/detectors/sequential/test_power.py`.

    >>> at = continuous(2.853937, 1.0)
    >>> round(power(1, *at), 6), round(power(4, *at), 3)
    (0.05, 0.573)
    """
    at, fewest = _boundary(times, limits)
    if ratio < 0 or not np.isfinite(ratio):
        raise InputError("bad_parameter", "a rate ratio must be 0 or more, and finite")
    return float(1 - silent(ratio * at, fewest).sum())


def detectable(times: npt.ArrayLike, limits: npt.ArrayLike, chance: float = 0.8) -> float:
    """The smallest rate ratio at which a boundary is reached by its last time with some chance.

    NaN where the boundary has no time yet. InputError `bad_parameter`.

    >>> at = continuous(3.467952, 10.0)
    >>> round(detectable(*at), 3), round(power(detectable(*at), *at), 6)
    (2.181, 0.8)
    """
    at, fewest = _boundary(times, limits)
    if not 0 < chance < 1:
        raise InputError("bad_parameter", "a chance must lie between 0 and 1")
    if not at.size or at[-1] <= 0:
        return float("nan")

    def lacking(log_ratio: float) -> float:
        return power(float(np.exp(log_ratio)), at, fewest) - chance

    # at the last time alone it would take a mean of some counts beyond the limit
    high = float(np.log((fewest[-1] + 10 * np.sqrt(fewest[-1]) + 20) / at[-1]))
    low = high - 1
    while lacking(low) > 0:
        low -= 1
    return float(np.exp(brentq(lacking, low, high, xtol=1e-10, rtol=1e-12)))


def performance(ratio: float, times: npt.ArrayLike, limits: npt.ArrayLike) -> Performance:
    """Power, mean time to a signal, and mean length, of a test that looks all the time.

        length = integral over t of P(no signal by t),  up to the last time
        to_signal = (length - end * P(no signal)) / power

    Between two times the integral is a sum of incomplete gamma functions, so that nothing is
    approximated. Source: the measures of Kulldorff et al., Sequential Analysis 2011;30:58-78.
    InputError `bad_parameter`. Verified against simulated processes:
    `tests/detectors/sequential/test_power.py`.

    >>> found = performance(2, *continuous(3.467952, 10.0))
    >>> [round(x, 3) for x in found]
    [0.685, 4.131, 5.979]
    """
    at, fewest = _boundary(times, limits)
    if ratio <= 0 or not np.isfinite(ratio):
        raise InputError("bad_parameter", "a rate ratio must be above 0 and finite")
    law, before, length = np.ones(1), 0.0, 0.0
    for time, limit in zip(at.tolist(), fewest.tolist(), strict=True):
        mean = ratio * (time - before)
        law = law[:limit]
        if mean > 0:
            # from j events, fewer than limit - j more: the mean time spent so, over the rate
            spent = np.cumsum(gammainc(np.arange(1, limit + 1), mean))[::-1]
            length += float(law @ spent[: len(law)]) / ratio
            law = _carried(law, mean, limit)
        before = time
    missed = float(law.sum())
    found = 1 - missed
    to_signal = (length - before * missed) / found if found > 0 else float("nan")
    return Performance(found, to_signal, length)


def crossings(
    reached: Callable[[Floats, Floats], npt.NDArray[np.bool_]],
    n: Floats,
    shortest: npt.ArrayLike,
    longest: float,
    precision: float = 1e-6,
) -> Floats:
    """For each count the latest time at which it still signals; 0 where it never does.

    `reached` tells of counts and times whether they signal, and must not begin to with more time.
    Found by halving on the log scale, to a relative precision, from `shortest` to `longest`; 0 also
    where it does not signal at the shortest.

    >>> crossings(lambda n, t: n >= 2 * t, np.array([1.0, 2.0, 3.0]), 0.1, 100.0).round(4).tolist()
    [0.5, 1.0, 1.5]
    """
    low = np.array(np.broadcast_to(floats(shortest), n.shape))
    high = np.maximum(low, longest)
    ever = reached(n, low)
    for _ in range(60):
        middle = np.sqrt(low * high)
        signals = reached(n, middle)
        low, high = np.where(signals, middle, low), np.where(signals, high, middle)
        if (high / low - 1).max(initial=0) < precision:
            break
    return np.where(ever, low, 0.0)


def _boundary(times: npt.ArrayLike, limits: npt.ArrayLike) -> tuple[Floats, Integers]:
    at, fewest = floats(times).reshape(-1), np.asarray(limits, dtype=np.int64).reshape(-1)
    if at.shape != fewest.shape:
        raise InputError("bad_shape", "a boundary has one limit for each time")
    if at.size and ((np.diff(at, prepend=0) < 0).any() or (np.diff(fewest, prepend=1) < 0).any()):
        raise InputError("bad_parameter", "times and limits of a boundary must not fall")
    return at, fewest


def _carried(law: Floats, mean: float, limit: int) -> Floats:
    """The law of counts below a limit after a step of so many expected events more."""
    steps = np.diff(np.concatenate(([1.0], gammainc(np.arange(1, limit + 1), mean)))) * -1
    out: Floats = np.convolve(law, steps)[:limit]
    return out
