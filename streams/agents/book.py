"""A book of the detector: what one kind of change is counted in, with its own scores and looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from schemas.envelope import Change
from streams.agents.moment import Moment
from streams.store.fits import NONE, Fits


@dataclass(frozen=True, slots=True)
class Figures:
    """What a checkpoint records of a book: cases, pairs scored, fitted priors."""

    cases: int = 0
    pairs: int = 0
    fits: Fits = NONE


class Book(Protocol):
    """Datasets that one kind of change moves; books share signals and checkpoints, no counts."""

    kinds: tuple[str, ...]

    def load(self, connection: Connection) -> None:
        """Rebuild everything from the store."""

    def begin(self, moment: Moment) -> None:
        """Write what the first transaction has to, before any of its changes."""

    def take(self, connection: Connection, change: Change) -> Sequence[Change]:
        """Count a change: it and what moved because of it; nothing where it is held already."""

    def read(self, moment: Moment) -> None:
        """A message has been read to its end: say what needs no statistics."""

    def rescore(self, moment: Moment) -> None:
        """Score what the changes since the last time have touched."""

    def write(self, moment: Moment) -> None:
        """Store what else the changes of the transaction have moved."""

    def lines(self) -> list[str]:
        """What a worker says of it when it starts."""

    def checkpoint(self, moment: Moment, reason: str) -> Figures:
        """Score everything anew, all changes up to the moment's position being counted."""
