"""Incomplete gamma functions that neither overflow nor underflow, and a least value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, gammaln, roots_laguerre

from detectors.disproportionality.method import Floats

# below this the regularised function is no longer trusted, and the integrand is so near to an
# exponential that the quadrature is good to the last digits
SMALL = 1e-100
NODES, WEIGHTS = roots_laguerre(32)
GOLDEN = (np.sqrt(5) - 1) / 2


def log_scaled_gamma(shape: npt.ArrayLike, x: npt.ArrayLike) -> Floats:
    """log of e^x x^-s Gamma(s, x) = log of the integral over t > 0 of (1 + t)^(s-1) e^(-x t).

    `shape` (s) and `x` are above 0, broadcast. Where Gamma(s, x) is too small for a float it is
    integrated by Gauss-Laguerre in u = (x - s + 1) t. Verified against adaptive quadrature:
    `tests/detectors/sequential/test_special.py`.

    >>> [round(float(v), 6) for v in log_scaled_gamma([1.0, 1.0, 3.0], [2.0, 5e8, 1e4])]
    [-0.693147, -20.030119, -9.21014]
    """
    s, z = np.broadcast_arrays(np.asarray(shape, np.float64), np.asarray(x, np.float64))
    upper = gammaincc(s, z)
    far = upper < SMALL
    out: Floats = gammaln(s) + np.log(np.where(far, 1.0, upper)) + z - s * np.log(z)
    if far.any():
        a, d = s[far] - 1, z[far] - s[far] + 1
        u = NODES / d[:, None]
        correction = a[:, None] * (np.log1p(u) - u)
        out = np.asarray(out)
        out[far] = np.log((WEIGHTS * np.exp(correction)).sum(axis=1)) - np.log(d)
    return out


def log_upper_gamma(shape: npt.ArrayLike, x: npt.ArrayLike) -> Floats:
    """log of Gamma(s, x) / Gamma(s): the log probability of at most s - 1 events, x expected.

    >>> [round(float(v), 6) for v in log_upper_gamma([1.0, 2.0], [1e6, 0.0])]
    [-1000000.0, 0.0]
    """
    s, z = np.broadcast_arrays(np.asarray(shape, np.float64), np.asarray(x, np.float64))
    upper = gammaincc(s, z)
    far = upper < SMALL
    out: Floats = np.asarray(np.log(np.where(far, 1.0, upper)))
    if far.any():
        out[far] = (
            log_scaled_gamma(s[far], z[far]) - z[far] + s[far] * np.log(z[far]) - gammaln(s[far])
        )
    return out


def least(
    function: Callable[[Floats], Floats], low: Floats, high: Floats, grid: int = 0, steps: int = 42
) -> Floats:
    """The least value of a function of one variable on [low, high], for each of many at once.

    Golden section, which finds it where there is one valley; with `grid` it first takes the best
    of that many places and searches between its neighbours.

    >>> least(lambda x: (x - 1) ** 2 + 3, np.array([0.0]), np.array([9.0])).round(9).tolist()
    [3.0]
    """
    best = np.minimum(function(low), function(high))
    if grid:
        place = np.zeros_like(low)
        width = (high - low) / grid
        found = np.full_like(low, np.inf)
        for i in range(grid + 1):
            value = function(low + i * width)
            place = np.where(value < found, i, place)
            found = np.minimum(found, value)
        best = np.minimum(best, found)
        low, high = (
            low + np.maximum(place - 1, 0) * width,
            low + np.minimum(place + 1, grid) * width,
        )
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(steps):
        down = at_left < at_right
        low, high = np.where(down, low, left), np.where(down, right, high)
        new = np.where(down, high - GOLDEN * (high - low), low + GOLDEN * (high - low))
        value = function(new)
        left, right = np.where(down, new, right), np.where(down, left, new)
        at_left, at_right = np.where(down, value, at_right), np.where(down, at_left, value)
    out: Floats = np.minimum(best, np.minimum(at_left, at_right))
    return out
