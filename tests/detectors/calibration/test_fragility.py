"""Fragility, by taking reports out one at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import rules
from detectors.calibration.fragility import fragility
from detectors.calibration.permutation import Flag, by_rule
from detectors.disproportionality.table import PairTable
from tests.detectors.tables import Counts, counts

RULES = [rule for rule in rules.read() if rule.name != "eb05"]


def table(rows: list[Counts]) -> PairTable:
    names = [f"{i:04}" for i in range(len(rows))]
    n, product, event, total = zip(*rows, strict=True)
    return PairTable.of(names, names, n=n, n_product=product, n_event=event, n_total=total)


def one_at_a_time(row: Counts, flag: Flag) -> float:
    n, product, event, total = row
    for k in range(n + 1):
        if not flag(table([(n - k, product - k, event - k, total - k)]))[0]:
            return k
    return np.nan


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(counts(largest=60), min_size=1, max_size=6), rule=st.sampled_from(RULES))
def test_one_at_a_time(rows: list[Counts], rule: rules.Rule) -> None:
    whole = table(rows)
    for values in whole.counts.values():
        values.flags.writeable = False
    ours = fragility(whole, by_rule(rule))
    np.testing.assert_array_equal(ours, [one_at_a_time(row, by_rule(rule)) for row in rows])


def test_counts_larger_than_a_block() -> None:
    rows = [(500, 1_000, 2_000, 100_000), (3, 9, 90, 9_000), (40, 900, 100, 90_000)]
    assert fragility(table(rows), lambda r: r.n >= 3).tolist() == [498, 1, 38]


def test_a_rule_that_falls_and_rises_clears_at_the_first() -> None:
    rows = [(10, 20, 20, 100)]
    assert fragility(table(rows), lambda r: r.n % 4 != 0).tolist() == [2]


def test_a_rule_that_never_clears_is_empty() -> None:
    ours = fragility(table([(3, 5, 5, 50), (0, 5, 5, 50)]), lambda r: r.n_total > 0)
    assert np.isnan(ours).all()
    assert fragility(table([(0, 5, 5, 50)]), lambda r: r.n > 0).tolist() == [0]
