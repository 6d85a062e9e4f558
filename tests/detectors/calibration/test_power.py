"""Power, from the tails of the distributions themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, poisson

from detectors import rules
from detectors.calibration.permutation import by_rule
from detectors.calibration.power import critical_counts, detectable, detectable_now
from detectors.disproportionality.table import PairTable
from tests.detectors.calibration.test_fragility import RULES, table
from tests.detectors.tables import Counts, counts


@settings(max_examples=100, deadline=None)
@given(critical=st.integers(1, 500), expected=st.floats(0.001, 1e4), power=st.floats(0.05, 0.99))
def test_the_count_is_reached_with_that_power(critical: int, expected: float, power: float) -> None:
    ratio = detectable(critical, expected, power)
    assert float(poisson.sf(critical - 1, ratio * expected)) == pytest.approx(power, rel=1e-6)
    assert detectable(critical + 1, expected, power) > ratio
    assert detectable(critical, 2 * expected, power) < ratio
    assert float(ratio) == detectable([critical, 1], expected, power)[0]


def test_without_a_critical_count_there_is_no_ratio() -> None:
    assert np.isnan(detectable([np.nan, 0, 3], [1, 1, 0])).all()


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(counts(largest=300), min_size=1, max_size=5), rule=st.sampled_from(RULES))
def test_critical_counts_one_at_a_time(rows: list[Counts], rule: rules.Rule) -> None:
    flag = by_rule(rule)
    whole = table(rows)
    for values in whole.counts.values():
        values.flags.writeable = False
    ours = critical_counts(whole, flag)
    ratio = detectable_now(whole, flag, 0.9)
    assert not np.isinf(ratio).any()
    for i, (n, product, event, total) in enumerate(rows):
        found = [
            m for m in range(product + 1) if flag(table([(m, product, event - n + m, total)]))[0]
        ]
        np.testing.assert_equal(ours[i], found[0] if found else np.nan)
        if event == n or not found:
            assert np.isnan(ratio[i])
        else:
            share = min(ratio[i] * (event - n) / (total - product), 1.0)
            assert float(binom.sf(ours[i] - 1, product, share)) == pytest.approx(0.9, rel=1e-6)


def test_simulated_reports_are_flagged_as_often() -> None:
    """A product of 400 reports, an event of 1 %: IC025 at the ratio said, 2,000 times."""
    flag = by_rule(rules.read()[0])
    now = table([(0, 400, 400, 40_400)])
    ratio = float(detectable_now(now, flag)[0])
    assert 2 < ratio < 4
    rng = np.random.default_rng(5)
    n = rng.binomial(400, ratio * 0.01, 2_000)
    names = np.full(2_000, "", dtype=object)
    size = np.full(2_000, 400)
    drawn = PairTable(names, names, n, size, 400 + n, np.full(2_000, 40_400))
    assert flag(drawn).mean() == pytest.approx(0.8, abs=0.03)


def test_large_counts_go_through_blocks() -> None:
    ours = critical_counts(table([(0, 1_000, 10, 5_000)]), lambda r: r.n >= 300)
    assert ours.tolist() == [300]
