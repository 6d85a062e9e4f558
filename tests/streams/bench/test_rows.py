"""Rows of a benchmark: the goal decides, the ratio is to what ran in the same run."""

from __future__ import annotations

import msgspec
import pytest

from streams.bench.pipeline import import_rows, live_rows
from streams.bench.rows import Row, at_least, at_most, quantile, text


def test_a_goal_is_met_at_its_bound_and_missed_beyond_it() -> None:
    assert at_least(5000, "reports/s", 5000)["met"] is True
    assert at_least(5000, "reports/s", 4999.9)["met"] is False
    assert at_most(1, "s", 1.0)["met"] is True
    assert at_most(1, "s", 1.01)["met"] is False


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_quantile_is_the_least_value_that_so_many_do_not_pass(share: float, value: int) -> None:
    assert quantile(list(range(100, 0, -1)), share) == value


def test_imports_are_held_against_the_bare_loops_beside_them() -> None:
    rate, ratio = import_rows([6000.0, 4000.0, 5000.0], [8000.0, 5000.0, 5000.0])
    assert (rate.value, rate.spread, rate.met) == (5000.0, (4000.0, 6000.0), True)
    assert rate.ratio == 1.0
    assert (ratio.value, ratio.spread, ratio.met) == (0.8, (0.75, 1.0), True)


def test_live_figures_are_quantiles_with_the_spread_over_ten_seconds_each() -> None:
    quick = [(float(i) / 10, 0.2) for i in range(100)]
    slow = [(10 + float(i) / 10, 3.0) for i in range(100)]
    p50, p99, records = live_rows([*quick, *slow])
    assert (p50.value, p50.spread, p50.met) == (0.2, (0.2, 3.0), None)
    assert (p99.value, p99.goal, p99.met) == (3.0, "<= 1 s", False)
    assert records.value == 200


def test_a_row_as_json_has_the_fields_of_the_contract() -> None:
    row = Row("import", 5100.0, "reports/s", "a bare loop", 0.8, (5000.0, 5200.0), ">= 5000", True)
    assert list(msgspec.to_builtins(row)) == [
        "name",
        "value",
        "unit",
        "against",
        "ratio",
        "spread",
        "goal",
        "met",
    ]
    assert "ratio 0.80" in text(row)
    assert "met" in text(row)
