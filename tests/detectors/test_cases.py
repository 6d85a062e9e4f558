"""Cases as columns: what counts, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.casebook import Casebook, CaseContent
from detectors.cases import Cases, Column
from schemas.errors import InputError


def test_a_casebook_gives_its_cases() -> None:
    book = Casebook()
    for i, (of, given, seen) in enumerate(
        [("spontaneous", "A", "x"), ("solicited", "A", "x"), ("spontaneous", "B", "y")]
    ):
        book.apply(i, 1, CaseContent(of, ((given, 1),), ((seen, 1),)))
    book.apply(3, 1, None)
    dataset, product, event = book.codes("spontaneous", "A", "x")
    sex = Column.of(["f", "f", "m", None])
    assert (book.products[product], book.events[event]) == ("A", "x")
    cases = Cases.of(book.contents(), dataset, {"sex": sex}, {"route": Column.of(["iv"] * 3)})
    assert cases.counted.tolist() == [True, False, True, False]
    assert cases.having_product(product).tolist() == [True, False, False, False]
    assert cases.having_event(event).tolist() == [True, False, False, False]
    assert cases.events_of(cases.counted).tolist() == [1, 1]
    assert cases.products_of(cases.counted).tolist() == [1, 1]


def test_a_code_counts_once_a_case() -> None:
    cases = Cases.listed([[2, 2]], [[1, 1, 0]])
    assert cases.products_of(cases.counted).tolist() == [0, 0, 1]
    assert cases.events_of(cases.counted).tolist() == [1, 1]


def test_attributes_of_products() -> None:
    route = Column.of(["iv", "nasal", "nasal", None])
    cases = Cases.listed([[0, 1], [0], [1]], [[5]] * 3, by_product={"route": route})
    assert cases.having_product_by("route", 1).tolist() == [True, True, False]
    assert cases.having_product_by("route", 1, 0).tolist() == [False, True, False]
    some = cases.within(np.array([True, False, True]))
    assert some.having_product_by("route", 1).tolist() == [True, False, False]


def test_a_column_of_another_length_is_refused() -> None:
    for columns in ({"by_case": {"sex": Column.of("mf")}}, {"by_product": {"r": Column.of("")}}):
        with pytest.raises(InputError, match="rows, not") as error:
            Cases.listed([[0]], [[1]], **columns)
        assert error.value.code == "column_length"
