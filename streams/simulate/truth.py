"""What was planted and what was sent, in a small file that the demo's page reads."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec


class Told(msgspec.Struct, frozen=True):
    """One planted thing. `started_at`: when the first report of it was sent (None: not yet)."""

    name: str
    event: str
    pairs: tuple[str, ...]
    absent: tuple[str, ...]
    expect: str
    ratio: float
    why: str
    started_at: datetime | None


class ToldHarm(msgspec.Struct, frozen=True):
    """A harm planted in the courses of a registry, and how many of these it struck."""

    registry: str
    name: str
    event: str
    strength: float
    unit: str
    why: str
    struck: int


class Truth(msgspec.Struct, frozen=True):
    """A simulation's truth at one moment.

    `known`: product and event of the published frequencies, which are bound to be raised too.
    """

    seed: int
    started_at: datetime
    planted: tuple[Told, ...]
    known: tuple[tuple[str, str], ...]
    sent: dict[str, dict[str, int]]
    answers: dict[str, int]
    harms: tuple[ToldHarm, ...] = ()


def write(path: Path, told: Truth) -> None:
    """Put it in the place of what stands there, whole."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(told))
    os.replace(fresh, path)


def read(path: Path) -> Truth | None:
    """What stands there, or None where there is nothing yet."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Truth)
    except FileNotFoundError:
        return None
