"""The threat model: each threat names the tests that cover it, and each test is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/threats.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| threat |"))
]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", TEXT)))


@cache
def _tests(path: str) -> frozenset[str]:
    """The tests of a file, with those of its classes."""
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
    )


@pytest.mark.parametrize("name", NAMED)
def test_each_test_that_is_named_is_there(name: str) -> None:
    path, _, function = name.partition("::")
    assert function in _tests(path)


def test_each_threat_says_what_stands_against_it_and_names_a_test() -> None:
    assert len(ROWS) > 30
    for row in ROWS:
        assert len(row) == 3, row
        assert all(row), row
        assert re.findall(r"`([\w/]+\.py::\w+)`", row[2]), row[0]


def test_the_check_can_fail() -> None:
    assert "test_that_nobody_wrote" not in _tests("test_threats.py")
