"""What people did to a signal, from the acts of its workflow."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, select

from dashboards.reports.model import Move
from dashboards.reports.moment import utc
from streams.store import tables
from streams.store.workflow import ENDED

FIRST = "new"


def moves(connection: Connection, number: int, entry: int) -> tuple[Move, ...]:
    """What was done to a signal up to an entry of the audit trail, the oldest first."""
    table = tables.acts
    rows = connection.execute(
        select(table).where(table.c.signal_id == number, table.c.id <= entry).order_by(table.c.id)
    )
    return tuple(map(_move, rows))


def _move(row: Any) -> Move:
    signed = json.loads(row.detail).get("signature", {})
    own = (signed.get("meaning", ""), signed.get("sha256", ""))
    return Move(
        row.id, utc(row.at), row.who, row.what, row.from_state, row.to_state, row.note, *own
    )


def state(moved: tuple[Move, ...]) -> str:
    """The state that the last move led to."""
    return moved[-1].after if moved else FIRST


def closed(moved: tuple[Move, ...]) -> str:
    """When a move closed it; empty while it is open.

    >>> ended = Move(7, "2026-07-03T10:00:00Z", "Ann", "moved", "validated", "closed", "known")
    >>> closed((ended, Move(8, "2026-07-04T10:00:00Z", "Ann", "noted", "closed", "closed", "so")))
    '2026-07-03T10:00:00Z'
    >>> closed(())
    ''
    """
    if not moved or moved[-1].after not in ENDED:
        return ""
    return next(one.at for one in reversed(moved) if one.before != one.after)


def action(moved: tuple[Move, ...]) -> str:
    """What was decided, and why: the note of the last move."""
    return next((one.note for one in reversed(moved) if one.before != one.after), "")
