"""Disproportionality: how much more often a pair is reported than independence would have it.

One method a file, each with its primitive on plain arrays and its registration; `METHODS` is the
order of the columns that every program prints, `PRINTED` those and what `detect` has beyond the
live system, `ALL` these and what takes more than a table of pairs.
"""

from __future__ import annotations

from detectors.disproportionality import (
    chi2,
    ebgm,
    fisher,
    ic,
    ic0005,
    lrt,
    mantel_haenszel,
    omega,
    prr,
    ror,
    rrr,
)
from detectors.disproportionality.method import Method

METHODS: tuple[Method, ...] = (
    prr.METHOD,
    ror.METHOD,
    rrr.METHOD,
    chi2.METHOD,
    fisher.METHOD,
    ic.METHOD,
    ebgm.METHOD,
    lrt.METHOD,
)

PRINTED: tuple[Method, ...] = (*METHODS, ic0005.METHOD)
ALL: tuple[Method, ...] = (*PRINTED, mantel_haenszel.METHOD, omega.METHOD)

# those that need nothing but a row's own counts
BY_ROW: tuple[Method, ...] = tuple(
    method for method in METHODS if not (method.whole_table or method.on_request)
)

__all__ = ["ALL", "BY_ROW", "METHODS", "PRINTED", "Method"]
