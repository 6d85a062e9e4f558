"""The moment that a report is of: a position in `changes`, and the system time of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, func, select

from schemas.errors import InputError
from streams.store import tables

_POSITION = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AsOf:
    """A position, when its change was applied (seconds since 1970), and what stood there then.

    `sequence`: of the newest entry of the signals' history; `changes`: how many were applied by
    then; `checkpoint`: the newest one, None before the first; `configuration`: what that recorded.
    """

    position: int
    at: float
    sequence: int
    changes: int
    checkpoint: int | None
    checkpoints: int
    configuration: str

    @property
    def day(self) -> int:
        """The day (UTC), as an ordinal."""
        return datetime.fromtimestamp(self.at, UTC).toordinal()


def resolve(connection: Connection, given: str | None, *, today: date) -> AsOf:
    """The moment that is asked for: a position, a date (its last position), or None for now.

    Errors: `InputError` ("bad_as_of", "position_ahead", "day_not_over", "nothing_then").
    """
    newest = _newest(connection)
    if given is None:
        return at_position(connection, newest)
    if _POSITION.fullmatch(given):
        position = int(given)
        if position > newest:
            raise InputError(
                "position_ahead", f"the store stands at position {newest}, before {position}"
            )
        return at_position(connection, position)
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise InputError(
            "bad_as_of", f"{given!r} is neither a position nor a date such as 2026-07-03"
        ) from None
    if day >= today:
        raise InputError(
            "day_not_over", f"{day} is not over (UTC), so that more may come; give a position"
        )
    return at_position(connection, last_position(connection, day))


def last_position(connection: Connection, day: date) -> int:
    """The last position stored by the end of a day (UTC); `InputError` ("nothing_then")."""
    table = tables.changes
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC).timestamp()
    found = connection.scalar(select(func.max(table.c.position)).where(table.c.applied_at < end))
    if found is None:
        raise InputError("nothing_then", f"nothing had been counted by the end of {day} (UTC)")
    return int(found)


def at_position(connection: Connection, position: int) -> AsOf:
    """The moment at which a position had just been applied; `InputError` ("nothing_then")."""
    table, history, points = tables.changes, tables.signal_history, tables.checkpoints
    at, count = connection.execute(
        select(func.max(table.c.applied_at), func.count()).where(table.c.position <= position)
    ).one()
    if at is None:
        raise InputError("nothing_then", f"nothing had been counted by position {position}")
    sequence = connection.scalar(
        select(func.max(history.c.id)).where(history.c.position <= position)
    )
    checkpoints = connection.execute(
        select(points.c.position, points.c.configuration)
        .where(points.c.position <= position)
        .order_by(points.c.position.desc())
    ).all()
    newest = checkpoints[0] if checkpoints else None
    return AsOf(
        position,
        float(at),
        sequence or 0,
        int(count),
        newest.position if newest else None,
        len(checkpoints),
        newest.configuration if newest else "",
    )


def utc(at: float) -> str:
    """A time in seconds since 1970, to the second.

    >>> utc(0.9)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _newest(connection: Connection) -> int:
    table = tables.positions
    query = select(func.max(table.c.next_offset)).where(table.c.consumer == "detect")
    return int(connection.scalar(query) or 0) - 1
