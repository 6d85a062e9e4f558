"""Proportional reporting ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.disproportionality.method import Columns, Floats, Method, around, floats, ratio

if TYPE_CHECKING:
    from detectors.disproportionality.table import PairTable


class PRR(NamedTuple):
    """The estimate and its limits, one a pair."""

    estimate: Floats
    lower: Floats
    upper: Floats


def prr(
    n: npt.ArrayLike,
    n_product: npt.ArrayLike,
    n_event: npt.ArrayLike,
    n_total: npt.ArrayLike,
    level: float = 0.95,
) -> PRR:
    """Share of the event among the product's reports over its share among all the others.

        PRR = (n / n_product) / ((n_event - n) / (n_total - n_product))
        limits = PRR exp(+-z s)
        s^2 = 1/n - 1/n_product + 1/(n_event - n) - 1/(n_total - n_product)

    Source: Evans, Waller, Davis, Pharmacoepidemiol Drug Saf 2001;10:483-6; the variance is the one
    of a log risk ratio (Katz 1978). Counts are reports, of one shape (or broadcast); the result is
    a ratio without unit. NaN where a denominator is 0, and in the limits where n is 0.
    Verified against pvda and PhViD: `tests/detectors/disproportionality/test_oracles.py`.

    >>> [round(float(x), 4) for x in prr(20, 100, 120, 10_100)]
    [20.0, 12.9088, 30.9866]
    """
    a, product, event, total = floats(n), floats(n_product), floats(n_event), floats(n_total)
    others = total - product
    elsewhere = event - a
    estimate = ratio(a * others, product * elsewhere)
    with np.errstate(divide="ignore", invalid="ignore"):  # where a cell is empty
        # grouped so that neither difference can be negative
        variance = 1 / a
        variance -= 1 / product
        rest = 1 / elsewhere
        rest -= 1 / others
        variance += rest
        return PRR(estimate, *around(estimate, variance, level))


@dataclass(frozen=True, slots=True)
class Parameters:
    """`level`: coverage of the two-sided interval."""

    level: float = 0.95


def _score(table: PairTable, parameters: Parameters) -> Columns:
    result = prr(*table.as_floats, parameters.level)
    return {"prr": result.estimate, "prr_lower": result.lower, "prr_upper": result.upper}


METHOD = Method(
    name="prr",
    columns=("prr", "prr_lower", "prr_upper"),
    function=_score,
    parameters=Parameters(),
    rising=("prr",),  # the limit is not: it falls again as the background empties
)
