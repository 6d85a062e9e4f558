"""What the maximized sequential probability ratio tests find, whatever their model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.disproportionality.method import Floats
from detectors.sequential.limits import SAME, Limit
from detectors.sequential.method import check_margin
from schemas.errors import InputError

# a horizon that is a sum of looks is reached in spite of rounding
ROUNDING = 1e-9


class Finding(NamedTuple):
    """`llr` now; `signal` 1 from the look that signalled on; `open` 1 while one still may.

    Neither: the test has ended without a signal, or no critical value has its alpha.
    """

    llr: Floats
    signal: Floats
    open: Floats


def bar(limit: Limit) -> float:
    """What the statistic has to pass; inf where no critical value has this alpha."""
    return np.inf if limit.critical_value is None else limit.critical_value


def find(
    llr: Floats, statistic: Floats, critical_value: Floats, signalled: Floats, time: Floats
) -> Finding:
    """The finding of a look; `statistic` is what is held against the critical value.

    `time` is the share of the horizon that has passed: beyond 1 nothing signals any more.
    """
    signals = (statistic > critical_value + SAME) & (time <= 1 + ROUNDING)
    signal = np.where(signals, 1.0, signalled)
    still = (signal == 0) & np.isfinite(critical_value) & (time < 1 - ROUNDING)
    return Finding(llr, signal, np.where(still, 1.0, 0.0))


def check_horizon(margin: float, horizon: Floats) -> None:
    """InputError `bad_parameter` for a margin below 1 or a test without an end."""
    check_margin(margin)
    if not (np.isfinite(horizon) & (horizon > 0)).all():
        raise InputError("bad_parameter", "a horizon must be above 0 and finite")
