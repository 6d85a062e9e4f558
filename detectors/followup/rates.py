"""Rates of a cohort: exact limits, ratio and difference with the uncertainty of both sides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincinv, stdtrit

from detectors.disproportionality.method import Floats, ratio
from detectors.scope import Clusters
from detectors.sequential.method import amounts, at_most
from schemas.errors import InputError


class Estimate(NamedTuple):
    """A value and its limits; NaN where it cannot be computed, never inf."""

    estimate: Floats
    lower: Floats
    upper: Floats


def rate(n: npt.ArrayLike, time: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Events over person-time, with exact limits of a Poisson mean.

        lower = G^-1(alpha/2; n) / time,  upper = G^-1(1 - alpha/2; n + 1) / time

    G^-1(.; a) is the quantile of the gamma distribution of shape a, alpha = 1 - level; the lower
    limit at n = 0 is 0. `n` counts, `time` person-time in any unit, of one shape (or broadcast);
    the result is per unit. Without person-time all three are NaN: no data, not no events.
    Source: Garwood, Biometrika 1936;28:437-42. InputError `bad_count`, `bad_parameter`. Verified
    against tail sums of the Poisson law: `tests/detectors/followup/test_rates.py`.

    >>> [round(float(x), 4) for x in rate(3, 100.0)]
    [0.03, 0.0062, 0.0877]
    """
    tail = _tail(level)
    count, exposure = amounts(n=n, time=time)
    low = np.where(count > 0, gammaincinv(np.maximum(count, 1e-300), tail), 0.0)
    high: Floats = gammaincinv(count + 1, 1 - tail)
    return Estimate(*(ratio(np.asarray(value), exposure) for value in (count, low, high)))


def rate_ratio(
    n: npt.ArrayLike,
    time: npt.ArrayLike,
    n_reference: npt.ArrayLike,
    time_reference: npt.ArrayLike,
    level: float = 0.95,
) -> Estimate:
    """The rate over that of a reference, with exact limits from both counts.

        RR = (n / t) / (m / s);  given n + m:  n ~ binomial(n + m, p),  p = RR t / (RR t + s)
        limits of p by Clopper and Pearson, RR = p / (1 - p) s / t

    The uncertainty of the reference is in it, since it is a count too. NaN where a side has no
    person-time; with m = 0 there is a lower limit alone. Counts and person-time in one unit, of
    one shape (or broadcast). Source: Clopper, Pearson, Biometrika 1934;26:404-13; the conditional
    law of two Poisson counts, Przyborowski, Wilenski, Biometrika 1940;31:313-23. InputError
    `bad_count`, `bad_parameter`. Verified against scipy's exact binomial limits:
    `tests/detectors/followup/test_rates.py`.

    >>> [round(float(x), 3) for x in rate_ratio(10, 100.0, 5, 100.0)]
    [2.0, 0.623, 7.457]
    """
    tail = _tail(level)
    a, t, m, s = amounts(n=n, time=time, n_reference=n_reference, time_reference=time_reference)
    known = (t > 0) & (s > 0)
    scale = np.where(known, s, np.nan) / np.where(known, t, np.nan)
    low = np.where(a > 0, betaincinv(np.maximum(a, 1e-300), m + 1, tail), 0.0)
    high = betaincinv(a + 1, np.maximum(m, 1e-300), 1 - tail)
    estimate = ratio(a, m) * scale
    lower = ratio(low, 1 - low) * scale
    upper = np.where(m > 0, ratio(high, np.where(m > 0, 1 - high, 0.0)) * scale, np.nan)
    return Estimate(estimate, lower, upper)


def rate_difference(
    n: npt.ArrayLike,
    time: npt.ArrayLike,
    n_reference: npt.ArrayLike,
    time_reference: npt.ArrayLike,
    level: float = 0.95,
) -> Estimate:
    """The rate less that of a reference, with limits from the limits of both.

        D = r - q
        L = D - sqrt((r - l_r)^2 + (u_q - q)^2),  U = D + sqrt((u_r - r)^2 + (q - l_q)^2)

    l and u are the exact limits of each rate. Shapes and units as `rate_ratio`; NaN where a side
    has no person-time. Source: square-and-add limits, Zou, Donner, Stat Med 2008;27:1693-702.
    InputError `bad_count`, `bad_parameter`. Verified by hand and by coverage:
    `tests/detectors/followup/test_rates.py`.

    >>> [round(float(x), 4) for x in rate_difference(10, 100.0, 5, 100.0)]
    [0.05, -0.0346, 0.1404]
    """
    own, other = rate(n, time, level), rate(n_reference, time_reference, level)
    estimate = own.estimate - other.estimate
    below = np.hypot(own.estimate - own.lower, other.upper - other.estimate)
    above = np.hypot(own.upper - own.estimate, other.estimate - other.lower)
    return Estimate(estimate, estimate - below, estimate + above)


def share(
    n: npt.ArrayLike, sessions: npt.ArrayLike, clusters: Clusters, level: float = 0.95
) -> Estimate:
    """Share of sessions with an event, with limits that know that patients repeat themselves.

        v = (sum w^2 - 2 p sum w s + p^2 sum s^2) / S^2  C / (C - 1),   p = sum w / S,  S = sum s
        n* = min(p (1 - p) / v, S) (t(S - 1) / t(C - 1))^2,  limits of Clopper-Pearson at p n*, n*

    w of s sessions of each of C courses have the event; t(d) is the quantile of Student's
    distribution that the level asks for. Where nothing varies (p is 0 or 1, or one course) each
    course counts as one session. Counts of one shape (or broadcast), as are the sums of `clusters`;
    NaN without sessions. Source: Korn, Graubard, Survey Methodology
    1998;24:193-201; ratio estimator of cluster samples. InputError `bad_count`, `bad_parameter`.
    Verified by hand and by coverage under recurrence: `tests/detectors/followup/test_rates.py`.

    >>> sums = Clusters(*(np.array(x) for x in (20, 20, 50, 500)))
    >>> [round(float(x), 3) for x in share(10, 100, sums)]
    [0.1, 0.034, 0.216]
    """
    tail = _tail(level)
    w, s, c, ww, ws, ss = amounts(
        n=n,
        sessions=sessions,
        courses=clusters.courses,
        with_with=clusters.with_with,
        with_all=clusters.with_all,
        all_all=clusters.all_all,
    )
    at_most(w, s, "sessions with the event than sessions")
    at_most(c, s, "courses than sessions")
    p = ratio(w, s)
    with np.errstate(invalid="ignore"):
        varies = (c > 1) & (p > 0) & (p < 1)
        spread = ww - 2 * p * ws + p * p * ss
        variance = np.where(varies, spread, 1) / np.where(s > 0, s, 1) ** 2
        variance = variance * np.where(varies, c / np.maximum(c - 1, 1), 1)
        effective = np.where(variance > 0, p * (1 - p) / np.where(variance > 0, variance, 1), s)
    wider = stdtrit(np.maximum(s - 1, 1), 1 - tail) / stdtrit(np.maximum(c - 1, 1), 1 - tail)
    size = np.where(varies, np.minimum(effective, s) * wider**2, c)
    x = np.where(s > 0, p, 0) * size
    low = np.where(x > 0, betaincinv(np.maximum(x, 1e-300), size - x + 1, tail), 0.0)
    high = np.where(x < size, betaincinv(x + 1, np.maximum(size - x, 1e-300), 1 - tail), 1.0)
    seen = s > 0
    return Estimate(p, np.where(seen, low, np.nan), np.where(seen, high, np.nan))


def _tail(level: float) -> float:
    if not 0 < level < 1:
        raise InputError("bad_parameter", f"the level must lie between 0 and 1, not {level}")
    return (1 - level) / 2
