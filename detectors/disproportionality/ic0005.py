"""Information component with limits so wide that few pairs pass by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy.typing as npt

from detectors.disproportionality.ic import ic
from detectors.disproportionality.method import Columns, Floats, Method

if TYPE_CHECKING:
    from detectors.disproportionality.table import PairTable


class Limits(NamedTuple):
    """Credibility limits, in bits."""

    lower: Floats
    upper: Floats


def ic0005(n: npt.ArrayLike, expected: npt.ArrayLike, level: float = 0.999) -> Limits:
    """The exact 99.9 % limits of the information component, as `ic` has them.

        IC_q = log2(G^-1(q; n + 1/2) / (E + 1/2)),  q = 0.0005 and 0.9995

    Limits for where very many pairs, or subgroups of one, are looked at together.
    Source: Noren, Hopstadius, Bate, Stat Methods Med Res 2013;22:57-69. Shapes and unit as `ic`.
    Verified against scipy's gamma quantiles: `tests/detectors/disproportionality/test_ic.py`.

    >>> [round(float(x), 6) for x in ic0005(10, 2)]
    [0.237735, 3.2931]
    """
    result = ic(n, expected, level)
    return Limits(result.lower, result.upper)


@dataclass(frozen=True, slots=True)
class Parameters:
    """`level`: coverage of the two-sided credibility interval."""

    level: float = 0.999


def _score(table: PairTable, parameters: Parameters) -> Columns:
    result = ic0005(table.n, table.expected, parameters.level)
    return {"ic0005": result.lower, "ic9995": result.upper}


METHOD = Method(
    name="ic0005",
    columns=("ic0005", "ic9995"),
    function=_score,
    parameters=Parameters(),
    rising=("ic0005", "ic9995"),
)
