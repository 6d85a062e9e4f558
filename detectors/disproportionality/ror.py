"""Reporting odds ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.disproportionality.method import Columns, Floats, Method, around, floats, ratio

if TYPE_CHECKING:
    from detectors.disproportionality.table import PairTable


class ROR(NamedTuple):
    """The estimate and its limits, one a pair."""

    estimate: Floats
    lower: Floats
    upper: Floats


def ror(
    n: npt.ArrayLike,
    n_product: npt.ArrayLike,
    n_event: npt.ArrayLike,
    n_total: npt.ArrayLike,
    level: float = 0.95,
) -> ROR:
    """Odds of the event among the product's reports over its odds among all the others.

        ROR = a d / (b c),  limits = ROR exp(+-z sqrt(1/a + 1/b + 1/c + 1/d))
        a = n, b = n_product - n, c = n_event - n, d = n_total - n_product - n_event + n

    Source: van Puijenbroek et al., Pharmacoepidemiol Drug Saf 2002;11:3-10 (Woolf's interval).
    Counts are reports, of one shape (or broadcast); the result is a ratio without unit. NaN where
    b or c is 0, and in the limits where any cell is 0: no half is added to the cells.
    Verified against pvda and PhViD: `tests/detectors/disproportionality/test_oracles.py`.

    >>> [round(float(x), 4) for x in ror(20, 100, 120, 10_100)]
    [24.75, 14.5956, 41.9689]
    """
    a, product, event, total = floats(n), floats(n_product), floats(n_event), floats(n_total)
    b, c = product - a, event - a
    d = total - product - c
    estimate = ratio(a * d, b * c)
    with np.errstate(divide="ignore", invalid="ignore"):  # where a cell is empty
        variance = 1 / a
        for cell in (b, c, d):
            variance += 1 / cell
        return ROR(estimate, *around(estimate, variance, level))


@dataclass(frozen=True, slots=True)
class Parameters:
    """`level`: coverage of the two-sided interval."""

    level: float = 0.95


def _score(table: PairTable, parameters: Parameters) -> Columns:
    result = ror(*table.as_floats, parameters.level)
    return {"ror": result.estimate, "ror_lower": result.lower, "ror_upper": result.upper}


METHOD = Method(
    name="ror",
    columns=("ror", "ror_lower", "ror_upper"),
    function=_score,
    parameters=Parameters(),
    rising=("ror",),
)
