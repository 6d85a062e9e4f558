"""Binomial maxSPRT against Sequential 4.5.1, and its error against every path."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from detectors.sequential.maxsprt_binomial import boundary, critical_value, llr, type1
from schemas.errors import InputError
from tests.detectors.shared import rows

TIED = ("100", "3", "1")


def test_published_critical_values() -> None:
    found = list(rows("reference/detectors/maxsprt_binomial_critical_values.csv.gz"))
    assert len(found) == 40
    for row in found:
        horizon, ratio, least = int(row["N"]), float(row["z"]), int(row["M"])
        limit, limits = critical_value(horizon, ratio, float(row["alpha"]), least)
        if row["cv"] == "NA":
            assert limit.critical_value is None
            assert limit.reason is not None
            continue
        # printed with five decimals, rounded up, so that the tie itself is no signal
        assert limit.critical_value == pytest.approx(float(row["cv"]), abs=1e-5)
        assert limit.critical_value is not None
        assert limit.critical_value < float(row["cv"])
        np.testing.assert_array_equal(boundary(float(row["cv"]), horizon, ratio, least), limits)
        if (row["N"], row["z"], row["M"]) != TIED:
            assert limit.type1 == pytest.approx(float(row["type1"]), abs=1e-9)


def test_where_sequential_is_wrong() -> None:
    """At N = 100, z = 3, M = 1 two outcomes have the critical value itself: 12 log(4/3).

    They are 12 cases of 24 events and 6 of 9. Sequential calls one of the two above it, by the
    rounding of its logarithms, and so prints the error of a test that signals at 12 of 24 and not
    at 6 of 9 although both have the same ratio. Neither is above 3.45219, the value it prints.
    """
    row = next(
        row
        for row in rows("reference/detectors/maxsprt_binomial_critical_values.csv.gz")
        if (row["N"], row["z"], row["M"]) == TIED
    )
    exact = 12 * np.log(4 / 3)
    assert llr([12, 6], [24, 9], 3) == pytest.approx(exact, rel=1e-14)
    limits = boundary(float(row["cv"]), 100, 3)
    assert type1(limits, 3) == pytest.approx(0.0480325775, abs=1e-9)
    one_of_two = limits.copy()
    one_of_two[24 - 1] = 12
    assert type1(one_of_two, 3) == pytest.approx(float(row["type1"]), abs=1e-9)


def test_a_tie_is_no_signal() -> None:
    limit, limits = critical_value(10, 1)
    assert limit.critical_value == pytest.approx(4 * np.log(2), rel=1e-14)
    assert limits[3] == 5  # four of four have the critical value itself
    assert type1(boundary(4 * np.log(2) - 1e-6, 10, 1), 1) == pytest.approx(0.0703125)


@pytest.mark.parametrize(("ratio", "least"), [(1.0, 1), (3.0, 2), (0.5, 3)])
def test_the_error_is_that_of_all_paths(ratio: float, least: int) -> None:
    horizon, p = 9, 1 / (1 + ratio)
    limits = boundary(1.3, horizon, ratio, least)
    total = 0.0
    for path in product((0, 1), repeat=horizon):
        cases = np.cumsum(path)
        if (cases >= limits).any():
            total += p ** sum(path) * (1 - p) ** (horizon - sum(path))
    assert type1(limits, ratio) == pytest.approx(total, rel=1e-12)


def test_bad_parameters() -> None:
    for ratio in (0, -1, float("inf"), float("nan")):
        with pytest.raises(InputError):
            critical_value(10, ratio)
    with pytest.raises(InputError):
        critical_value(0, 1)


def test_what_cannot_be_attained_is_said() -> None:
    limit, limits = critical_value(3, 1)
    assert limit.critical_value is None
    assert limit.reason == "not even cases alone are improbable enough by then"
    assert limits.size == 0
