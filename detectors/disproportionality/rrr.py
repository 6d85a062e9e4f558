"""Relative reporting ratio, and the expected count under independence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy.typing as npt

from detectors.disproportionality.method import Columns, Floats, Method, floats, ratio

if TYPE_CHECKING:
    from detectors.disproportionality.table import PairTable


def expected(n_product: npt.ArrayLike, n_event: npt.ArrayLike, n_total: npt.ArrayLike) -> Floats:
    """Reports with both to expect if product and event were independent.

        E = n_product n_event / n_total

    Counts are reports, of one shape (or broadcast); so is the result. NaN where n_total is 0.

    >>> float(expected(100, 120, 10_000))
    1.2
    """
    return ratio(floats(n_product) * floats(n_event), floats(n_total))


def rrr(
    n: npt.ArrayLike, n_product: npt.ArrayLike, n_event: npt.ArrayLike, n_total: npt.ArrayLike
) -> Floats:
    """Observed over expected count.

        RRR = n / E,  E = n_product n_event / n_total

    Source: DuMouchel, Am Stat 1999;53:177-90. Counts are reports, of one shape (or broadcast); the
    result is a ratio without unit, NaN where a margin is 0. It shrinks nothing: at small n read IC
    or EBGM. Verified against pvda's expected counts:
    `tests/detectors/disproportionality/test_oracles.py`.

    >>> float(rrr(6, 100, 120, 10_000))
    5.0
    """
    return ratio(floats(n), expected(n_product, n_event, n_total))


@dataclass(frozen=True, slots=True)
class Parameters:
    """None: the ratio has no choice in it."""


def _score(table: PairTable, parameters: Parameters) -> Columns:
    return {"rrr": ratio(table.as_floats[0], table.expected)}


METHOD = Method(
    name="rrr", columns=("rrr",), function=_score, parameters=Parameters(), rising=("rrr",)
)
