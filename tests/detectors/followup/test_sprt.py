"""Runs of maxSPRT over days: how each ends, by hand, and how often they signal falsely."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from detectors.followup.sprt import Run, binomial, poisson
from detectors.sequential import maxsprt_binomial, maxsprt_poisson
from schemas.errors import InputError
from tests.detectors.sequential.alarms import lower_limit


def told(runs: tuple[Run, ...]) -> list[tuple[int, int, str]]:
    return [(run.first, run.last, run.end) for run in runs]


POISSON: dict[str, Any] = {"horizon": 2.0, "alpha": 0.05, "min_events": 2}


def test_a_run_ends_at_the_last_look_before_its_horizon() -> None:
    """Half an expected event a day: looks at .5, 1, 1.5 and 2, which is the horizon."""
    n = [0, 1, 0, 0, 1, 0, 0]
    assert told(poisson(n, [0.5] * 7, **POISSON)) == [(0, 3, "no signal"), (4, 6, "running")]
    assert told(poisson(n[:4], [0.5] * 4, **POISSON)) == [(0, 3, "no signal")]
    # .6 a day: the fourth look would be at 2.4 and opens the next run
    assert told(poisson(n, [0.6] * 7, **POISSON)) == [
        (0, 2, "no signal"), (3, 5, "no signal"), (6, 6, "running"),
    ]  # fmt: skip


def test_a_signal_by_hand() -> None:
    """The critical value for T = 2 with two events or more is 2.8; LLR(4, .5) = 4 log 8 - 3.5."""
    value = maxsprt_poisson.critical_value(2, 0.05, 2).critical_value
    assert value is not None
    assert value < 4 * np.log(8) - 3.5
    (run,) = poisson([4, 0, 0], [0.5, 0.5, 0.5], **POISSON)
    assert (run.end, run.last, run.n, run.expected) == ("signal", 0, 4, 0.5)
    assert run.llr == pytest.approx(4 * np.log(8) - 3.5)
    assert run.critical_value == value


def test_fewer_than_the_minimum_do_not_signal() -> None:
    (run,) = poisson([1, 0], [0.001, 0.001], **POISSON)
    assert run.llr > run.critical_value > 0  # type: ignore[operator]
    assert run.end == "running"
    (run,) = poisson([1, 0], [0.001, 0.001], **POISSON | {"min_events": 1})
    assert run.end == "signal"


def test_events_where_none_can_be_expected_do_not_signal() -> None:
    (run,) = poisson([9, 0], [0.0, 0.0], **POISSON)
    assert (run.end, run.llr) == ("running", 0.0)


def test_one_day_longer_than_the_horizon_is_not_looked_at() -> None:
    assert told(poisson([90, 0], [3.0, 0.5], **POISSON)) == [
        (0, 0, "no signal"), (1, 1, "running"),
    ]  # fmt: skip


def test_a_test_that_cannot_signal_says_why() -> None:
    (run,) = poisson([1, 2], [0.1, 0.1], horizon=0.5, alpha=0.05, min_events=5)
    assert (run.end, run.critical_value) == ("impossible", None)
    assert run.reason == (
        "with 5 events or more by then, the error is 0.000172 at the most, below alpha"
    )
    (run,) = binomial([1], [0], ratio=1, horizon=3, alpha=0.05, min_events=1)
    assert run.end == "impossible"
    assert run.reason


def test_binomial_runs_by_hand() -> None:
    """Horizon 10, ratio 1: five of five, or seven of eight signal; see the boundary."""
    _, fewest = maxsprt_binomial.critical_value(10, 1, 0.05)
    assert fewest[4] == 5
    test: dict[str, Any] = {"ratio": 1.0, "horizon": 10, "alpha": 0.05, "min_events": 1}
    (run,) = binomial([2, 2, 1], [0, 0, 0], **test)
    assert (run.end, run.last, run.n, run.expected) == ("signal", 2, 5, 2.5)
    assert run.llr == pytest.approx(5 * np.log(2))
    (run,) = binomial([2, 2, 0], [0, 0, 1], **test)
    assert run.end == "running"
    # ten events end it, also when there are no more days
    assert told(binomial([5], [5], **test)) == [(0, 0, "no signal")]
    assert told(binomial([5, 1, 2], [4, 1, 0], **test)) == [
        (0, 0, "no signal"), (1, 2, "running"),
    ]  # fmt: skip
    assert told(binomial([11], [0], **test)) == [(0, 0, "no signal")]


def test_no_days_are_no_run() -> None:
    assert poisson([], [], **POISSON) == ()


def test_runs_are_over_days_alone() -> None:
    with pytest.raises(InputError) as error:
        poisson([[1]], [[1]], **POISSON)
    assert error.value.code == "bad_shape"


@pytest.mark.parametrize(("per_day", "seed"), [(0.05, 1), (1.5, 2)])
def test_a_poisson_run_signals_falsely_no_more_often_than_alpha(per_day: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    days = int(10 / per_day)
    expected = np.full(days, per_day)
    found = np.array(
        [
            poisson(row, expected, horizon=10, alpha=0.05, min_events=3)[0].end == "signal"
            for row in rng.poisson(per_day, (600, days))
        ]
    )
    assert lower_limit(found) <= 0.05


def test_a_binomial_run_signals_falsely_no_more_often_than_alpha() -> None:
    rng = np.random.default_rng(3)
    every = rng.integers(0, 3, (600, 60))
    cases = rng.binomial(every, 1 / 3.5)
    found = np.array(
        [
            binomial(a, b - a, ratio=2.5, horizon=40, alpha=0.05, min_events=3)[0].end == "signal"
            for a, b in zip(cases, every, strict=True)
        ]
    )
    assert lower_limit(found) <= 0.05


def test_harm_is_found() -> None:
    rng = np.random.default_rng(4)
    runs = [
        poisson(rng.poisson(0.3, 100), np.full(100, 0.1), horizon=10, alpha=0.05, min_events=3)
        for _ in range(100)
    ]
    assert np.mean([run[0].end == "signal" for run in runs]) > 0.95
