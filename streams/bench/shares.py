"""Rows of what share of simulated runs fired, with its interval, and how soon."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from detectors.disproportionality.method import Floats
from streams.bench.rows import Row, at_least


def interval(k: int, n: int) -> tuple[float, float]:
    """The two-sided 99 % Clopper-Pearson interval of a share.

    >>> [round(x, 4) for x in interval(0, 100)]
    [0.0, 0.0516]
    """
    low = float(beta.ppf(0.005, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(0.995, k + 1, n - k)) if k < n else 1.0
    return low, high


def lower_limit(k: int, n: int) -> float:
    """The one-sided lower 99 % Clopper-Pearson limit of a share."""
    return float(beta.ppf(0.01, k, n - k + 1)) if k else 0.0


def held(k: int, n: int, alpha: float) -> dict[str, Any]:
    """The goal that a share is no more than alpha: not beyond doubt above it."""
    return {"goal": f"lower 99 % limit <= {alpha:g}", "met": lower_limit(k, n) <= alpha}


def ever(name: str, ratio: float, fired: npt.NDArray[np.bool_], alpha: float | None) -> Row:
    """The share that ever fired; with `alpha`, under the goal that it is no more than that."""
    k, n = int(fired.sum()), len(fired)
    goal = {} if alpha is None else held(k, n, alpha)
    return Row(f"{name}_ever_x{ratio:g}", k / n, "of runs", None, None, interval(k, n), **goal)


def found(name: str, ratio: float, weeks: Floats, floor: float | None = None) -> list[Row]:
    """The share found, and the median week if most are."""
    k, n = int(np.isfinite(weeks).sum()), len(weeks)
    goal = {} if floor is None else at_least(floor, "", k / n)
    rows = [Row(f"{name}_found_x{ratio:g}", k / n, "of runs", None, None, interval(k, n), **goal)]
    quarter, middle, most = np.quantile(weeks, (0.25, 0.5, 0.75), method="higher")
    if np.isfinite(middle):
        spread = (float(quarter), float(most)) if np.isfinite(most) else None
        rows.append(Row(f"{name}_weeks_x{ratio:g}", float(middle), "weeks", None, None, spread))
    return rows
