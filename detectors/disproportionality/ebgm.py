"""Empirical Bayes geometric mean (EBGM) with its 5 % and 95 % limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammainc, gammaincinv, gammaln

from detectors.disproportionality.gps import Fit, Prior, fit, log_mass
from detectors.disproportionality.ic import distinct
from detectors.disproportionality.method import Columns, Floats, Integers, Method, floats
from detectors.disproportionality.rrr import expected

if TYPE_CHECKING:
    from detectors.disproportionality.table import PairTable

STEPS = 100
# a Newton step of this size leaves an error of about its square
LAST_STEP = 1e-8


class EBGM(NamedTuple):
    """Estimate, limits, and the weight of the prior's first component, one a pair."""

    estimate: Floats
    lower: Floats
    upper: Floats
    weight: Floats


def ebgm(n: npt.ArrayLike, expected: npt.ArrayLike, prior: Prior, level: float = 0.9) -> EBGM:
    """Geometric mean and quantiles of the posterior of the rate n / E.

        Q = P f1 / (P f1 + (1 - P) f2),  f_i negative binomial (alpha_i, beta_i, E) at n
        posterior = Q Gamma(alpha1 + n, beta1 + E) + (1 - Q) Gamma(alpha2 + n, beta2 + E)
        EBGM = exp(E[log rate]);  EB05, EB95: quantiles (1 -+ level) / 2 of the posterior

    Source: DuMouchel, Am Stat 1999;53:177-90; DuMouchel and Pregibon, KDD 2001. `n` (reports) and
    `expected` are of one shape; the results are ratios without unit, the weight a probability;
    NaN where `expected` is. The prior comes from `gps.fit`.
    Verified against openEBGM: `tests/detectors/disproportionality/test_ebgm.py`.

    >>> prior = Prior(0.2, 0.1, 2, 4, 1 / 3)
    >>> [round(float(x), 6) for x in ebgm(5, 0.5, prior)]
    [7.721912, 3.302716, 15.687495, 0.990424]
    """
    shape = np.broadcast_shapes(np.shape(n), np.shape(expected))
    count = np.broadcast_to(np.asarray(n, dtype=np.int64), shape).ravel()
    spread = np.broadcast_to(floats(expected), shape).ravel()
    values, row = distinct(count)
    first, second = (
        _Component(values, row, spread, alpha, beta)
        for alpha, beta in ((prior.alpha1, prior.beta1), (prior.alpha2, prior.beta2))
    )
    odds = np.log1p(-prior.p) - np.log(prior.p) + second.log_mass - first.log_mass
    weight = 1 / (1 + np.exp(np.clip(odds, -700, 700)))
    mean = weight * first.log_mean + (1 - weight) * second.log_mean
    tail = (1 - level) / 2
    result = (
        np.exp(mean),
        _quantile(weight, first, second, tail),
        _quantile(weight, first, second, 1 - tail),
        weight,
    )
    return EBGM(*(values.reshape(shape) for values in result))


class _Component:
    """One gamma of the posterior; what depends on n alone is computed once for each n."""

    def __init__(
        self,
        values: Floats,
        row: npt.NDArray[np.int64],
        expected: Floats,
        alpha: float,
        beta: float,
    ) -> None:
        self.values, self.row = alpha + values, row
        self.shape, self.rate = self.values[row], beta + expected
        self.log_mass = log_mass(values, row, expected, alpha, beta)
        self.log_mean = digamma(self.values)[row] - np.log(self.rate)
        self.log_gamma = gammaln(self.values)[row]

    def log_quantile(self, p: float) -> Floats:
        """Where its distribution function is p, on the log scale."""
        quantile: Floats = np.log(gammaincinv(self.values, p))[self.row] - np.log(self.rate)
        return quantile


def _quantile(weight: Floats, first: _Component, second: _Component, p: float) -> Floats:
    """Newton's method on the log scale, kept between the quantiles of the two components.

    The bracket costs next to nothing: a component's quantile is a function of n over its rate.
    """
    q1, q2 = first.log_quantile(p), second.log_quantile(p)
    low, high = np.minimum(q1, q2), np.maximum(q1, q2)
    x = weight * q1 + (1 - weight) * q2
    left = np.flatnonzero(high > low)
    for _ in range(STEPS):
        if not left.size:
            break
        w, at = weight[left], x[left]
        value, slope = np.full(len(left), -p), np.zeros(len(left))
        for part, share in ((first, w), (second, 1 - w)):
            shape, scaled = part.shape[left], part.rate[left] * np.exp(at)
            value += share * gammainc(shape, scaled)
            slope += share * np.exp(shape * np.log(scaled) - scaled - part.log_gamma[left])
        below = value < 0
        low[left], high[left] = np.where(below, at, low[left]), np.where(below, high[left], at)
        step = np.divide(value, slope, out=np.full_like(value, np.inf), where=slope > 0)
        inside = (at - step >= low[left]) & (at - step <= high[left])
        new = np.where(inside, at - step, (low[left] + high[left]) / 2)
        x[left] = new
        left = left[~inside | (np.abs(step) > LAST_STEP)]
    out: Floats = np.exp(x)
    return out


def all_cells(table: PairTable) -> tuple[Integers, Floats, Floats]:
    """Counts, expected counts and weights of every product of a table with each of its events.

    Cells without a report that have the same margins, and so the same expected count, are one row
    with their number as weight; nothing is approximated.
    """
    seen = table.n > 0
    products, of_product = _margins(table.product, table.n_product)
    events, of_event = _margins(table.event, table.n_event)
    size = np.outer(products[1], events[1])
    np.subtract.at(size, (of_product[seen], of_event[seen]), 1)
    empty = size > 0
    spread = np.outer(products[0], events[0]) / table.n_total.max(initial=1)
    return (
        np.concatenate([table.n[seen], np.zeros(int(empty.sum()), dtype=np.int64)]),
        np.concatenate([spread[of_product[seen], of_event[seen]], spread[empty]]),
        np.concatenate([np.ones(int(seen.sum())), floats(size[empty])]),
    )


def _margins(
    names: npt.NDArray[np.object_], counts: Integers
) -> tuple[tuple[Integers, Integers], Integers]:
    """The distinct margins with how many names have each, and which of them each row has."""
    margin = dict(zip(names, counts.tolist(), strict=True))
    values, sizes = np.unique(np.array(list(margin.values()), dtype=np.int64), return_counts=True)
    return (values, sizes), np.searchsorted(values, counts)


@dataclass(frozen=True, slots=True)
class Parameters:
    """`prior`: alpha1, beta1, alpha2, beta2, P, or None to fit it to the table's pairs.

    `likelihood` of that fit: `truncated`, of the pairs seen, or `zero_cells`, of all products by
    all events of the table. `level`: coverage of the two-sided interval; 0.9 gives EB05 and EB95.
    """

    prior: tuple[float, float, float, float, float] | None = None
    level: float = 0.9
    likelihood: str = "truncated"


def fit_table(table: PairTable, likelihood: str = "truncated") -> Fit:
    """The prior of a table, fitted as `Parameters.likelihood` says. InputError `ebgm_fit_failed`.

    A function of the rows and their order; groups of terms or strata of products among them would
    count cases twice, so leave them out (`detectors.coding.plain`).
    """
    if likelihood == "zero_cells":
        n, spread, weight = all_cells(table)
        return fit(n, spread, truncated=False, weight=weight)
    seen = table.n > 0
    return fit(table.n[seen], expected(table.n_product, table.n_event, table.n_total)[seen])


def _score(table: PairTable, parameters: Parameters) -> Columns:
    independent = expected(table.n_product, table.n_event, table.n_total)
    if parameters.prior is not None:
        prior = Prior(*parameters.prior)
    else:
        prior = fit_table(table, parameters.likelihood).prior
    result = ebgm(table.n, independent, prior, parameters.level)
    return {"ebgm": result.estimate, "eb05": result.lower, "eb95": result.upper}


METHOD = Method(
    name="ebgm",
    columns=("ebgm", "eb05", "eb95"),
    function=_score,
    parameters=Parameters(),
    rising=("ebgm", "eb05", "eb95"),
    whole_table=True,
)
