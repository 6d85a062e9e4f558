"""Fragility: how few reports a flag hangs on."""

from __future__ import annotations

import numpy as np

from detectors.calibration.permutation import Flag
from detectors.disproportionality.method import Floats
from detectors.disproportionality.table import PairTable

# numbers of reports tried for every pair at once
BLOCK = 32


def fragility(table: PairTable, flag: Flag, most: float = np.inf) -> Floats:
    """Fewest reports of each pair whose removal clears the rule.

        smallest k with not flag(n - k, n_product - k, n_event - k, n_total - k)

    0 where the rule does not hold, NaN where it holds even without any report of the pair, inf
    where more than `most` would have to go. Every k from 1 on is tried, since a rule need not fall
    steadily. The other rows stay as they are, so `flag` must judge a row by its own counts (an EBGM
    with a given prior does). Source: the fragility index, Walsh et al., J Clin Epidemiol
    2014;67:622-8, here with reports taken out instead of outcomes turned, as a report may prove a
    duplicate or be nullified.
    Verified by removing reports one at a time: `tests/detectors/calibration/test_fragility.py`.

    >>> table = PairTable.of(
    ...     ["A", "B"], ["x", "x"], n=[5, 1], n_product=[20, 30], n_event=[9, 9], n_total=[400, 400]
    ... )
    >>> fragility(table, lambda rows: rows.n >= 3).tolist()
    [3.0, 0.0]
    """
    fewest = np.zeros(len(table))
    left = np.flatnonzero(flag(table))
    fewest[left] = np.nan
    first = 1
    while left.size:
        steps = np.arange(first, first + BLOCK)
        rows, taken = np.repeat(left, BLOCK), np.tile(steps, len(left))
        possible = taken <= table.n[rows]
        rows, taken = rows[possible], taken[possible]
        clears = np.flatnonzero(~flag(removed(table.rows(rows), taken)))
        # the first of each pair's: rows stand together, the numbers rising
        cleared, place = np.unique(rows[clears], return_index=True)
        fewest[cleared] = taken[clears][place]
        first += BLOCK
        left = left[np.isnan(fewest[left]) & (table.n[left] >= first)]
        if first > most:
            fewest[left] = np.inf
            break
    fewest[fewest > most] = np.inf
    return fewest


def removed(table: PairTable, taken: np.ndarray[tuple[int], np.dtype[np.int64]]) -> PairTable:
    """The table with so many reports of each pair less, row by row."""
    return PairTable(
        table.product,
        table.event,
        table.n - taken,
        table.n_product - taken,
        table.n_event - taken,
        table.n_total - taken,
    )
