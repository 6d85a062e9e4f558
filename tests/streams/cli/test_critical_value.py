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
    ):
        found = printed(*options)
        assert found["critical_value"] is None
        assert found["type1"] is None
        assert "below alpha" in found["reason"] or "not above alpha" in found["reason"]


@pytest.mark.parametrize(
    "options",
    [
        ("--model", "binomial", "--horizon", "10"),
        ("--model", "binomial", "--horizon", "10.5", "--ratio", "1"),
        ("--model", "poisson", "--horizon", "10", "--ratio", "1"),
        ("--model", "gaussian", "--horizon", "10"),
    ],
)
def test_bad_usage(options: tuple[str, ...]) -> None:
    assert CliRunner().invoke(command, options).exit_code == 2
