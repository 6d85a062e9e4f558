"""Fisher's test against exact fractions, and where rounding hurts."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.disproportionality.fisher import fisher


def exact(n: int, product: int, event: int, total: int) -> tuple[float, float]:
    at = Fraction(comb(product, n) * comb(total - product, event - n), comb(total, event))
    way, above = 10**300, 0
    for k in range(n, min(product, event)):
        way = way * (product - k) * (event - k) // ((k + 1) * (total - product - event + k + 1))
        above += way
    more = at * Fraction(above, 10**300)
    return float(more + at), float(more + at / 2)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_agrees_with_exact_fractions(data: st.DataObject) -> None:
    total = data.draw(st.integers(0, 400))
    product = data.draw(st.integers(0, total))
    event = data.draw(st.integers(0, total))
    n = data.draw(st.integers(max(0, product + event - total), min(product, event)))
    p, mid_p = fisher(n, product, event, total)
    assert (float(p), float(mid_p)) == pytest.approx(exact(n, product, event, total), rel=1e-11)


@pytest.mark.parametrize(
    ("n", "product", "event", "total"),
    [
        (30, 2_000, 3_000, 1_000_000),
        (3, 2_000, 3_000, 1_000_000),
        (400, 5_000, 4_000, 2_000_000),
        (400, 5_000, 4_000, 60_000),
        (3_990, 400_000, 10_000, 1_000_000),
        (9_000, 20_000, 20_000, 50_000),
    ],
)
def test_keeps_its_digits_in_large_databases(n: int, product: int, event: int, total: int) -> None:
    p, mid_p = fisher(n, product, event, total)
    assert (float(p), float(mid_p)) == pytest.approx(exact(n, product, event, total), rel=1e-10)


def test_underflows_to_zero_and_never_leaves_the_unit_interval() -> None:
    p, mid_p = fisher([5_000, 7, 0, 10], [5_000, 7, 0, 10], [5_000, 9, 4, 10], [10**7, 9, 9, 10])
    assert p.tolist() == [0.0, 1.0, 1.0, 1.0]
    assert ((mid_p >= 0) & (mid_p <= 1)).all()
    assert np.allclose(mid_p[1:], 0.5)


def test_a_row_has_the_same_bits_alone_and_beside_any_others() -> None:
    rng = np.random.default_rng(5)
    total = np.full(9_000, 2_000_000)
    product, event = (10 ** rng.uniform(1, 6, (2, total.size))).astype(int)
    expected = product * event / total
    n = np.minimum(
        rng.poisson(expected * rng.uniform(0.7, 1.6, total.size)), np.minimum(product, event)
    )
    n = np.maximum(n, np.maximum(product + event - total, 0))
    rows = np.column_stack([n, product, event, total])
    together = np.column_stack(fisher(*rows.T))
    few = np.column_stack(fisher(*rows[:40].T))
    alone = np.array([fisher(*row) for row in rows[:40]])
    assert (together[:40] == few).all()
    assert (together[:40] == alone).all()
