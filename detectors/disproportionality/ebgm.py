"""Empirical Bayes geometric mean (EBGM) with its 5 % and 95 % limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.disproportionality.gps import Fit, Prior, fit
from detectors.disproportionality.method import Columns, Floats, Integers, Method, floats
from detectors.disproportionality.posterior import Posterior

if TYPE_CHECKING:
    from detectors.disproportionality.table import PairTable


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
    posterior = Posterior(count, spread, prior)
    tail = (1 - level) / 2
    lower, upper = posterior.log_quantiles((tail, 1 - tail))
    result = np.exp(posterior.log_mean), np.exp(lower), np.exp(upper), posterior.weight
    return EBGM(*(values.reshape(shape) for values in result))


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
    return fit(table.n[seen], table.expected[seen])


def _score(table: PairTable, parameters: Parameters) -> Columns:
    independent = table.expected
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
