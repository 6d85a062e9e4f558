"""Staying below a boundary of counts: the law of a Poisson process that has not signalled."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from detectors.disproportionality.method import Floats, Integers

# standard deviations above the mean, and events, beyond which a step never adds: 1e-40 and less
DEVIATIONS, MORE = 14.0, 40.0


def silent(times: Floats, limits: Integers) -> Floats:
    """Probabilities of j events by the last time and of fewer than `limits` by each of `times`.

    Of a Poisson process of rate 1. `times` and `limits` are of one length, neither falls; the
    result has a place for each j below the last limit. Exact but for rounding: the counts' law is
    carried from one time to the next, by sums of positive terms.
    Verified against all paths and mixtures: `tests/detectors/sequential/test_silence.py`.

    >>> silent(np.array([1.0, 2.0]), np.array([1, 2])).round(6)  # e^-2 and e^-2
    array([0.135335, 0.135335])
    """
    log_factorial = gammaln(np.arange(1.0, limits.max(initial=0) + 1))
    found, before = np.ones(1), 0.0
    for time, limit in zip(times.tolist(), limits.tolist(), strict=True):
        step = time - before
        if step > 0:
            found = np.convolve(found, _steps(step, limit, log_factorial))
        found, before = found[:limit], time
    return found


def _steps(step: float, most: int, log_factorial: Floats) -> Floats:
    """The Poisson law of what a step adds, as far as it ever does."""
    size = min(most, int(step + DEVIATIONS * np.sqrt(step) + MORE))
    law: Floats = np.exp(np.arange(size) * np.log(step) - step - log_factorial[:size])
    return law


def mixed(silent_at: Floats, time: float, shape: float) -> Floats:
    """What `silent` gives where the rate is not 1 but gamma of this shape and mean 1.

    Given the count at the end, the events of a Poisson process fall alike whatever its rate, so
    each probability is multiplied by that of its count, mixed over plain; `time` is the last one.

    >>> at = silent(np.array([3.0]), np.array([2]))
    >>> mixed(at, 3.0, 2.0).round(6)  # negative binomial: (2/5)^2 and 2 (2/5)^2 3/5
    array([0.16 , 0.192])
    """
    j = np.arange(len(silent_at) - 1)
    ratio = time / shape
    log_weight = np.cumsum(np.r_[0.0, np.log1p(j / shape) - np.log1p(ratio)])
    out: Floats = silent_at * np.exp(log_weight + time - shape * np.log1p(ratio))
    return out
