"""The screening rules and the language they are written in."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.disproportionality.table import PairTable, score
from detectors.rules import holds, read
from schemas.errors import InputError


def rule(condition: str, name: str = "r") -> str:
    return (
        f'[[rule]]\nname = "{name}"\ntitle = "t"\nsource = "s"\nconditions = [{{ {condition} }}]\n'
    )


def test_the_rules_that_ship() -> None:
    rules = {r.name: r for r in read()}
    assert list(rules) == ["ic025", "eb05", "evans_prr", "ror025"]
    assert all(r.source and r.title for r in rules.values())
    assert rules["evans_prr"].columns == {"prr", "chi2_yates", "n"}


def test_they_hold_where_they_say() -> None:
    # 3 of 10 against 10 of 990; 2 of 10; 3 as expected; and one whose PRR has no value
    table = PairTable.of(
        "ABCD",
        "xxxx",
        n=[3, 2, 3, 3],
        n_product=[10, 10, 100, 10],
        n_event=[13, 12, 30, 3],
        n_total=[1000] * 4,
    )
    columns = table.counts | score(table)
    held = {name: rows.tolist() for name, rows in holds(read(), columns).items()}
    assert held == {
        "ic025": [True, False, False, True],
        "eb05": [False] * 4,
        "evans_prr": [True, False, False, False],
        "ror025": [True, False, False, False],
    }
    available = {r.name: r.available(columns) for r in read()}
    assert available == {"ic025": True, "eb05": False, "evans_prr": True, "ror025": True}


def test_eb05_is_available_once_it_is_computed() -> None:
    held = holds(read(), {"eb05": np.array([1.99, 2.0, np.nan])})
    assert held["eb05"].tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (">", [False, False, True]),
        (">=", [False, True, True]),
        ("<", [True, False, False]),
        ("<=", [True, True, False]),
    ],
)
def test_operators(op: str, expected: list[bool]) -> None:
    (own,) = read(rule(f'column = "n", op = "{op}", value = 2'))
    assert holds([own], {"n": np.array([1, 2, 3])})["r"].tolist() == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not toml", "bad_rules"),
        ("", "bad_rules"),
        ("rule = 3", "bad_rules"),
        ('[[rule]]\nname = "r"\ntitle = "t"\nsource = "s"\nconditions = []\n', "bad_rules"),
        (rule('column = "n", op = ">", value = "many"'), "bad_rules"),
        (rule('column = "n", op = ">"'), "bad_rules"),
        (rule('column = "n", op = ">", value = 1') * 2, "bad_rules"),
        (rule('column = "prrr", op = ">", value = 1'), "unknown_column"),
        (rule('column = "n", op = "==", value = 1'), "unknown_operator"),
    ],
)
def test_a_file_that_nothing_can_decide_is_refused(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert caught.value.code == code
