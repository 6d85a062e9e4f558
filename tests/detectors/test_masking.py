"""Masking and competition, against tables counted again without the reports taken out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.cases import Cases
from detectors.disproportionality.prr import prr
from detectors.masking import competitors, maskers, masking_ratio, unmasked
from tests.detectors.clinic import Told, clinics, told
from tests.detectors.tables import Counts, counts


def counted(cases: list[Told], product: int, event: int) -> float:
    mine = [case for case in cases if product in case.products]
    n = sum(event in case.events for case in mine)
    n_event = sum(event in case.events for case in cases)
    return float(prr(n, len(mine), n_event, len(cases)).estimate)


@settings(max_examples=80, deadline=None)
@given(cases=clinics(), product=st.integers(0, 3), event=st.integers(0, 3))
def test_maskers_recounted(cases: Cases, product: int, event: int) -> None:
    listed = told(cases)
    before = counted(listed, product, event)
    found = maskers(cases, product, event, minimum=1)
    assert product not in found.product
    for row, masker in enumerate(found.product.tolist()):
        left = [c for c in listed if product in c.products or masker not in c.products]
        after = counted(left, product, event)
        np.testing.assert_allclose(found.prr[row], after)
        if before > 0:
            assert after / before == pytest.approx(found.ratio[row])
    assert (np.diff(found.ratio) <= 0).all()
    assert not np.isinf(found.ratio).any()
    some = maskers(cases, product, event, np.array([2]), 1)
    assert set(some.product.tolist()) == set(found.product.tolist()) & {2}


@settings(max_examples=80, deadline=None)
@given(cases=clinics(), product=st.integers(0, 3), event=st.integers(0, 3))
def test_competitors_recounted(cases: Cases, product: int, event: int) -> None:
    listed = told(cases)
    before = counted(listed, product, event)
    found = competitors(cases, product, event, minimum=1)
    assert event not in found.event
    expected = {}
    for other in range(4):
        after = counted([c for c in listed if other not in c.events], product, event)
        if other != event and before > 0 and after > before * (1 + 1e-12):
            expected[other] = after
    # of an event that the product has
    own = {e for c in listed if product in c.products for e in c.events}
    assert {k: pytest.approx(v) for k, v in expected.items() if k in own} == dict(
        zip(found.event.tolist(), found.prr.tolist(), strict=True)
    )
    some = competitors(cases, product, event, np.array([1]), 1)
    assert set(some.event.tolist()) == set(found.event.tolist()) & {1}


@settings(max_examples=150, deadline=None)
@given(row=counts())
def test_laws_of_the_ratio(row: Counts) -> None:
    n, _, event, total = row
    ours = masking_ratio(*row)
    assert not np.isinf(ours)
    assert np.isnan(ours) == (event == n or total == 0)
    plain = prr(*row).estimate
    if not np.isnan(plain) and not np.isnan(ours):
        # a product masks an event exactly where it is disproportionate itself
        assert (ours > 1 + 1e-12) <= (plain > 1)
    whole = masking_ratio(*(np.array([x, x]) for x in row))
    assert whole.tobytes() == np.array([ours, ours]).tobytes()


def clinic(blocks: list[tuple[int, int, int]]) -> Cases:
    products = [[product] for product, _, times in blocks for _ in range(times)]
    events = [[event] for _, event, times in blocks for _ in range(times)]
    return Cases.listed(products, events)


def test_a_masked_pair_comes_up() -> None:
    """Products 1 and 2 hold nearly all reports of event 5; product 0 is three times the rest."""
    cases = clinic(
        [
            (0, 5, 3),
            (0, 6, 97),
            (1, 5, 60),
            (1, 6, 40),
            (2, 5, 30),
            (2, 6, 70),
            (3, 5, 10),
            (3, 6, 990),
        ]
    )
    result = unmasked(cases, 0, 5)
    assert result.maskers.tolist() == [1, 2]
    assert result.before == pytest.approx(0.03 / (100 / 1200))
    assert result.after == pytest.approx(3)
    assert (result.n_event, result.n_total) == (13, 1100)
    assert unmasked(cases, 0, 5, most=1).maskers.tolist() == [1]
    assert unmasked(cases, 0, 5, above=9).maskers.tolist() == []
    assert unmasked(cases, 0, 5, among=np.array([2])).maskers.tolist() == [2]


def test_the_last_reports_of_an_event_cannot_be_taken_out() -> None:
    cases = clinic([(0, 5, 3), (0, 6, 97), (1, 5, 60), (2, 6, 100)])
    assert len(maskers(cases, 0, 5).product) == 0
    result = unmasked(cases, 0, 5)
    assert result.before == result.after


def test_nothing_of_nothing() -> None:
    cases = Cases.listed([], [])
    assert len(maskers(cases, 0, 5).product) == len(competitors(cases, 0, 5).event) == 0
    assert np.isnan(unmasked(cases, 0, 5).before)
