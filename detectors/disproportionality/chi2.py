"""Chi-squared of the 2x2 table, plain and with Yates' correction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.disproportionality.method import Columns, Floats, Method, floats, ratio

if TYPE_CHECKING:
    from detectors.disproportionality.table import PairTable


class Chi2(NamedTuple):
    """Both statistics, on one degree of freedom."""

    plain: Floats
    yates: Floats


def chi2(
    n: npt.ArrayLike, n_product: npt.ArrayLike, n_event: npt.ArrayLike, n_total: npt.ArrayLike
) -> Chi2:
    """Distance of the 2x2 table from independence; it rises on either side of it.

        chi2       = N (ad - bc)^2 / ((a+b)(c+d)(a+c)(b+d))
        chi2_yates = N max(|ad - bc| - N/2, 0)^2 / ((a+b)(c+d)(a+c)(b+d))

    with ad - bc = n N - n_product n_event. Source: Pearson 1900; Yates, J R Stat Soc Suppl
    1934;1:217-35, the correction never taking the difference past 0. Counts are reports, of one
    shape (or broadcast); NaN where a margin is empty or holds every report.
    Verified against scipy's chi2_contingency:
    `tests/detectors/disproportionality/test_chi2.py`.

    >>> [round(float(x), 4) for x in chi2(20, 100, 120, 10_100)]
    [304.4506, 288.4817]
    """
    a, product, event, total = floats(n), floats(n_product), floats(n_event), floats(n_total)
    distance = np.abs(a * total - product * event)
    corrected = np.maximum(distance - total / 2, 0)
    margins = product * (total - product) * event * (total - event)
    return Chi2(ratio(total * distance**2, margins), ratio(total * corrected**2, margins))


@dataclass(frozen=True, slots=True)
class Parameters:
    """None: both statistics are given."""


def _score(table: PairTable, parameters: Parameters) -> Columns:
    result = chi2(*table.as_floats)
    return {"chi2": result.plain, "chi2_yates": result.yates}


METHOD = Method(
    name="chi2", columns=("chi2", "chi2_yates"), function=_score, parameters=Parameters()
)
