"""The two-gamma prior of the Gamma-Poisson Shrinker, fitted by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from detectors.disproportionality.ic import distinct
from detectors.disproportionality.method import Floats, Integers, floats
from schemas.errors import InputError

# theta = log alpha1, log beta1, log alpha2, log beta2, logit P
STARTS = (
    (0.2, 0.1, 2.0, 4.0, 1 / 3),
    (0.2, 0.06, 1.4, 1.8, 0.1),
    (1.0, 0.2, 2.0, 2.0, 0.1),
    (4.0, 0.5, 1.5, 1.5, 0.05),
    (0.5, 0.5, 8.0, 8.0, 0.5),
)
# beyond these a component is a point or nothing, and the data say nothing of it
EDGE = 11.0
# pairs of one count are squashed to about this many points for the search
POINTS = 100
# half the squared distance to the optimum in units of the likelihood
CONVERGED = 1e-7
# relative to the likelihood: what rounding lets one see
ENOUGH = 1e-15
POLISH = 40


class Prior(NamedTuple):
    """P Gamma(alpha1, rate beta1) + (1 - P) Gamma(alpha2, rate beta2), over rates n / E."""

    alpha1: float
    beta1: float
    alpha2: float
    beta2: float
    p: float


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted prior, its negative log-likelihood, and how the search went.

    `decrement` is what one more Newton step would gain, `starts` how many of the starting points
    led to this optimum. `edge_gain` is above 0 where the likelihood is higher still with a
    component that is a point or vanishes: by how much.
    """

    prior: Prior
    negative_log_likelihood: float
    decrement: float
    starts: int
    pairs: int
    edge_gain: float


def log_mass(values: Floats, row: Integers, expected: Floats, alpha: float, beta: float) -> Floats:
    """Log of the negative binomial probability of `values[row]` at each expected count."""
    own = gammaln(alpha + values) - gammaln(alpha) - gammaln(values + 1)
    # E of 0 can only have n of 0, and then the probability is 1
    log_expected = np.log(np.maximum(expected, 1e-300))
    spread = np.log1p(expected / beta)
    mass: Floats = own[row] - alpha * spread
    mass += values[row] * (log_expected - np.log(beta) - spread)
    return mass


def negative_log_likelihood(
    prior: Prior,
    n: npt.ArrayLike,
    expected: npt.ArrayLike,
    *,
    truncated: bool = True,
    weight: npt.ArrayLike | None = None,
) -> float:
    """Of counts under a prior; truncated: of counts known to be 1 or more.

        - sum log(P f1 / (1 - f1(0)) + (1 - P) f2 / (1 - f2(0)))

    Source: DuMouchel and Pregibon, KDD 2001, as openEBGM has it: a mixture of truncated
    distributions, not a truncated mixture. Without truncation give the zero cells too; `weight`
    is how many cells each stands for.

    >>> round(negative_log_likelihood(Prior(0.2, 0.1, 2, 4, 1 / 3), [1, 3], [0.1, 1.0]), 6)
    2.750479
    """
    cells = _Cells(np.asarray(n, dtype=np.int64), floats(expected), truncated, _weight(weight))
    return cells.value_and_slope(_theta(prior))[0]


def fit(
    n: npt.ArrayLike,
    expected: npt.ArrayLike,
    *,
    truncated: bool = True,
    weight: npt.ArrayLike | None = None,
) -> Fit:
    """The prior of the highest likelihood at which both components are gammas.

    `n` and `expected` are one-dimensional and of one length; with `truncated`, all n are 1 or
    more, and P is a share of the pairs seen; without, the zero cells belong to them. `weight` is
    how many cells each stands for, one unless given. Several starting points are searched on
    squashed counts (DuMouchel and Pregibon 2001) and each optimum is polished on all of them, so
    that squashing leaves no trace. InputError `ebgm_fit_failed` where no optimum is found but such
    at which a component is a point or vanishes: such a prior must not score anything.
    Verified against openEBGM: `tests/detectors/disproportionality/test_ebgm.py`.
    """
    count, spread = np.asarray(n, dtype=np.int64), floats(expected)
    if len(count) < 2 * len(STARTS[0]):
        raise InputError("ebgm_fit_failed", f"{len(count)} pairs are too few to fit a prior to")
    cells = _Cells(count, spread, truncated, _weight(weight))
    squashed = _squash(count, spread, truncated, cells.weight)
    searches = [
        minimize(
            squashed.fenced, _theta(Prior(*start)), jac=True, method="BFGS", options={"gtol": 1e-3}
        )
        for start in STARTS
    ]
    optima: list[tuple[Floats, float, float, int]] = []
    for value in sorted({round(float(search.fun), 3) for search in searches}):
        reached = [search for search in searches if round(float(search.fun), 3) == value]
        optima.append((*_polish(cells, squashed, reached[0].x), len(reached)))
    inner = [one for one in optima if one[2] < CONVERGED and np.abs(one[0]).max() < EDGE - 1]
    if not inner:
        theta = min(optima, key=lambda one: one[1])[0]
        names = [name for name, at in zip(Prior._fields, theta, strict=True) if abs(at) > EDGE - 1]
        raise InputError(
            "ebgm_fit_failed",
            f"the likelihood is highest where {' and '.join(names)} runs to its edge"
            if names
            else "the fit of the prior did not converge",
        )
    theta, lowest, decrement, starts = min(inner, key=lambda one: one[1])
    edge = min(one[1] for one in optima)
    return Fit(_prior(theta), lowest, decrement, starts, len(count), lowest - edge)


def _polish(cells: _Cells, squashed: _Cells, theta: Floats) -> tuple[Floats, float, float]:
    """Newton steps on all cells; the curvature is that of the squashed ones, which is close."""
    curvature = squashed.curvature(theta)
    value, slope = cells.value_and_slope(theta)
    decrement = np.inf
    for step in range(POLISH):
        if step == POLISH // 4:
            curvature = cells.curvature(theta)
        move = -_solve(curvature, slope)
        decrement = float(-np.sum(move * slope) / 2)
        if 0 <= decrement < ENOUGH * abs(value):
            break
        length = min(1.0, 2.0 / max(float(np.abs(move).max()), 1e-300))
        for _ in range(20):
            new_value, new_slope = cells.value_and_slope(theta + length * move)
            if new_value < value:
                break
            length /= 2
        else:
            break  # nothing lower is left within rounding
        theta, value, slope = theta + length * move, new_value, new_slope
    return theta, value, decrement


def _solve(curvature: Floats, slope: Floats) -> Floats:
    """The Newton direction, with the curvature made positive where it is not."""
    values, vectors = np.linalg.eigh(curvature)
    inverse = 1 / np.maximum(np.abs(values), 1e-8)
    out: Floats = np.sum(vectors * (inverse * np.sum(vectors.T * slope, axis=1)), axis=1)
    return out


class _Cells:
    """Counts and expected counts, each with a weight."""

    def __init__(
        self, n: Integers, expected: Floats, truncated: bool, weight: Floats | None = None
    ) -> None:
        self.values, self.row = distinct(n)
        self.n, self.expected, self.truncated = self.values[self.row], expected, truncated
        self.log_expected = np.log(np.maximum(expected, 1e-300))
        self.weight = np.ones_like(expected) if weight is None else weight
        self.size = float(np.sum(self.weight))
        self.of_n = np.sum(self.weight * gammaln(self.values + 1)[self.row])

    def value_and_slope(self, theta: Floats) -> tuple[float, Floats]:
        """Negative log-likelihood and its gradient."""
        parts = [self._component(*np.exp(theta[:2])), self._component(*np.exp(theta[2:4]))]
        log_p, log_q = -np.logaddexp(0, -theta[4]), -np.logaddexp(0, theta[4])
        first, second = log_p + parts[0][0], log_q + parts[1][0]
        mixed = np.logaddexp(first, second)
        weight = self.weight * np.exp(first - mixed)
        other = self.weight - weight
        slope = np.array(
            [
                -np.sum(weight * parts[0][1]),
                -np.sum(weight * parts[0][2]),
                -np.sum(other * parts[1][1]),
                -np.sum(other * parts[1][2]),
                -np.sum(weight) + np.exp(log_p) * self.size,
            ]
        )
        return float(self.of_n - np.sum(self.weight * mixed)), slope

    def fenced(self, theta: Floats) -> tuple[float, Floats]:
        """The same with a fence about what a search may try, so that no exponential overflows."""
        inside = np.clip(theta, -EDGE, EDGE)
        value, slope = self.value_and_slope(inside)
        over = theta - inside
        return value + float(np.sum(over**2)) * self.size, slope + 2 * over * self.size

    def curvature(self, theta: Floats) -> Floats:
        """The matrix of second derivatives, by central differences of the gradient."""
        out = np.empty((5, 5))
        for i in range(5):
            step = np.zeros(5)
            step[i] = 1e-4
            ahead, behind = (self.value_and_slope(theta + s)[1] for s in (step, -step))
            out[i] = (ahead - behind) / 2e-4
        symmetric: Floats = (out + out.T) / 2
        return symmetric

    def _component(self, alpha: float, beta: float) -> tuple[Floats, Floats, Floats]:
        """Log mass but for n!, and its slope along log alpha and log beta."""
        spread = np.log1p(self.expected / beta)
        zero = -alpha * spread  # log of the probability of 0
        own = (gammaln(alpha + self.values) - gammaln(alpha))[self.row]
        mass = own + zero + self.n * (self.log_expected - np.log(beta) - spread)
        part = self.expected / (beta + self.expected)
        along_alpha = (alpha * (digamma(alpha + self.values) - digamma(alpha)))[self.row] + zero
        along_beta: Floats = alpha * part - self.n * (1 - part)
        if self.truncated:
            rest = -np.expm1(zero)
            mass -= np.log(rest)
            odds = (1 - rest) / rest
            along_alpha += zero * odds
            along_beta += alpha * part * odds
        return mass, along_alpha, along_beta


def _squash(n: Integers, expected: Floats, truncated: bool, weight: Floats) -> _Cells:
    """Pairs of one count and like expected counts as one point with their number as weight."""
    order = np.lexsort((expected, n))
    count = n[order]
    starts = np.flatnonzero(np.r_[True, count[1:] != count[:-1]])
    sizes = np.diff(np.r_[starts, len(count)])
    place = np.arange(len(count)) - np.repeat(starts, sizes)
    bins = place // np.repeat(np.maximum(sizes // POINTS, 1), sizes)
    first = np.flatnonzero(np.r_[True, (count[1:] != count[:-1]) | (bins[1:] != bins[:-1])])
    total = np.add.reduceat(weight[order], first)
    mean = np.add.reduceat((weight * expected)[order], first) / total
    return _Cells(count[first], mean, truncated, total)


def _weight(weight: npt.ArrayLike | None) -> Floats | None:
    return None if weight is None else floats(weight)


def _theta(prior: Prior) -> Floats:
    logs = np.log(np.array(prior[:4], dtype=np.float64))
    theta: Floats = np.r_[logs, np.log(prior.p) - np.log1p(-prior.p)]
    return theta


def _prior(theta: Floats) -> Prior:
    """The prior of a theta, the component of the higher mean first."""
    a1, b1, a2, b2 = (float(value) for value in np.exp(theta[:4]))
    p, q = (float(1 / (1 + np.exp(sign * theta[4]))) for sign in (-1, 1))
    return Prior(a1, b1, a2, b2, p) if a1 / b1 >= a2 / b2 else Prior(a2, b2, a1, b1, q)
