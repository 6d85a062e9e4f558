"""What a simulation of many runs says about a rate of false alarms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

ALPHA = 0.05
BAR = float(np.log(1 / ALPHA))
RUNS, LOOKS = 4_000, 104


def lower_limit(reached: npt.NDArray[np.bool_]) -> float:
    """The one-sided 99 % Clopper-Pearson limit of the share of runs that reached the bar."""
    k, n = int(reached.sum()), len(reached)
    return float(beta.ppf(0.01, k, n - k + 1)) if k else 0.0


def ever(log_e_sup: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which runs (columns) ever reached 1 / alpha."""
    reached: npt.NDArray[np.bool_] = log_e_sup[-1] >= BAR
    return reached
