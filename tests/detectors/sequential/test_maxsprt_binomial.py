"""Binomial maxSPRT against Sequential 4.5.1, and its error against every path."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from detectors.disproportionality.method import Floats
from detectors.sequential.maxsprt_binomial import (
    Look,
    Parameters,
    Reference,
    batch,
    boundary,
    critical_value,
    maxsprt_binomial,
    start,
    step,
    type1,
)
from schemas.errors import InputError
from tests.detectors.sequential.alarms import ALPHA, LOOKS, RUNS, lower_limit
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
    assert maxsprt_binomial([12, 6], [24, 9], 3) == pytest.approx(exact, rel=1e-14)
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


def test_published_values_at_looks() -> None:
    """The two examples of Sequential's manual: every fifth event, and four looks of their own."""
    limit, cases = critical_value(25, 3.5, looks=range(5, 26, 5))
    assert limit.critical_value == pytest.approx(1.9852, abs=1e-4)
    assert limit.type1 == pytest.approx(0.04775995, abs=1e-8)
    assert np.flatnonzero(cases <= np.arange(1, 26)).tolist() == [4, 9, 14, 19, 24]
    limit, _ = critical_value(50, 3.5, looks=[10, 20, 35, 50])
    assert limit.critical_value == pytest.approx(1.99202, abs=1e-5)


def test_the_error_at_looks_is_that_of_all_paths() -> None:
    limits = boundary(1.3, 9, 1.0, 1, [3, 7, 9])
    total = 0.0
    for path in product((0, 1), repeat=9):
        cases = np.cumsum(path)
        if (cases[[2, 6, 8]] >= limits[[2, 6, 8]]).any():
            total += 2.0**-9
    assert type1(limits, 1.0) == pytest.approx(total, rel=1e-12)


def test_the_last_look_is_the_horizon() -> None:
    for looks in ([5, 9], [5, 5, 10], [], [10, 5]):
        with pytest.raises(InputError) as caught:
            critical_value(10, 1, looks=looks)
        assert caught.value.code == "bad_parameter"


def simulate(ratio: float, seed: int, parameters: Parameters | None = None) -> Floats:
    """Which runs signalled; three controls for each exposed, ending at 100 events."""
    rng = np.random.default_rng(seed)
    looks = Look(
        rng.poisson(ratio * 0.3, (LOOKS, RUNS)).astype(float),
        rng.poisson(0.9, (LOOKS, RUNS)).astype(float),
    )
    one = np.ones(RUNS)
    found = batch(Reference(100 * one, 3 * one), looks, parameters or Parameters())
    out: Floats = found.signal[-1]
    return out


@pytest.mark.parametrize(("ratio", "margin"), [(1.0, 1.0), (1.0, 1.25), (1.25, 1.25)])
def test_false_alarms_ever(ratio: float, margin: float) -> None:
    assert lower_limit(simulate(ratio, 42, Parameters(margin)) > 0) <= ALPHA


def test_detection_and_silence() -> None:
    assert simulate(4.0, 43).mean() > 0.8
    assert simulate(0.5, 44).mean() < 0.001


def test_a_look_that_passes_the_horizon_counts_what_must_have_come_by_then() -> None:
    reference = Reference(np.array([10.0] * 3), np.array([1.0] * 3))
    # 12 cases of 13: of the first 10 at least 9; 9 of 15: at least 4; 10 at once, then 90 more
    looks = Look(np.array([[12.0, 9, 4], [0, 0, 90]]), np.array([[1.0, 6, 6], [0, 0, 0]]))
    found = batch(reference, looks, Parameters(margin=1.0))
    assert found.signal.tolist() == [[1, 0, 0], [1, 0, 0]]
    assert found.open.tolist() == [[0, 0, 0], [0, 0, 0]]
    alone = maxsprt_binomial([12, 9, 4], [13, 15, 10], 1)
    np.testing.assert_array_equal(found.llr[0], alone)


def test_too_few_cases_do_not_signal_and_an_unattainable_test_is_never_open() -> None:
    look = Look(np.array([8.0]), np.array([0.0]))
    for least, signal, open_ in ((8, 1, 0), (9, 0, 1), (21, 0, 0)):
        parameters = Parameters(min_events=least)
        before = start(Reference(np.array([20.0]), np.array([3.0])), parameters)
        _, finding = step(before, look, parameters)
        assert (finding.signal.tolist(), finding.open.tolist()) == ([signal], [open_])


def test_a_test_without_end_or_controls_is_refused() -> None:
    for horizon, ratio in ((0.0, 1.0), (0.5, 1.0), (np.inf, 1.0), (10.0, 0.0)):
        with pytest.raises(InputError):
            start(Reference(np.array([horizon]), np.array([ratio])))
