"""What a sequential test is run with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.disproportionality.method import Floats, Integers, floats
from schemas.errors import InputError

# values of a discrete statistic that are equal but for rounding lie closer than this
SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Limit:
    """A critical value and the type I error it has, or the reason why there is none."""

    critical_value: float | None
    type1: float | None
    reason: str | None = None


def check(*, alpha: float, min_events: int, horizon: float, longest: float) -> None:
    """InputError `bad_parameter` for what no test can be run with."""
    if not 0 < alpha < 1:
        raise InputError("bad_parameter", f"alpha must lie between 0 and 1, not {alpha}")
    if min_events < 1:
        raise InputError("bad_parameter", f"min-events must be 1 or more, not {min_events}")
    if not 0 < horizon <= longest:
        raise InputError(
            "bad_parameter", f"the horizon must be above 0 and at most {longest:g}, not {horizon}"
        )


def check_looks(looks: npt.ArrayLike) -> Floats:
    """The looks as an array; InputError `bad_parameter` unless they rise from above 0.

    >>> check_looks([5, 11, 17])
    array([ 5., 11., 17.])
    """
    times = floats(looks)
    if times.ndim != 1 or not times.size or not (np.diff(times, prepend=0.0) > 0).all():
        raise InputError("bad_parameter", "looks must rise, each above the one before, from 0 on")
    return times


def unattainable(error: float, what: str) -> Limit:
    """No limit, since even the lowest boundary has no error above alpha."""
    return Limit(None, None, f"{what}, the error is {error:.3g} at the most, not above alpha")


def smallest(values: Floats, error: Callable[[float], float], alpha: float) -> float:
    """The least of the values with an error of at most alpha, or the last one.

    `values` rise, and the error falls with them: what a discrete statistic can be, and the
    probability that it is ever above.

    >>> smallest(np.array([1.0, 2.0, 3.0]), lambda value: 0.1 / value, 0.05)
    2.0
    """
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        if error(float(values[middle])) <= alpha:
            high = middle
        else:
            low = middle + 1
    return float(values[low])


def fewest(statistic: Callable[[Floats], Floats], low: Floats, critical_value: float) -> Integers:
    """The least whole numbers above `low` at which a rising statistic is above the critical value.

    >>> fewest(lambda n: n**2, np.array([0.0, 7.0]), 30.0).tolist()
    [6, 8]
    """
    high = 2 * low + 1
    while (short := statistic(high) <= critical_value + SAME).any():
        high = np.where(short, 2 * high, high)
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        enough = statistic(middle) > critical_value + SAME
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high.astype(np.int64)
