"""How computed: the steps shown are those of a calculation by hand, and agree with the store."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.board.computed import explained
from detectors.disproportionality import ebgm
from detectors.disproportionality.gps import Prior
from detectors.disproportionality.table import PairTable, score

# DuMouchel's first example
PRIOR = Prior(0.2, 0.1, 2, 4, 1 / 3)


def scored(n: int, n_product: int, n_event: int, n_total: int) -> dict[str, Any]:
    counts = {"n": n, "n_product": n_product, "n_event": n_event, "n_total": n_total}
    table = PairTable.of(["A"], ["x"], **{name: [value] for name, value in counts.items()})
    given = {"ebgm": ebgm.Parameters(prior=PRIOR)}
    scores = score(table) | score(table, (ebgm.METHOD,), given)
    columns = {name: float(values[0]) for name, values in scores.items()}
    return counts | {name: None if np.isnan(v) else v for name, v in columns.items()}


def steps(row: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    return {statistic.name: statistic.steps for statistic in explained(row, PRIOR)}


def test_each_step_is_the_one_worked_out_by_hand() -> None:
    # a = 8, b = 24, c = 32, d = 9936; 0.25 / (32/9968) = 77.875; 8 * 9936 / (24 * 32) = 103.5
    shown = steps(scored(8, 32, 40, 10_000))
    assert shown["expected"] == ("E = (a + b)(a + c) / N", "= 32 × 40 / 10000 = 0.128")
    assert shown["prr"] == (
        "PRR = (a / (a + b)) / (c / (c + d))",
        "= (8 / 32) / (32 / 9968) = 77.88",
        "s = √(1/8 − 1/32 + 1/32 − 1/9968) = 0.3534",
        "95 % limits = PRR × e^(±1.959964 × s) = 38.96 to 155.7",
    )
    assert shown["ror"][1:3] == (
        "= 8 × 9936 / (24 × 32) = 103.5",
        "s = √(1/8 + 1/24 + 1/32 + 1/9936) = 0.445",
    )
    assert shown["rrr"][1] == "= 8 / 0.128 = 62.5"
    # 8 * 9936 - 24 * 32 = 78720; less 5000 for Yates
    assert shown["chi2"][1] == "= 10000 × (78720)² / (32 × 9968 × 40 × 9960) = 487.6"
    assert shown["chi2_yates"][1] == "= 10000 × (78720 − 5000)² / (32 × 9968 × 40 × 9960) = 427.7"
    # log2(8.5 / 0.628) = 3.7586
    assert shown["ic"][1] == "= log2(8.5 / 0.628) = 3.759"
    assert shown["fisher_p"][0] == "p = P(X ≥ 8), one-sided"


def test_ebgm_is_worked_out_from_the_prior_of_its_checkpoint() -> None:
    # n = 8, E = 0.128; by hand: psi(8.2) - ln(0.228) = 2.0418 + 1.4784 = 3.5202, and
    # psi(10) - ln(4.128) = 2.2518 - 1.4178 = 0.8340
    shown = steps(scored(8, 32, 40, 10_000))["ebgm"]
    assert "3.52 + " in shown[1]
    assert "0.834)" in shown[1]
    assert "α1 = 0.2, β1 = 0.1, α2 = 2, β2 = 4, P = 0.3333" in shown[2]
    none = {s.name: s.steps for s in explained(scored(8, 32, 40, 10_000))}["ebgm"]
    assert none[-1] == "not defined: no prior was fitted at the checkpoint before"


@given(st.integers(0, 60), st.integers(0, 200), st.integers(0, 200), st.integers(0, 100_000))
def test_the_last_number_of_the_steps_is_the_stored_value(a: int, b: int, c: int, d: int) -> None:
    row = scored(a, a + b, a + c, a + b + c + d)
    for statistic in explained(row, PRIOR):
        text = " ".join(statistic.steps)
        if statistic.name.startswith("fisher"):
            continue
        if statistic.value is None:
            assert "not defined" in text, statistic
            continue
        line = statistic.steps[1].split(",")[0]
        assert close(line.rpartition("= ")[2], statistic.value), statistic
        if statistic.lower is not None and statistic.upper is not None:
            low, high = re.split(" to ", statistic.steps[-1].rpartition("= ")[2])
            assert close(low, statistic.lower), statistic
            assert close(high, statistic.upper), statistic


def close(shown: str, value: float) -> bool:
    return math.isclose(float(shown), value, rel_tol=6e-4, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("counts", "name", "why"),
    [
        (
            (3, 10, 3, 100),
            "prr",
            "not defined: no other product has the event, or a group is empty",
        ),
        ((3, 3, 5, 100), "ror", "not defined: b or c is 0"),
        ((0, 0, 5, 100), "rrr", "not defined: E is 0"),
        ((10, 10, 100, 100), "chi2", "not defined: a margin is 0"),
        ((0, 0, 0, 0), "ic", "not defined: E is not"),
        ((0, 0, 0, 0), "ebgm", "not defined: E is not"),
    ],
)
def test_what_cannot_be_computed_says_why(
    counts: tuple[int, int, int, int], name: str, why: str
) -> None:
    row = scored(*counts)
    assert row[name] is None
    assert steps(row)[name][-1] == why


def test_limits_that_are_not_there_are_not_shown() -> None:
    shown = steps(scored(0, 10, 5, 100))
    assert shown["prr"][-1] == "no limits: n is 0"
    assert shown["ror"][-1] == "no limits: a cell is 0"
