"""A fixed mixture over alternatives: a few ratios beyond the margin, equally likely beforehand.

A mixture of martingales is one, so the evidence is valid whatever the nodes are; they decide only
how fast it grows. Node i stands for a ratio of margin * (1 + excess_i).
"""

from __future__ import annotations

import numpy as np

from detectors.disproportionality.method import Floats
from schemas.errors import InputError

# at a margin of 1.25: ratios of 1.56, 1.88, 2.5, 3.75, 6.25 and 11.25
EXCESS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


def nodes(excess: tuple[float, ...]) -> Floats:
    """The nodes as an array; InputError `bad_parameter` unless there are some, all above 0."""
    out = np.array(excess, dtype=np.float64)
    if out.ndim != 1 or not len(out) or not (np.isfinite(out) & (out > 0)).all():
        raise InputError("bad_parameter", "the excesses of the mixture must be above 0")
    return out


def log_mean_exp(log_values: Floats) -> Floats:
    """log of the mean of exp over the last axis, whatever the size of the numbers.

    >>> log_mean_exp(np.array([[1000.0, 1000.0], [-1000.0, -1000.0]])).tolist()
    [1000.0, -1000.0]
    """
    highest = log_values.max(axis=-1)
    # not `mean`, whose order of summation depends on the shape
    total = np.zeros_like(highest)
    for column in range(log_values.shape[-1]):
        total = total + np.exp(log_values[..., column] - highest)
    out: Floats = highest + np.log(total / log_values.shape[-1])
    return out
