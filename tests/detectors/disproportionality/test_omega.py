"""Omega: the worked value, its limits, its laws, and the counts it is taken from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import gamma

from detectors.cases import Cases
from detectors.disproportionality.method import from_json, to_json
from detectors.disproportionality.omega import (
    COLUMNS,
    Parameters,
    omega,
    score,
    together,
    triples,
)
from detectors.disproportionality.table import PairTable

WORKED = (10, 100), (20, 1000), (30, 1000), (100, 10_000)


@st.composite
def groups(draw: st.DrawFn) -> tuple[int, ...]:
    """n and total of both, first, second, neither."""
    out: list[int] = []
    for _ in range(4):
        total = draw(st.integers(0, draw(st.sampled_from([2, 50, 100_000]))))
        out += [draw(st.integers(0, total)), total]
    return tuple(out)


def test_the_worked_value() -> None:
    result = omega(*WORKED)
    ours = [result.expected, result.estimate, result.lower]
    np.testing.assert_allclose(ours, [3.960200, 1.235209, 0.205067], atol=5e-7)
    # the published normal limit takes z as 1.96, ours the quantile: 1.7e-5 apart
    rounded = omega(*WORKED, level=2 * float(ndtr(1.96)) - 1)
    assert float(rounded.lower_normal) == pytest.approx(0.341017, abs=5e-7)
    assert float(result.lower_normal) == pytest.approx(0.341017, abs=2e-5)


def test_limits_are_quantiles_of_a_gamma() -> None:
    result = omega(*WORKED, level=0.9)
    theirs = np.log2(gamma.ppf([0.05, 0.95], 10.5, scale=1 / (float(result.expected) + 0.5)))
    np.testing.assert_allclose([result.lower, result.upper], theirs, rtol=1e-10)


def test_two_products_that_add_up_expect_their_sum() -> None:
    """At small risks the baseline is the sum of the excesses: 1 % + 2 % over a 1 %."""
    small = omega((4, 10_000), (200, 100_000), (300, 100_000), (100, 100_000))
    assert float(small.expected) == pytest.approx(10_000 * 0.004, rel=0.01)
    # a product that protects does not lower what is expected of the other
    helped = omega((4, 10_000), (1, 100_000), (300, 100_000), (100, 100_000))
    assert float(helped.expected) == pytest.approx(10_000 * 0.003, rel=0.01)


def test_what_cannot_be_computed_is_empty() -> None:
    assert np.isnan(omega((3, 5), (0, 0), (1, 9), (1, 9)).estimate)
    assert np.isnan(omega((3, 5), (1, 9), (0, 0), (1, 9)).estimate)
    assert np.isnan(omega((3, 5), (1, 9), (1, 9), (0, 0)).estimate)
    none = omega((0, 5), (1, 9), (1, 9), (1, 9))
    assert np.isnan(none.lower_normal)
    assert none.lower < none.estimate < none.upper
    # every report of one product has the event: so is it expected of both
    assert omega((3, 5), (9, 9), (1, 9), (1, 9)).expected == 5


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(groups(), min_size=1, max_size=8))
def test_laws(rows: list[tuple[int, ...]]) -> None:
    columns = np.array(rows).T.copy()
    columns.flags.writeable = False
    both, first, second, neither = (tuple(columns[i : i + 2]) for i in (0, 2, 4, 6))
    result = omega(both, first, second, neither)
    swapped = omega(both, second, first, neither)
    more = omega((both[0] + 1, both[1]), first, second, neither)
    assert not np.isinf(np.array(result)).any()
    np.testing.assert_allclose(result.lower, swapped.lower, rtol=1e-9, atol=1e-9)
    known = ~np.isnan(result.lower)
    assert (more.lower >= result.lower)[known].all()
    assert (result.expected[known] <= both[1][known] * (1 + 1e-12)).all()
    for i, (a, b, c, d, e, f, g, h) in enumerate(rows):
        for whole, alone in zip(result, omega((a, b), (c, d), (e, f), (g, h)), strict=True):
            assert np.asarray(alone).tobytes() == whole[i].tobytes()


def test_counts_of_a_combination() -> None:
    """0 ketamine, 1 and 2 benzodiazepines, 3 another; the last case is not counted."""
    products = [[0, 1], [0, 2], [0, 1, 2], [0], [0, 3], [1], [2, 3], [3], [3], [0, 1]]
    events = [[5], [6], [5, 6], [5], [6], [5], [6], [5], [7], [5]]
    cases = Cases.listed(products, events).within(np.arange(10) < 9)
    found = triples(cases, 0, np.array([1, 2]))
    assert found.event.tolist() == [5, 6]
    assert np.array(found[1:])[:, 0].tolist() == [2, 3, 1, 2, 1, 2, 1, 2]
    assert np.array(found[1:])[:, 1].tolist() == [2, 3, 1, 2, 1, 2, 0, 2]
    columns = score(found)
    assert tuple(columns) == COLUMNS
    assert columns["omega"][0] == omega((2, 3), (1, 2), (1, 2), (1, 2)).estimate


def test_parameters_go_through_json() -> None:
    assert from_json(Parameters(), to_json(Parameters(0.9))) == Parameters(0.9)
    cases = Cases.listed([[0, 1], [0], [1], [2]] * 3, [[5], [5], [6], [5]] * 3)
    wide, narrow = (score(triples(cases, 0, 1), Parameters(x)) for x in (0.99, 0.5))
    assert wide["omega025"][0] < narrow["omega025"][0]


def test_pairs_together_with_some_products_are_counted_as_one_combination_is() -> None:
    """From two tables, of all reports and of those with any of the products."""
    rng = np.random.default_rng(6)
    products = [sorted(set(rng.integers(0, 4, 3).tolist())) for _ in range(300)]
    events = [sorted(set(rng.integers(5, 8, 2).tolist())) for _ in range(300)]
    cases, others = Cases.listed(products, events), np.array([2, 3])

    def counted(of: Cases) -> PairTable:
        rows = []
        for product, event in ((0, 5), (0, 7), (1, 6), (2, 5)):
            having, with_event = of.having_product(product), of.having_event(event)
            groups = (having & with_event, having, with_event, of.counted)
            rows.append([int(g.sum()) for g in groups])
        names = np.full(4, "", dtype=object)
        return PairTable(names, names, *np.array(rows).T.copy())

    found = together(counted(cases), counted(cases.within(cases.having_product(others))))
    for row, (product, event) in enumerate(((0, 5), (0, 7), (1, 6))):
        one = triples(cases, product, others)
        place = one.event.tolist().index(event)
        assert [int(c[row]) for c in found[1:]] == [int(c[place]) for c in one[1:]]
    # one of the products itself is never without them
    assert found.total_first[3] == 0
    assert np.isnan(score(found)["omega"][3])
