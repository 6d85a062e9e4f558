"""Empirical calibration: what negative controls say about an estimate of any other pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import ndtr, ndtri

from detectors.disproportionality.method import Floats, floats
from schemas.errors import InputError

# fewer controls tell nothing of their spread
FEWEST = 5
GRID = 60


@dataclass(frozen=True, slots=True)
class Null:
    """Systematic error of the log estimate: normal, of this mean and standard deviation."""

    mean: float
    sd: float
    controls: int


class Calibrated(NamedTuple):
    """A ratio and its limits after the systematic error is taken off."""

    estimate: Floats
    lower: Floats
    upper: Floats


def standard_error(lower: npt.ArrayLike, upper: npt.ArrayLike, level: float = 0.95) -> Floats:
    """Standard error of the log of a ratio, from its limits.

        se = (log upper - log lower) / (2 z)

    NaN where a limit is not above 0.

    >>> round(float(standard_error(14.5956, 41.9689)), 4)
    0.2694
    """
    low, high = floats(lower), floats(upper)
    usable = (low > 0) & (high > 0)
    width = np.log(np.where(usable, high, np.nan)) - np.log(np.where(usable, low, np.nan))
    se: Floats = width / (2 * float(ndtri(0.5 + level / 2)))
    return se


def fit_null(log_estimate: npt.ArrayLike, se: npt.ArrayLike) -> Null:
    """The distribution of systematic error, by maximum likelihood on negative controls.

        log estimate_i ~ N(mean, sd^2 + se_i^2)

    A control's true ratio is 1, so what its estimate shows is error: random with the standard
    error `se`, and systematic. Source: Schuemie et al., Stat Med 2014;33:209-18. `log_estimate`
    and `se` are of one shape (natural logarithms); controls without either (NaN) are left out,
    and `controls` says how many stayed. For a given sd the mean is a weighted mean, so only sd is
    searched, over a grid and then within. InputError `too_few_controls` below 5, `bad_error` where
    a standard error is not above 0.
    Verified against a two-dimensional search and simulated controls:
    `tests/detectors/calibration/test_empirical.py`.

    >>> null = fit_null([0.1, 0.5, -0.2, 0.6, 0.3, 0.9], [0.1, 0.2, 0.1, 0.2, 0.1, 0.3])
    >>> round(null.mean, 4), round(null.sd, 4), null.controls
    (0.3, 0.2876, 6)
    """
    x, s = (v.reshape(-1) for v in np.broadcast_arrays(floats(log_estimate), floats(se)))
    usable = np.isfinite(x) & np.isfinite(s)
    x, s = x[usable], s[usable]
    if (s <= 0).any():
        raise InputError("bad_error", "a standard error must be above 0")
    if len(x) < FEWEST:
        raise InputError(
            "too_few_controls", f"{len(x)} negative controls have an estimate; {FEWEST} are needed"
        )

    def mean(sd: float) -> float:
        return float(np.average(x, weights=1 / (sd**2 + s**2)))

    def lost(sd: float) -> float:
        variance = sd**2 + s**2
        return float((np.log(variance) + (x - mean(sd)) ** 2 / variance).sum() / 2)

    # beyond this the likelihood falls whatever the errors
    grid = np.linspace(0, float(np.ptp(x)) + 1e-9, GRID)
    best = int(np.argmin([lost(sd) for sd in grid]))
    found = minimize_scalar(
        lost,
        bounds=(grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]),
        method="bounded",
        options={"xatol": 1e-10},
    )
    sd = float(found.x) if found.fun < lost(0) else 0.0
    return Null(mean(sd), sd, len(x))


def calibrated_z(null: Null, log_estimate: npt.ArrayLike, se: npt.ArrayLike) -> Floats:
    """Standard score of an estimate under the null of no effect with systematic error.

        z = (log estimate - mean) / sqrt(sd^2 + se^2)

    >>> float(calibrated_z(Null(0.5, 0.3, 30), 1.0, 0.4))
    1.0
    """
    z: Floats = (floats(log_estimate) - null.mean) / np.sqrt(null.sd**2 + _error(se) ** 2)
    return z


def calibrated_p(
    null: Null, log_estimate: npt.ArrayLike, se: npt.ArrayLike, *, two_sided: bool = False
) -> Floats:
    """Chance of an estimate so high were there no effect, systematic error included.

        one-sided 1 - Phi(z), two-sided 2 min(Phi(z), 1 - Phi(z))

    Source and shapes as `fit_null`; NaN where there is no estimate or standard error.
    Verified against simulated controls: `tests/detectors/calibration/test_empirical.py`.

    >>> round(float(calibrated_p(Null(0.5, 0.3, 30), 1.0, 0.4)), 4)
    0.1587
    """
    z = calibrated_z(null, log_estimate, se)
    p: Floats = 2 * ndtr(-np.abs(z)) if two_sided else ndtr(-z)
    return p


def calibrated_interval(
    null: Null, log_estimate: npt.ArrayLike, se: npt.ArrayLike, level: float = 0.95
) -> Calibrated:
    """The ratio without its systematic error, with limits that include its uncertainty.

        exp(log estimate - mean +- z sqrt(sd^2 + se^2))

    Source: Schuemie et al., Proc Natl Acad Sci 2018;115:2571-7, with the error taken to be the
    same at every true ratio, since no positive controls are used. It is so wherever the error is a
    factor (a background that is off), and too narrow where it grows with the effect.
    Verified against simulated controls of known effect:
    `tests/detectors/calibration/test_empirical.py`.

    >>> [round(float(x), 4) for x in calibrated_interval(Null(0.5, 0.3, 30), 1.0, 0.4)]
    [1.6487, 0.6188, 4.3929]
    """
    log = floats(log_estimate) - null.mean
    width = float(ndtri(0.5 + level / 2)) * np.sqrt(null.sd**2 + _error(se) ** 2)
    return Calibrated(*(_ratio(x) for x in (log + 0 * width, log - width, log + width)))


def calibrated_llr(null: Null, log_estimate: npt.ArrayLike, se: npt.ArrayLike) -> Floats:
    """Log likelihood ratio of an effect above none, systematic error included.

        LLR = z^2 / 2 where z > 0, else 0

    the normal likelihood of the calibrated estimate, maximised over ratios of 1 and more, over
    that at 1: what is held against maxSPRT's critical value. Source: Schuemie et al., Drug Saf
    2022;45:685-97 (their likelihood may be another than the normal one).
    Verified against a maximised likelihood: `tests/detectors/calibration/test_empirical.py`.

    >>> [float(x) for x in calibrated_llr(Null(0.5, 0.3, 30), [1.5, 0.2], [0.4, 0.4])]
    [2.0, 0.0]
    """
    llr: Floats = np.maximum(calibrated_z(null, log_estimate, se), 0) ** 2 / 2
    return llr


def _error(se: npt.ArrayLike) -> Floats:
    given = floats(se)
    if (given <= 0).any():
        raise InputError("bad_error", "a standard error must be above 0")
    return given


def _ratio(log: Floats) -> Floats:
    """exp, NaN where the result is beyond all numbers."""
    out = np.full(log.shape, np.nan)
    np.exp(log, out=out, where=np.abs(log) < 700)
    return out
