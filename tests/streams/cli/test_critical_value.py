"""`ketavigil critical-value`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from streams.cli.critical_value import command


def printed(*options: str) -> Any:
    return json.loads(CliRunner().invoke(command, options, catch_exceptions=False).stdout)


def test_poisson() -> None:
    found = printed("--model", "poisson", "--horizon", "20", "--alpha", "0.05", "--min-events", "3")
    assert found == {
        "critical_value": pytest.approx(3.28821566346814, abs=1e-6),
        "type1": pytest.approx(0.05, abs=1e-9),
    }


def test_binomial() -> None:
    found = printed("--model", "binomial", "--horizon", "10", "--ratio", "1")
    assert found["critical_value"] == pytest.approx(2.772588722)
    assert found["type1"] == pytest.approx(0.041015625, abs=1e-12)
    assert found["boundary"] == [None, None, None, None, 5, 6, 7, 8, 8, 9]


def test_what_is_unattainable_is_null_with_a_reason() -> None:
    for options in (
        ("--model", "poisson", "--horizon", "1", "--min-events", "9"),
        ("--model", "binomial", "--horizon", "10", "--ratio", "9", "--min-events", "4"),
        ("--model", "poisson", "--looks", "0.5,1", "--min-events", "9"),
        (
            "--model",
            "conditional",
            "--horizon",
            "0.1",
            "--stop",
            "exposure",
            "--min-events",
            "12",
            "--background-events",
            "20",
        ),
    ):
        found = printed(*options)
        assert found["critical_value"] is None
        assert found["type1"] is None
        assert "below alpha" in found["reason"] or "not above alpha" in found["reason"]


def test_looks_at_given_times_have_a_boundary_of_counts() -> None:
    # the example of Sequential's manual, and one that it prints
    found = printed("--model", "poisson", "--looks", "5,11,17,22,30")
    assert found["boundary"] == [11, 19, 27, 33, 43]
    assert found["type1"] <= 0.05
    found = printed("--model", "binomial", "--looks", "5,10,15,20,25", "--ratio", "3.5")
    assert found["type1"] == pytest.approx(0.04775995, abs=1e-8)
    at = {n: count for n, count in enumerate(found["boundary"], 1) if count is not None}
    assert sorted(at) == [5, 10, 15, 20, 25]
    # the same with the horizon said
    assert found == printed(
        "--model", "binomial", "--looks", "5,10,15,20,25", "--ratio", "3.5", "--horizon", "25"
    )


def test_conditional() -> None:
    options = ("--model", "conditional", "--background-events", "20", "--min-events", "2")
    published = printed(*options, "--horizon", "20", "--period", "event")
    assert published == {
        "critical_value": pytest.approx(3.053029, abs=1e-6),
        "type1": pytest.approx(0.05, abs=1e-9),
    }
    fixed = printed(*options, "--horizon", "20")
    assert fixed["critical_value"] == pytest.approx(3.252705, abs=1e-6)
    by_time = printed(*options, "--horizon", "0.5", "--stop", "exposure")
    assert by_time["critical_value"] == pytest.approx(3.281862, abs=1e-6)
    looked = printed(*options, "--looks", "0.25,0.5")
    assert len(looked["boundary"]) == 2
    assert looked["critical_value"] < by_time["critical_value"]


@pytest.mark.parametrize(
    "options",
    [
        ("--model", "poisson"),
        ("--model", "poisson", "--looks", "1,two"),
        ("--model", "poisson", "--looks", "1,2", "--horizon", "3"),
        ("--model", "poisson", "--horizon", "3", "--background-events", "5"),
        ("--model", "poisson", "--horizon", "3", "--stop", "events"),
        ("--model", "conditional", "--horizon", "3"),
        (
            "--model",
            "conditional",
            "--looks",
            "1,2",
            "--background-events",
            "5",
            "--stop",
            "events",
        ),
        ("--model", "binomial", "--looks", "1.5,3", "--ratio", "1"),
        ("--model", "binomial", "--horizon", "10"),
        ("--model", "binomial", "--horizon", "10.5", "--ratio", "1"),
        ("--model", "poisson", "--horizon", "10", "--ratio", "1"),
        ("--model", "gaussian", "--horizon", "10"),
    ],
)
def test_bad_usage(options: tuple[str, ...]) -> None:
    assert CliRunner().invoke(command, options).exit_code == 2
