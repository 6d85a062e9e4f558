"""What people did to a signal. Nobody can do anything yet: the workflow fills `moves` in."""

from __future__ import annotations

from sqlalchemy import Connection

from dashboards.reports.model import Move

FIRST = "new"
CLOSED = ("refuted", "closed")


def moves(connection: Connection, number: int, position: int) -> tuple[Move, ...]:
    """Moves, notes and signatures of a signal by a position, the oldest first."""
    return ()


def state(moved: tuple[Move, ...]) -> str:
    """The state that the last move led to."""
    return moved[-1].what if moved else FIRST


def closed(moved: tuple[Move, ...]) -> str:
    """When the last move closed it; empty while it is open.

    >>> closed((Move(at="2026-07-03T10:00:00Z", who="A", what="refuted", note="known"),))
    '2026-07-03T10:00:00Z'
    >>> closed(())
    ''
    """
    return moved[-1].at if moved and moved[-1].what in CLOSED else ""


def action(moved: tuple[Move, ...]) -> str:
    """What was decided, and why: the note of the last move."""
    return moved[-1].note if moved else ""
