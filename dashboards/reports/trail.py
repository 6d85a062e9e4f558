"""What people did to a signal. Nobody can do anything yet: the workflow fills this in."""

from __future__ import annotations

from sqlalchemy import Connection

from dashboards.reports.model import Move

FIRST = "new"


def moves(connection: Connection, number: int, position: int) -> tuple[Move, ...]:
    """Moves, notes and signatures of a signal by a position, the oldest first."""
    return ()


def state(moved: tuple[Move, ...]) -> str:
    """The state that the last move led to."""
    return moved[-1].what if moved else FIRST
