"""Time to onset: does the hazard of a reaction fall, stay or rise with time on the product?

A report can only tell of an onset before it was made, so the late onsets of a young product are
missing. A fit that ignores it finds the times too short and the hazard rising where it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize_scalar
from scipy.special import chdtri

from detectors.disproportionality.method import Floats, floats
from schemas.errors import InputError

Reading = Literal["early failure", "random", "wear-out", "not estimable"]

# the shapes searched, on the log scale; nothing of medicine lies outside
SHAPES = (float(np.log(0.02)), float(np.log(50.0)))
# times the longest onset: a scale beyond it cannot be told from an infinite one
LONGEST = 1e6
# with fewer onsets a limit of the shape says nothing
FEWEST = 2
# stands for a likelihood of 0, where a search must still be able to step
LOWEST = -1e300
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True)
class Parameters:
    """`level`: coverage of the limits; `resolution`: the unit that times are rounded down to.

    1 for whole days; 0 where times are exact.
    """

    level: float = 0.95
    resolution: float = 1.0


@dataclass(frozen=True, slots=True)
class Onset:
    """Weibull shape and scale with profile-likelihood limits; times in the unit given.

    NaN where there is no estimate, or a limit lies beyond everything. `reading` goes by the
    shape's limits: both below 1 the hazard falls (early failure), both above 1 it rises
    (wear-out), around 1 it may be constant (random).
    """

    n: int
    shape: float
    shape_lower: float
    shape_upper: float
    scale: float
    scale_lower: float
    scale_upper: float
    log_likelihood: float
    reading: Reading


def onset(
    times: npt.ArrayLike,
    observable: npt.ArrayLike = np.inf,
    parameters: Parameters | None = None,
) -> Onset:
    """Weibull distribution of times to onset, each right-truncated at what could be observed.

        F(t) = 1 - exp(-(t / scale)^shape)
        log L = sum log (F(t + r) - F(t)) - log F(u + r),  r the resolution
        r = 0:  sum log f(t) - log F(u)

    `times` are from the product's start to the onset, `observable` (one or an array) the longest
    time that each report could have told of: from the start to the data lock point, or to its own
    report date. Limits are where twice the log likelihood, profiled over the other parameter, has
    fallen by the chi-squared quantile of one degree of freedom. For a fixed shape the likelihood
    is concave in scale^-shape, so the fit has no starting values. Where the truncation leaves the
    scale open (the likelihood still rises as it grows) the scale is NaN and the shape that of the
    limit, t^(shape - 1). Source: Sauzet et al., Drug Saf 2013;36:995-1006 (the shape as a sign);
    Leroy et al., Pharmacoepidemiol Drug Saf 2014;23:1025-34 (right truncation).
    InputError `bad_onset` for a time below 0, not finite, after its `observable`, or 0 with a
    resolution of 0. Fewer than two different times: nothing is estimable.
    Verified against scipy's Weibull fit, likelihoods maximised over a grid, and simulated onsets:
    `tests/detectors/test_onset.py`.

    >>> found = onset([0, 0, 1, 1, 2, 3, 7, 15, 40, 90], 365)
    >>> round(found.shape, 3), round(found.scale, 2), found.reading
    (0.537, 9.22, 'early failure')
    """
    chosen = parameters or Parameters()
    sample = _Sample.of(floats(times).reshape(-1), floats(observable), chosen.resolution)
    nan = float("nan")
    nothing = Onset(sample.n, nan, nan, nan, nan, nan, nan, nan, "not estimable")
    if sample.n < FEWEST or np.ptp(sample.start) == 0:
        return nothing
    log_shape, top = _highest(sample.profile)
    if min(log_shape - SHAPES[0], SHAPES[1] - log_shape) < 1e-3:
        return nothing
    floor = top - float(chdtri(1, 1 - chosen.level)) / 2
    lower, upper = (
        _crossing(lambda x: sample.profile(x) - floor, log_shape, bound) for bound in SHAPES
    )
    shape = float(np.exp(log_shape))
    rate = sample.best_rate(shape)
    log_scale = -float(np.log(rate)) / shape if rate > 0 else np.inf
    if log_scale >= np.log(LONGEST):
        log_scale = np.inf
    scale, scale_lower, scale_upper = (
        sample.unit * float(np.exp(x)) if np.isfinite(x) else nan
        for x in (log_scale, *_scale_limits(sample, log_scale, floor))
    )
    return Onset(
        sample.n,
        shape,
        float(np.exp(lower)),
        float(np.exp(upper)),
        scale,
        scale_lower,
        scale_upper,
        top - sample.n_exact * float(np.log(sample.unit)),
        _read(float(np.exp(lower)), float(np.exp(upper))),
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    """Onsets in units of the longest one, between `start` and `end`, observable to `bound`.

    Those that are the same stand once, with their number as `weight`: days are whole, so that very
    many cases have few different ones.
    """

    start: Floats
    end: Floats
    bound: Floats
    weight: Floats
    unit: float

    @classmethod
    def of(cls, times: Floats, observable: Floats, resolution: float) -> _Sample:
        bound = np.broadcast_to(observable, times.shape)
        wrong = ~np.isfinite(times) | (times < 0) | ~(times <= bound)
        if resolution == 0:
            wrong |= times == 0
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                "bad_onset",
                f"onset {row + 1}: {times[row]:g} is not a time that {bound[row]:g} could show",
            )
        unit = float(times.max(initial=0) + resolution) or 1.0
        rows, weight = np.unique(np.column_stack((times, bound)), axis=0, return_counts=True)
        start, last = rows.reshape(-1, 2).T
        return cls(
            start / unit,
            (start + resolution) / unit,
            (last + resolution) / unit,
            floats(weight),
            unit,
        )

    @property
    def n(self) -> int:
        return int(self.weight.sum())

    @property
    def n_exact(self) -> int:
        """Onsets with a density, which has a unit, instead of a probability."""
        return int(self.weight[self.end == self.start].sum())

    def profile(self, log_shape: float) -> float:
        """Log likelihood of a shape, at the rate that makes it highest."""
        shape = float(np.exp(log_shape))
        return self.log_likelihood(shape, self.best_rate(shape))

    def best_rate(self, shape: float) -> float:
        """scale^-shape that maximises the likelihood, 0 where none does: it is concave in it."""
        start, width, bound = self._powers(shape)
        truncated = np.isfinite(bound)
        cut, weight = bound[truncated], self.weight

        def slope(rate: float) -> float:
            with np.errstate(over="ignore"):
                gained = (weight * width) @ _excess(rate * width)
                gained -= (weight[truncated] * cut) @ _excess(rate * cut)
            # one term of 1 / rate from each onset, and one less from each truncated one
            open_ended = weight[~truncated].sum() / rate if rate > 0 else 0.0
            return float(gained + open_ended - weight @ start)

        if truncated.all() and slope(0.0) <= 0:
            return 0.0
        high = 1.0
        while slope(high) > 0:
            high *= 4
        low = high / 4
        while slope(low) < 0:
            low /= 4
        return float(brentq(slope, low, high, xtol=low * 1e-13, rtol=1e-13))

    def log_likelihood(self, shape: float, rate: float) -> float:
        """At rate 0 its limit: the density of t^shape is then uniform up to the bound."""
        start, width, bound = self._powers(shape)
        exact = self.end == self.start
        density = np.log(shape) + (shape - 1) * np.log(np.where(exact, self.start, 1.0))
        inside = np.where(exact, density, _log_mass(rate, np.where(exact, 1.0, width)))
        with np.errstate(over="ignore"):
            value = inside - rate * start
        truncated = np.isfinite(bound)
        value[truncated] -= _log_mass(rate, bound[truncated])
        value[~truncated] += np.log(max(rate, TINY))
        return max(float((self.weight * value).sum()), LOWEST)

    def _powers(self, shape: float) -> tuple[Floats, Floats, Floats]:
        start = self.start**shape
        width = np.maximum(self.end**shape - start, np.where(self.end > self.start, TINY, 0.0))
        with np.errstate(over="ignore"):  # a bound beyond all numbers truncates nothing
            return start, width, self.bound**shape


def _log_mass(rate: float, y: Floats) -> Floats:
    """log((1 - exp(-rate y)) / rate), log y at rate 0."""
    with np.errstate(over="ignore"):
        x = rate * y
    small = x < 1e-8
    large = np.log(-np.expm1(-np.where(small, 1.0, x))) - np.log(max(rate, TINY))
    out: Floats = np.where(small, np.log(y) - np.where(small, x, 0.0) / 2, large)
    return out


def _excess(x: Floats) -> Floats:
    """1 / (exp(x) - 1) - 1 / x, which is -1/2 at 0."""
    small = x < 1e-4
    safe = np.where(small, 1.0, np.minimum(x, 700.0))
    out: Floats = np.where(small, x / 12 - 0.5, 1 / np.expm1(safe) - 1 / np.where(small, 1.0, x))
    return out


def _highest(value: Callable[[float], float]) -> tuple[float, float]:
    """Where on the scale of log shapes a function is highest, and how high."""
    grid = np.linspace(*SHAPES, 12)
    best = int(np.argmax([value(x) for x in grid]))
    found = minimize_scalar(
        lambda x: -value(x),
        bounds=(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return float(found.x), -float(found.fun)


def _scale_limits(sample: _Sample, log_scale: float, floor: float) -> tuple[float, float]:
    """Limits of the scale on the log scale, in units of the sample; NaN where there is none."""
    far = float(np.log(LONGEST))

    def profile(x: float) -> float:
        def at(y: float) -> float:
            return sample.log_likelihood(
                float(np.exp(y)), float(np.exp(min(-x * np.exp(y), 700.0)))
            )

        return _highest(at)[1] - floor

    inside = min(log_scale, far)
    return _crossing(profile, inside, -far), _crossing(profile, inside, far)


def _crossing(value: Callable[[float], float], inside: float, bound: float) -> float:
    """Where a function falls below 0 on the way to a bound; NaN where it does not."""
    if inside == bound or value(bound) >= 0 or value(inside) < 0:
        return np.nan
    return float(brentq(value, inside, bound, xtol=1e-9))


def _read(lower: float, upper: float) -> Reading:
    if upper < 1:
        return "early failure"
    if lower > 1:
        return "wear-out"
    return "random" if lower <= 1 <= upper else "not estimable"
