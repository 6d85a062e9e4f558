"""Dated reports as looks: who enters when, and that nothing is used before its day."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.casebook import Casebook, CaseContent
from detectors.contents import Contents
from detectors.sequential import two_sample
from detectors.sequential.receipts import Days, days, reached

Dated = dict[str, int]
BAR = float(np.log(20))


def contents(cases: list[tuple[Dated, Dated]]) -> tuple[Contents, tuple[int, int]]:
    """Cases as (products, events), names with days; and the codes of A and x."""
    book = Casebook.of(
        (i, 1, CaseContent("s", tuple(products.items()), tuple(events.items())))
        for i, (products, events) in enumerate(cases)
    )
    within, product, event = book.codes("s", "A", "x")
    return book.contents().within(within), (product, event)


def looks(cases: list[tuple[Dated, Dated]]) -> dict[int, list[int]]:
    of, codes = contents(cases)
    found = days(of, *codes)
    rows = np.concatenate(found.look, axis=1).astype(int).tolist()
    return dict(zip(found.day.tolist(), rows, strict=True))


def test_looks_by_hand() -> None:
    """Of each day: reports of A with x, of A, of others with x, of others."""
    assert looks(
        [
            ({"A": 1}, {"x": 1}),
            ({"A": 1}, {"y": 1}),
            ({"B": 1}, {"x": 1, "y": 1}),
            ({"B": 2}, {"y": 2}),
            ({"A": 2}, {"x": 5}),  # enters with A, and again when x becomes known
            ({"B": 2, "A": 4}, {"x": 2}),  # another's until it names A
            ({"A": 2}, {"x": 2, "y": 3}),  # news of another event is one more report without x
        ]
    ) == {1: [1, 2, 1, 1], 2: [1, 2, 1, 2], 3: [0, 1, 0, 0], 4: [1, 1, 0, 0], 5: [1, 1, 0, 0]}


NAMES = st.dictionaries(st.sampled_from("ABC"), st.integers(1, 6), min_size=1)
TERMS = st.dictionaries(st.sampled_from("xyz"), st.integers(1, 6), min_size=1)


@settings(max_examples=60, deadline=None)
@given(cases=st.lists(st.tuples(NAMES, TERMS), min_size=1, max_size=12), until=st.integers(1, 6))
def test_what_comes_later_changes_no_look(cases: list[tuple[Dated, Dated]], until: int) -> None:
    """The looks up to a day are those of what was known by it."""
    cut = [
        tuple({name: day for name, day in part.items() if day <= until} for part in case)
        for case in cases
    ]
    known = [(products, events) for products, events in cut if products or events]
    first = ({"A": 1, "B": 1}, {"x": 1, "y": 1})  # so that the names have codes in both
    whole, early = looks([first, *cases]), looks([first, *known])
    assert {day: row for day, row in whole.items() if day <= until} == early


@settings(max_examples=60, deadline=None)
@given(cases=st.lists(st.tuples(NAMES, TERMS), min_size=1, max_size=12))
def test_every_pair_enters_once(cases: list[tuple[Dated, Dated]]) -> None:
    of, codes = contents(cases)
    if min(codes) < 0:
        return
    found = days(of, *codes)
    with_both = sum("A" in products and "x" in events for products, events in cases)
    assert found.look.n.sum() == with_both
    assert (found.look.n <= found.look.n_product).all()
    assert (found.look.n_comparator <= found.look.n_comparators).all()


def test_the_first_day_that_reaches_the_bar_is_that_of_the_process() -> None:
    rng = np.random.default_rng(8)
    look = two_sample.Look(
        *(rng.poisson(mean, (60, 1)).astype(float) for mean in (1.0, 4.0, 3.0, 300.0))
    )
    look = look._replace(n=np.minimum(look.n, look.n_product))
    sup = two_sample.batch(1, look).log_e_sup[:, 0]
    day = np.arange(100, 160)
    first = int(np.argmax(sup >= BAR))
    assert 0 < first < 59
    found = reached(Days(day, look), BAR)
    assert found is not None
    assert found.day == 100 + first
    assert found.n == look.n[: first + 1].sum()
    assert reached(Days(day, look), 1e6) is None
    assert reached(Days(day[:first], two_sample.Look(*(c[:first] for c in look))), BAR) is None


def test_without_reports_nothing_is_reached() -> None:
    empty = two_sample.Look(*(np.empty((0, 1)) for _ in range(4)))
    assert reached(Days(np.empty(0, dtype=np.int64), empty), BAR) is None


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_a_product_like_the_others_reaches_nothing(share: float) -> None:
    look = two_sample.Look(*(np.full((50, 1), x) for x in (share * 40, 40.0, share * 4000, 4000.0)))
    assert reached(Days(np.arange(50), look), BAR) is None
