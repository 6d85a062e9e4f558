"""Poisson maxSPRT against Sequential 4.5.1, and its error against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.sequential.maxsprt_poisson import critical_value, crossing, llr, type1
from schemas.errors import InputError
from tests.detectors.shared import rows


def test_published_critical_values() -> None:
    found = list(rows("reference/detectors/maxsprt_poisson_critical_values.csv.gz"))
    assert len(found) == 14
    for row in found:
        assert row["D"] == "0"
        limit = critical_value(float(row["T"]), float(row["alpha"]), int(row["M"]))
        assert limit.critical_value == pytest.approx(float(row["cv"]), abs=1e-6)
        assert limit.type1 == pytest.approx(float(row["alpha"]), abs=1e-10)


def test_a_crossing_is_where_the_ratio_is_the_critical_value() -> None:
    n = np.array([1, 4, 60, 900])
    time = crossing(n, 3.5)
    assert (time < n).all()
    np.testing.assert_allclose(llr(n, time), 3.5, rtol=1e-9)


def test_the_error_is_that_of_simulated_processes() -> None:
    rng = np.random.default_rng(4)
    horizon, cv, runs = 8.0, 2.5, 20_000
    arrivals = np.cumsum(rng.exponential(size=(runs, 40)), axis=1)
    n = np.arange(1, 41)
    signals = (llr(n, arrivals) >= cv) & (arrivals <= horizon) & (n >= 2)
    seen = signals.any(axis=1).mean()
    assert seen == pytest.approx(type1(cv, horizon, 2), abs=4 * np.sqrt(0.1 / runs))


@pytest.mark.parametrize("min_events", [5, 1_000])
def test_what_cannot_be_attained_is_said(min_events: int) -> None:
    limit = critical_value(1, min_events=min_events)
    assert limit.critical_value is None
    assert limit.type1 is None
    assert limit.reason is not None


@pytest.mark.parametrize(
    ("horizon", "alpha", "min_events"),
    [(0, 0.05, 1), (10, 0, 1), (10, 1, 1), (10, 0.05, 0), (1e6, 0.05, 1), (float("nan"), 0.05, 1)],
)
def test_bad_parameters(horizon: float, alpha: float, min_events: int) -> None:
    with pytest.raises(InputError) as caught:
        critical_value(horizon, alpha, min_events)
    assert caught.value.code == "bad_parameter"
