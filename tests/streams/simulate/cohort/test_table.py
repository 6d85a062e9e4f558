"""Tables of columns: taking rows, putting below each other, values as lists."""

from __future__ import annotations

import numpy as np
import pytest

from streams.simulate.cohort.table import DATE, Table, joined, table

TWO = np.array([0, 1])


def test_a_table_without_seconds_holds_dates() -> None:
    assert table("mood", TWO, TWO).second.tolist() == [DATE, DATE]
    assert table("mood", TWO, TWO, TWO).second.tolist() == [0, 1]


def test_one_value_for_all_rows_stays_one_and_reads_as_a_column() -> None:
    one = table("mood", TWO, TWO, instrument="PHQ-9", score=3.0)
    assert one.column("instrument").tolist() == ["PHQ-9", "PHQ-9"]
    assert one.column("score").tolist() == [3.0, 3.0]
    assert one.lists(compact=True) == ({"instrument": "PHQ-9", "score": 3.0}, {})
    assert one.take(np.array([True, False])).columns["instrument"] == "PHQ-9"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("a", "a"), "a"),
        (("a", "b"), ["a", "a", "b", "b"]),
        (("a", None), ["a", "a", None, None]),
        ((1.0, None), [1.0, 1.0, None, None]),
        ((np.array([1.0, np.nan]), 2.0), [1.0, None, 2.0, 2.0]),
        ((np.array(["x", None], dtype=object), "b"), ["x", None, "b", "b"]),
        ((np.array([1.0, 2.0]), None), [1.0, 2.0, None, None]),
    ],
)
def test_columns_are_put_below_each_other(parts: tuple[object, ...], expected: object) -> None:
    tables = [
        table("mood", TWO, TWO, **({} if part is None else {"x": part}))  # type: ignore[arg-type]
        for part in parts
    ]
    same, lists = joined(tables).lists(compact=False)
    assert (same.get("x") or lists["x"]) == expected


def test_whole_numbers_lose_their_fraction_only_when_asked_and_only_together() -> None:
    def lists(*values: float, compact: bool) -> list[object]:
        return table("x", TWO, TWO, y=np.array(values)).lists(compact=compact)[1]["y"]

    assert repr(lists(1.0, np.nan, compact=True)) == "[1, None]"
    assert repr(lists(1.0, np.nan, compact=False)) == "[1.0, None]"
    assert repr(lists(1.0, 2.5, compact=True)) == "[1.0, 2.5]"


def test_a_field_without_a_value_is_left_out() -> None:
    assert table("x", TWO, TWO, form=None).lists(compact=True) == ({}, {})


def test_rows_are_taken_by_mask_or_by_number() -> None:
    one: Table = table("x", np.array([5, 6, 7]), np.array([1, 2, 3]), y=np.array([1.0, 2.0, 3.0]))
    by_mask, by_number = one.take(np.array([True, False, True])), one.take(np.array([2, 0]))
    assert (by_mask.course.tolist(), by_number.course.tolist()) == ([5, 7], [7, 5])
    assert by_number.column("y").tolist() == [3.0, 1.0]
    assert (len(one), len(by_mask)) == (3, 2)
