"""Power, from the tails of the distributions themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, poisson

from detectors import rules
from detectors.calibration.permutation import by_rule
from detectors.calibration.power import (
    critical_counts,
    detectable,
    detectable_now,
    first_flagged,
)
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


def test_the_time_to_be_flagged_is_that_of_simulated_reports() -> None:
    """A product of 600 reports by now, an event of 1 %: reports at twice the rate, 4,000 times."""
    flag = by_rule(rules.read()[0])
    now = table([(0, 600, 400, 40_600)])
    ((mean, chance),) = first_flagged(now, flag, 2.0, 60)
    rng = np.random.default_rng(8)
    arrivals = np.cumsum(rng.exponential(size=(4_000, 60)) / (2 * 6.0), axis=1)
    counts = np.tile(np.arange(1, 61), 4_000)
    at = np.maximum(arrivals.ravel(), 1 / 400)
    product = np.maximum(np.rint(at * 600).astype(int), counts)
    event = np.rint(at * 400).astype(int)
    held = flag(
        PairTable.of(
            [f"{i:06}" for i in range(len(at))],
            ["x"] * len(at),
            n=counts,
            n_product=product,
            n_event=event + counts,
            n_total=product + np.maximum(np.rint(at * 40_000).astype(int), event),
        )
    ).reshape(4_000, 60)
    found = held.any(axis=1)
    first = arrivals[np.arange(4_000), held.argmax(axis=1)][found]
    assert chance == pytest.approx(found.mean(), abs=0.02)
    assert mean == pytest.approx(first.mean(), abs=4 * first.std() / len(first) ** 0.5 + 0.01)


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(counts(largest=300), min_size=1, max_size=4), rule=st.sampled_from(RULES))
def test_more_harm_is_flagged_sooner(rows: list[Counts], rule: rules.Rule) -> None:
    flag, whole = by_rule(rule), table(rows)
    for (mean, chance), (later, fewer) in zip(
        first_flagged(whole, flag, 4.0, 30), first_flagged(whole, flag, 2.0, 30), strict=True
    ):
        assert chance >= fewer - 1e-9
        assert np.isnan(mean) or mean > 0
        assert np.isnan(later) == (fewer == 0)


def test_of_no_pair_there_is_nothing_to_say() -> None:
    assert (
        first_flagged(table([(0, 1, 1, 9)]).rows(np.array([], dtype=int)), lambda r: r.n > 0) == []
    )
