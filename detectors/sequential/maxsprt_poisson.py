"""Maximized sequential probability ratio test for counts against a known expectation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import lambertw, rel_entr
from scipy.stats import poisson

from detectors.disproportionality.method import Floats, floats
from detectors.sequential.limits import Limit, check

LONGEST = 2_000


def llr(n: npt.ArrayLike, expected: npt.ArrayLike) -> Floats:
    """Log likelihood ratio of the rate seen against the rate expected.

        LLR = n log(n / E) - (n - E) where n > E, else 0

    Source: Kulldorff et al., Sequential Analysis 2011;30:58-78. `n` are events so far, `expected`
    those to expect so far if nothing is wrong, of one shape (or broadcast); a log ratio.

    >>> [round(float(x), 6) for x in llr([5, 1], [2.0, 2.0])]
    [1.581454, 0.0]
    """
    count, mean = floats(n), floats(expected)
    ratio: Floats = np.where(count > mean, rel_entr(count, mean) - (count - mean), 0.0)
    return ratio


def crossing(n: npt.ArrayLike, critical_value: float) -> Floats:
    """The latest time, in expected events, at which `n` events still reach the critical value."""
    count = floats(n)
    time: Floats = -count * lambertw(-np.exp(-1 - critical_value / count)).real
    return time


def type1(critical_value: float, horizon: float, min_events: int = 1) -> float:
    """Probability, nothing being wrong, to signal by the time `horizon` (in expected events).

    The test looks at every moment and signals when LLR >= critical value with `min_events` or
    more. Exact: the count's distribution is carried from one crossing time to the next.

    >>> round(type1(2.853937, 1.0), 6)
    0.05
    """
    silent, time, n = np.ones(1), 0.0, min_events
    while time < horizon:
        until = min(float(crossing(n, critical_value)), horizon)
        steps = poisson.pmf(np.arange(n), until - time)
        # no signal so far: fewer than n events by this time
        silent = np.convolve(silent, steps)[:n]
        time, n = until, n + 1
    return float(1 - silent.sum())


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
