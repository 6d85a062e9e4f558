"""The driver: goldens worked out by hand, checks, and the order of columns and rows."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.disproportionality import prr
from detectors.disproportionality.table import BLOCK, PairTable, score
from schemas.errors import InputError


def one(n: int, product: int, event: int, total: int) -> dict[str, float]:
    table = PairTable.of(["P"], ["e"], n=[n], n_product=[product], n_event=[event], n_total=[total])
    return {name: float(values[0]) for name, values in score(table).items()}


def test_columns_stand_in_the_order_of_the_contract() -> None:
    assert (
        list(one(1, 2, 3, 9))
        == (
            "expected prr prr_lower prr_upper ror ror_lower ror_upper rrr chi2 chi2_yates "
            "fisher_p fisher_mid_p ic ic025 ic975"
        ).split()
    )


def test_a_table_worked_out_by_hand() -> None:
    # a 4, b 6, c 10, d 80
    row = one(4, 10, 14, 100)
    assert row["expected"] == pytest.approx(10 * 14 / 100)
    assert row["rrr"] == pytest.approx(4 / 1.4)
    assert row["prr"] == pytest.approx((4 / 10) / (10 / 90))
    s = (1 / 4 - 1 / 10 + 1 / 10 - 1 / 90) ** 0.5
    assert row["prr_lower"] == pytest.approx(3.6 * np.exp(-1.959963984540054 * s))
    assert row["prr_upper"] == pytest.approx(3.6 * np.exp(1.959963984540054 * s))
    assert row["ror"] == pytest.approx(4 * 80 / (6 * 10))
    s = (1 / 4 + 1 / 6 + 1 / 10 + 1 / 80) ** 0.5
    assert row["ror_lower"] == pytest.approx(320 / 60 * np.exp(-1.959963984540054 * s))
    assert row["chi2"] == pytest.approx(100 * (320 - 60) ** 2 / (10 * 90 * 14 * 86))
    assert row["chi2_yates"] == pytest.approx(100 * (260 - 50) ** 2 / (10 * 90 * 14 * 86))
    assert row["ic"] == pytest.approx(np.log2(4.5 / 1.9))


def empty(row: dict[str, float]) -> set[str]:
    return {name for name, value in row.items() if np.isnan(value)}


def test_what_cannot_be_computed_is_empty() -> None:
    # every report of the event is of the product: no background rate
    assert empty(one(3, 5, 3, 10)) == {
        "prr", "prr_lower", "prr_upper", "ror", "ror_lower", "ror_upper",
    }  # fmt: skip
    # every report of the product has the event: PRR stands, the odds do not
    assert empty(one(3, 3, 5, 10)) == {"ror", "ror_lower", "ror_upper"}
    # none seen: estimates are 0, and have no limits on the log scale
    assert empty(one(0, 3, 5, 10)) == {"prr_lower", "prr_upper", "ror_lower", "ror_upper"}
    assert empty(one(0, 0, 0, 0)) == set(one(0, 0, 0, 0)) - {"fisher_p", "fisher_mid_p"}


def test_impossible_counts_are_refused() -> None:
    for counts in [(3, 2, 5, 9), (3, 5, 2, 9), (-1, 5, 5, 9), (1, 10, 2, 9), (0, 5, 5, 9)]:
        with pytest.raises(InputError, match="row 1: no 2x2 table") as caught:
            one(*counts)
        assert caught.value.code == "impossible_counts"


def test_a_pair_that_stands_twice_is_refused() -> None:
    with pytest.raises(InputError, match="P with e stands twice") as caught:
        PairTable.of(
            ["P", "P"], ["e", "e"], n=[1, 1], n_product=[2, 2], n_event=[2, 2], n_total=[9, 9]
        )
    assert caught.value.code == "duplicate_pair"


def test_rows_are_sorted_by_code_point() -> None:
    names = ["b", "B", "é", "A B", "A", "Z"]
    table = PairTable.of(
        names, ["x"] * 6, n=[1] * 6, n_product=[2] * 6, n_event=[6] * 6, n_total=[12] * 6
    )
    assert list(table.product) == sorted(names)


def test_blocks_change_nothing() -> None:
    size = 2 * BLOCK + 17
    rng = np.random.default_rng(7)
    n = rng.geometric(0.4, size)
    names = np.full(size, "", dtype=object)
    product, event = n + rng.integers(0, 5_000, size), n + rng.integers(0, 5_000, size)
    table = PairTable(names, names, n, product, event, np.full(size, 400_000))
    whole = score(table)
    for rows in (slice(0, 5), slice(BLOCK - 3, BLOCK + 4), slice(size - 9, size)):
        for name, values in score(table.rows(rows)).items():
            assert values.tobytes() == whole[name][rows].tobytes(), name


def test_parameters_replace_a_methods_own() -> None:
    table = PairTable.of(["P"], ["e"], n=[4], n_product=[10], n_event=[14], n_total=[100])
    wide, narrow = score(table), score(table, [prr.METHOD], {"prr": prr.Parameters(level=0.9)})
    assert list(narrow) == ["expected", "prr", "prr_lower", "prr_upper"]
    assert narrow["prr_lower"][0] > wide["prr_lower"][0]
