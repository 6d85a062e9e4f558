"""What people did to a signal, as the workflow has it.

As of a position these are the acts before it: what was done while a position was the newest shows
from the next one on, so that a report of a position is the same whenever it is made.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from dashboards.reports.model import Move
from dashboards.reports.moment import utc
from streams.store import tables
from streams.store.workflow import ENDED, STATES


def moves(connection: Connection, number: int, position: int) -> tuple[Move, ...]:
    """What was done with a signal before a position, the oldest first; a move by its new state."""
    table = tables.acts
    rows = connection.execute(
        select(table)
        .where(table.c.signal_id == number, table.c.position < position)
        .order_by(table.c.id)
    )
    return tuple(
        Move(
            at=utc(row.at),
            who=row.who,
            what=row.to_state if row.to_state != row.from_state else row.what,
            note=row.note,
        )
        for row in rows
    )


def state(moved: tuple[Move, ...]) -> str:
    """The state that the last move led to.

    >>> noted = Move(at="2026-07-04T10:00:00Z", who="A", what="noted", note="")
    >>> state((Move(at="2026-07-03T10:00:00Z", who="A", what="refuted", note="known"), noted))
    'refuted'
    """
    last = _last(moved)
    return last.what if last else STATES[0]


def closed(moved: tuple[Move, ...]) -> str:
    """When the last move closed it; empty while it is open.

    >>> closed((Move(at="2026-07-03T10:00:00Z", who="A", what="refuted", note="known"),))
    '2026-07-03T10:00:00Z'
    >>> closed(())
    ''
    """
    last = _last(moved)
    return last.at if last and last.what in ENDED else ""


def action(moved: tuple[Move, ...]) -> str:
    """What was decided, and why: the note of the last move."""
    last = _last(moved)
    return last.note if last else ""


def _last(moved: tuple[Move, ...]) -> Move | None:
    return next((move for move in reversed(moved) if move.what in STATES), None)
