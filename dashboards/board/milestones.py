"""Dates of labels, alerts and publicity, which every picture over time has marked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec

from detectors.coding import base
from schemas import times

Kind = Literal["label", "alert", "publicity"]
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class Milestone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that can change how often people report; `date` is as precise as is known."""

    date: Annotated[str, msgspec.Meta(pattern=r"^\d{4}(-\d\d(-\d\d)?)?$")]
    products: tuple[_Text, ...]
    kind: Kind
    text: _Text
    source: _Text

    @property
    def day(self) -> int:
        """The day (ordinal), or the first one that the date can mean."""
        return times.day(self.date)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    milestone: tuple[Milestone, ...]


@cache
def every() -> tuple[Milestone, ...]:
    """All of them, the oldest first."""
    text = (files("dashboards.board") / "milestones.toml").read_text(encoding="utf-8")
    return tuple(sorted(msgspec.toml.decode(text, type=_File).milestone, key=lambda one: one.date))


def milestones(product: str, first: float, last: float) -> tuple[Milestone, ...]:
    """Those of a product (or of its route or setting) from one day to another, both included.

    >>> [one.date for one in milestones("ketamine @home", 738_000, 738_400)]
    ['2022-02-16']
    """
    name = base(product)
    return tuple(
        one for one in every() if name in one.products and int(first) <= one.day <= int(last)
    )


def days(found: Sequence[Milestone]) -> list[float]:
    """Where they are marked.

    >>> days(milestones("ketamine", 738_000, 738_400))
    [738202.0]
    """
    return [float(one.day) for one in found]
