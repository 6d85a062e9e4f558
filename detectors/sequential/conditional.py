"""Boundary and error of the conditional maxSPRT, whose background is a finite count."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import xlog1py

from detectors.disproportionality.method import Floats, Integers, floats, ratio
from detectors.sequential.limits import check_looks, fewest
from detectors.sequential.maxsprt_binomial import maxsprt_binomial
from detectors.sequential.silence import mixed, silent

STEPS = 200


def crossing(n: npt.ArrayLike, counted: int, critical_value: float) -> Floats:
    """The longest person-time, over the background's, at which `n` events reach the critical value.

    >>> at = crossing([1, 5], 20, 3.0)
    >>> maxsprt_binomial([1, 5], [21, 25], 1 / at).round(9).tolist()
    [3.0, 3.0]
    """
    k = floats(n)
    equal = k / (counted + k)
    top = xlog1py(counted, -equal) - critical_value
    # convex and falling in the log of the share: Newton's steps come from the left
    at = np.log(equal) + top / k
    for _ in range(STEPS):
        share = np.exp(at)
        value = k * (np.log(equal) - at) + top - xlog1py(counted, -share)
        slope = np.minimum(counted * share / (1 - share) - k, -1e-12 * k)
        step = np.maximum(-value / slope, 0)
        at = np.minimum(at + step, np.log(equal))
        if (step <= 1e-15 * np.abs(at)).all():
            break
    share = np.exp(at)
    return ratio(share, 1 - share)


def boundary(
    critical_value: float, exposure: npt.ArrayLike, counted: int, min_events: int = 1
) -> Integers:
    """The fewest events that signal by so much person-time, over the background's, if at a look.

    A signal needs an LLR above the critical value and `min_events`.

    >>> boundary(3.0, [0.1, 0.5, 1], 20).tolist()
    [7, 22, 39]
    """
    time = floats(exposure)
    low = np.maximum(np.floor(counted * time), min_events - 1)
    return fewest(lambda n: maxsprt_binomial(n, n + counted, 1 / time), low, critical_value)


def type1(
    critical_value: float,
    horizon: float,
    counted: int,
    min_events: int = 1,
    *,
    stop: str = "exposure",
    period: str = "fixed",
) -> float:
    """Probability, nothing being wrong, to signal by the horizon; as `critical_value` has it.

    >>> round(1 - type1(1.0, 1, 5, stop="events", period="event"), 9)
    0.865534931
    >>> round(float((1 + crossing(1, 5, 1.0)) ** -5), 9)  # no event by the first crossing
    0.865534931
    """
    if stop == "events":
        n = np.arange(min_events, int(horizon) + 1)
        times = crossing(n, counted, critical_value)
    else:
        mean = counted * horizon + critical_value
        most = min_events + int(mean + 2 * np.sqrt(critical_value * mean)) + 4
        while crossing(most, counted, critical_value) < horizon:
            most *= 2
        n = np.arange(min_events, most + 1)
        times = crossing(n, counted, critical_value)
        n = n[: int(np.searchsorted(times, horizon)) + 1]
        times = np.minimum(times[: len(n)], horizon)
    return _error(n, times, counted, period)


def type1_at_looks(
    limits: Integers, looks: npt.ArrayLike, counted: int, *, period: str = "fixed"
) -> float:
    """Probability, nothing being wrong, of as many events as the limit at any of the looks.

    >>> round(type1_at_looks(np.array([1]), [1.0], 5, period="event"), 6)  # 1 - 2^-5
    0.96875
    """
    return _error(limits, check_looks(looks), counted, period)


def _error(limits: Integers, times: Floats, counted: int, period: str) -> float:
    """Of limits at person-times over the background's, whose rate is gamma of this shape."""
    shape = float(counted + (period == "fixed"))
    at = silent(shape * times, limits)
    return float(1 - mixed(at, shape * float(times[-1]), shape).sum())
