"""The two-gamma prior of the Gamma-Poisson Shrinker, fitted by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import gammaln

from detectors.disproportionality.cells import EDGE, Cells, gathered, squashed
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
# half the squared distance to the optimum in units of the likelihood
CONVERGED = 1e-7
# relative to the likelihood: what rounding lets one see of its value, and what is left to gain
ROUNDING, ENOUGH = 1e-14, 1e-18
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
    cells = Cells(np.asarray(n, dtype=np.int64), floats(expected), truncated, _weight(weight))
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
    squashed counts (DuMouchel and Pregibon 2001); each optimum is polished on few points that
    stand for all cells almost exactly, then on all of them, so that neither leaves a trace.
    The best is the best of what these starts lead to: elsewhere there may be a better one.
    InputError `ebgm_fit_failed` where no optimum is found but such at which a component is a point
    or vanishes: such a prior must not score anything.
    Verified against openEBGM: `tests/detectors/disproportionality/test_ebgm.py`.
    """
    count, spread = np.asarray(n, dtype=np.int64), floats(expected)
    if len(count) < 2 * len(STARTS[0]):
        raise InputError("ebgm_fit_failed", f"{len(count)} pairs are too few to fit a prior to")
    cells = Cells(count, spread, truncated, _weight(weight))
    few, fine = squashed(cells), gathered(cells)
    searches = [
        minimize(few.fenced, _theta(Prior(*start)), jac=True, method="BFGS", options={"gtol": 1e-3})
        for start in STARTS
    ]
    optima: list[tuple[Floats, float, float, int]] = []
    for value in sorted({round(float(search.fun), 3) for search in searches}):
        reached = [search for search in searches if round(float(search.fun), 3) == value]
        near = _polish(fine, few, reached[0].x)[0]
        optima.append((*_polish(cells, fine, near), len(reached)))
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


def _polish(cells: Cells, like: Cells, theta: Floats) -> tuple[Floats, float, float]:
    """Newton steps on the cells; the curvature is that of fewer ones, which is close."""
    curvature = like.curvature(theta)
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
            if new_value < value + ROUNDING * abs(value):
                break
            length /= 2
        else:
            break  # nothing lower is left
        theta, value, slope = theta + length * move, new_value, new_slope
    return theta, value, decrement


def _solve(curvature: Floats, slope: Floats) -> Floats:
    """The Newton direction, with the curvature made positive where it is not."""
    values, vectors = np.linalg.eigh(curvature)
    inverse = 1 / np.maximum(np.abs(values), 1e-8)
    out: Floats = np.sum(vectors * (inverse * np.sum(vectors.T * slope, axis=1)), axis=1)
    return out


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
