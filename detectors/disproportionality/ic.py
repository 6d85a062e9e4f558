"""Information component with exact gamma limits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from detectors.disproportionality.method import Columns, Floats, Integers, Method, floats

if TYPE_CHECKING:
    from detectors.disproportionality.table import PairTable

SHRINKAGE = 0.5


class IC(NamedTuple):
    """The estimate and its credibility limits, in bits."""

    estimate: Floats
    lower: Floats
    upper: Floats


def ic(n: npt.ArrayLike, expected: npt.ArrayLike, level: float = 0.95) -> IC:
    """Shrunk logarithm (base 2) of observed over expected, with the exact limits of its posterior.

        IC = log2((n + 1/2) / (E + 1/2))
        IC_q = log2(G^-1(q; n + 1/2) / (E + 1/2)),  q = (1 - level)/2 and (1 + level)/2

    where G is the gamma distribution function of unit scale: the rate has a gamma posterior of
    shape n + 1/2 and rate E + 1/2. Source: Noren, Hopstadius, Bate, Stat Methods Med Res
    2013;22:57-69. `n` and `expected` are of one shape; the result is in bits, NaN where `expected`
    is. Verified against pvda: `tests/detectors/disproportionality/test_oracles.py`.

    >>> [round(float(x), 6) for x in ic(3, 1)]
    [1.222392, -0.828051, 2.416188]
    """
    observed, row = distinct(np.asarray(n, dtype=np.int64))
    tail = (1 - level) / 2
    shape = observed + SHRINKAGE
    prior = np.log2(floats(expected) + SHRINKAGE)
    return IC(
        np.log2(shape)[row] - prior,
        log2_quantiles(shape, tail)[row] - prior,
        log2_quantiles(shape, 1 - tail)[row] - prior,
    )


def log2_quantiles(shape: Floats, q: float) -> Floats:
    """Logarithm (base 2) of gamma quantiles; each shape is computed once, whatever table it is in.

    >>> log2_quantiles(np.array([3.5]), 0.025).round(4).tolist()
    [-0.2431]
    """
    return np.array([_log2_quantile(one, q) for one in shape.tolist()])


@lru_cache(maxsize=200_000)
def _log2_quantile(shape: float, q: float) -> float:
    return float(np.log2(gammaincinv(shape, q)))


def distinct(n: Integers) -> tuple[Floats, Integers]:
    """The distinct counts, and for each element which of them it is.

    The gamma quantiles are by far the dearest step; they depend on n alone, and a table has few
    distinct n.
    """
    highest = int(n.max(initial=0))
    if highest > 4 * n.size + 1000:
        distinct, row = np.unique(n, return_inverse=True)
        return floats(distinct), row.reshape(n.shape)
    seen = np.zeros(highest + 1, dtype=bool)
    seen[n] = True
    return floats(np.flatnonzero(seen)), (np.cumsum(seen) - 1)[n]


@dataclass(frozen=True, slots=True)
class Parameters:
    """`level`: coverage of the two-sided credibility interval."""

    level: float = 0.95


def _score(table: PairTable, parameters: Parameters) -> Columns:
    result = ic(table.n, table.expected, parameters.level)
    return {"ic": result.estimate, "ic025": result.lower, "ic975": result.upper}


METHOD = Method(
    name="ic",
    columns=("ic", "ic025", "ic975"),
    function=_score,
    parameters=Parameters(),
    rising=("ic", "ic025", "ic975"),
)
