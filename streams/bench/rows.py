"""Rows that a benchmark prints."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One figure; not a number (null as JSON) where it is not estimable.

    `against` says what `ratio` is to; `spread` is the least and the greatest of the repeats;
    `met` is None where there is no goal.
    """

    name: str
    value: float
    unit: str
    against: str | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    goal: str | None = None
    met: bool | None = None


def at_least(goal: float, unit: str, value: float) -> dict[str, Any]:
    """A goal that a value must reach.

    >>> at_least(0.7, "", 0.8)
    {'goal': '>= 0.7', 'met': True}
    """
    return {"goal": f">= {goal:g} {unit}".strip(), "met": value >= goal}


def at_most(goal: float, unit: str, value: float) -> dict[str, Any]:
    """A goal that a value must not pass."""
    return {"goal": f"<= {goal:g} {unit}".strip(), "met": value <= goal}


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that at least this share of the values does not pass.

    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def text(row: Row) -> str:
    """A row in words."""
    value = "" if isnan(row.value) else f"{row.value:,.4g} "
    parts = [f"{row.name:<24} {value}{row.unit}"]
    if row.spread:
        parts.append(f"({row.spread[0]:,.4g} to {row.spread[1]:,.4g})")
    if row.against:
        parts.append(f"against {row.against}")
    if row.ratio is not None:
        parts.append(f"ratio {row.ratio:.2f}")
    if row.goal:
        parts.append(f"goal {row.goal}: {'met' if row.met else 'MISSED'}")
    return "  ".join(parts)
