"""Screening rules: conditions on the columns of a score, read from `rules.toml` or a user's file.

A rule is a list of comparisons of a column with a number, all of which must hold; nothing in a
file is ever evaluated as code.
"""

from __future__ import annotations

import operator
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.disproportionality import PRINTED
from schemas.errors import InputError

COUNTS = ("n", "n_product", "n_event", "n_total")
COLUMNS = frozenset(
    (*COUNTS, "expected", *(column for method in PRINTED for column in method.columns))
)

Comparison = Callable[[Any, float], Any]
OPERATORS: dict[str, Comparison] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """`column op value`."""

    column: str
    op: str
    value: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule, what it says in words, where it comes from, and its conditions."""

    name: str
    title: str
    source: str
    conditions: tuple[Condition, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it reads."""
        return frozenset(condition.column for condition in self.conditions)

    def available(self, columns: Iterable[str]) -> bool:
        """Whether everything it reads was computed."""
        return self.columns <= set(columns)


def read(text: str | None = None) -> tuple[Rule, ...]:
    """The rules of a TOML text; without one, those that ship with the package.

    InputError `bad_rules` for what is not a list of rules, `unknown_column` and
    `unknown_operator` for a condition that nothing can decide.

    >>> [rule.name for rule in read()]
    ['ic025', 'eb05', 'evans_prr', 'ror025']
    """
    if text is None:
        text = files("detectors").joinpath("rules.toml").read_text(encoding="utf-8")
    try:
        rules = tuple(_rule(entry) for entry in tomllib.loads(text)["rule"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("bad_rules", f"not a file of rules: {error!r}") from error
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise InputError("bad_rules", "two rules have the same name")
    return rules


def holds(
    rules: Iterable[Rule], columns: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[np.bool_]]:
    """For each rule, the rows on which it holds.

    `columns` are arrays of one length: the four counts and what `score` gives. NaN never holds,
    and neither does a rule that is not available: ask `Rule.available` which it was.

    >>> held = holds(read(), {"ic025": np.array([0.1, 0.1, np.nan]), "n": np.array([3, 2, 3])})
    >>> held["ic025"].tolist(), held["eb05"].tolist()
    ([True, False, False], [False, False, False])
    """
    size = len(next(iter(columns.values())))
    out = {}
    for rule in rules:
        rows = np.full(size, rule.available(columns))
        if rows.any():
            for condition in rule.conditions:
                rows &= OPERATORS[condition.op](columns[condition.column], condition.value)
        out[rule.name] = rows
    return out


def _rule(entry: dict[str, Any]) -> Rule:
    conditions = tuple(_condition(entry["name"], c) for c in entry["conditions"])
    if not conditions:
        raise ValueError(f"rule {entry['name']} has no conditions")
    return Rule(str(entry["name"]), str(entry["title"]), str(entry["source"]), conditions)


def _condition(rule: str, entry: dict[str, Any]) -> Condition:
    condition = Condition(str(entry["column"]), str(entry["op"]), float(entry["value"]))
    if condition.column not in COLUMNS:
        raise InputError("unknown_column", f"rule {rule}: there is no column {condition.column!r}")
    if condition.op not in OPERATORS:
        raise InputError(
            "unknown_operator",
            f"rule {rule}: {condition.op!r} is none of {' '.join(OPERATORS)}",
        )
    return condition
