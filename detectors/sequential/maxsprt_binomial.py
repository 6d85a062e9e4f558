"""Maximized sequential probability ratio test for cases among exposed against controls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

from detectors.disproportionality.method import Floats, Integers, floats
from detectors.sequential.limits import Limit, check
from schemas.errors import InputError

LONGEST = 2_000
# values that are equal but for rounding lie closer than this
SAME = 1e-9


def llr(cases: npt.ArrayLike, n: npt.ArrayLike, ratio: float) -> Floats:
    """Log likelihood ratio of the share seen against the share under the null hypothesis.

        LLR = x log(x / (n p0)) + (n - x) log((n - x) / (n (1 - p0))) where x / n > p0, else 0
        p0 = 1 / (1 + ratio)

    Source: Kulldorff et al., Sequential Analysis 2011;30:58-78. `cases` x are events among the
    exposed, `n` events in all, of one shape (or broadcast); `ratio` controls for each exposed.

    >>> round(float(llr(5, 5, 1)), 6)
    3.465736
    """
    x, total = floats(cases), floats(n)
    null = total / (1 + ratio)
    value: Floats = np.where(x > null, rel_entr(x, null) + rel_entr(total - x, total - null), 0.0)
    return value


def boundary(critical_value: float, horizon: int, ratio: float, min_events: int = 1) -> Integers:
    """For n = 1 .. horizon events, the fewest cases that signal; n + 1 where none do.

    A signal needs an LLR above the critical value and `min_events` cases.

    >>> boundary(2.7726, 10, 1).tolist()
    [2, 3, 4, 5, 5, 6, 7, 8, 8, 9]
    """
    n = np.arange(1, horizon + 1)
    cases = np.arange(horizon + 2)
    signals = llr(cases, n[:, None], ratio) > critical_value + SAME
    signals &= (cases >= min_events) & (cases <= n[:, None])
    return np.where(signals.any(axis=1), signals.argmax(axis=1), n + 1)


def type1(limits: Integers, ratio: float) -> float:
    """Probability, nothing being wrong, that the cases ever reach the boundary.

    >>> round(type1(boundary(2.7726, 10, 1), 1), 9)
    0.041015625
    """
    p = 1 / (1 + ratio)
    silent = np.zeros(len(limits) + 2)
    silent[0] = 1
    for limit in limits.tolist():
        silent[1:] = silent[1:] * (1 - p) + silent[:-1] * p
        silent[0] *= 1 - p
        silent[limit:] = 0
    return float(1 - silent.sum())


def critical_value(
    horizon: int, ratio: float, alpha: float = 0.05, min_events: int = 1
) -> tuple[Limit, Integers]:
    """The smallest critical value with type I error of at most alpha, and its boundary.

    `horizon` is the number of events at which the test ends. The statistic is discrete: the value
    is one that it can take, a signal needs an LLR *above* it, and the error is below alpha. Where
    nothing can signal, there is no value, the reason is given, and the boundary is empty.
    InputError `bad_parameter`. Verified against Sequential 4.5.1:
    `tests/detectors/sequential/test_maxsprt_binomial.py`.

    >>> limit, cases = critical_value(10, 1)
    >>> round(limit.critical_value, 6), round(limit.type1, 9)
    (2.772589, 0.041015625)
    """
    check(alpha=alpha, min_events=min_events, horizon=horizon, longest=LONGEST)
    if not 0 < ratio < np.inf:
        raise InputError("bad_parameter", f"ratio must be above 0 and finite, not {ratio}")
    most = type1(boundary(0, horizon, ratio, min_events), ratio)
    if most <= alpha:
        return _none(
            f"with {min_events} cases or more of {horizon} events, the error is {most:.3g} at the "
            "most, not above alpha"
        )
    n, cases = np.meshgrid(np.arange(1, horizon + 1), np.arange(min_events, horizon + 1))
    values = np.unique(llr(cases, n, ratio)[cases <= n])
    # from one value to the next the boundary rises and the error falls
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        if type1(boundary(values[middle], horizon, ratio, min_events), ratio) <= alpha:
            high = middle
        else:
            low = middle + 1
    limits = boundary(values[low], horizon, ratio, min_events)
    error = type1(limits, ratio)
    if error <= 0:
        return _none("not even cases alone are improbable enough by then")
    return Limit(float(values[low]), error), limits


def _none(reason: str) -> tuple[Limit, Integers]:
    return Limit(None, None, reason), np.empty(0, dtype=np.int64)
