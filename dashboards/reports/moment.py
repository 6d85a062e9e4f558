"""The moment that a report is of: a position in `changes`, and the system time of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, func, select

from schemas.errors import InputError
from streams.store import tables

_POSITION = re.compile(r"(\d{1,18})(?:\.(\d{1,18}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class AsOf:
    """A position, when its change was applied (seconds since 1970), and what stood there then.

    `sequence`: of the newest entry of the signals' history; `trail`: of the newest act of people,
    `plain` of that by the time of the position; `changes`: how many were applied by
    then; `checkpoint`: the newest one, None before the first; `configuration`: what that recorded.
    """

    position: int
    at: float
    sequence: int
    trail: int
    plain: int
    changes: int
    checkpoint: int | None
    checkpoints: int
    configuration: str

    @property
    def name(self) -> str:
        """What `resolve` finds it by: the position, and the act of people where it says more."""
        return str(self.position) if self.trail == self.plain else f"{self.position}.{self.trail}"

    @property
    def day(self) -> int:
        """The day (UTC), as an ordinal."""
        return datetime.fromtimestamp(self.at, UTC).toordinal()


def resolve(connection: Connection, given: str | None, *, today: date) -> AsOf:
    """The moment that is asked for: a position, a date (its end), or None for now.

    At a position people had done what they had done when it was applied; `POSITION.ENTRY` says up
    to which entry of the audit trail instead.
    Errors: `InputError` ("bad_as_of", "position_ahead", "day_not_over", "nothing_then").
    """
    newest = _newest(connection)
    if given is None:
        return at_position(connection, newest, _last_act(connection))
    if (found := _POSITION.fullmatch(given)) is not None:
        position = int(found[1])
        if position > newest:
            raise InputError(
                "position_ahead", f"the store stands at position {newest}, before {position}"
            )
        if found[2] is None:
            return at_position(connection, position)
        if (entry := int(found[2])) > _last_act(connection):
            raise InputError("position_ahead", f"the audit trail has no act {entry} yet")
        return at_position(connection, position, entry)
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
    return at_end_of(connection, day)


def at_end_of(connection: Connection, day: date) -> AsOf:
    """The moment at which a day (UTC) was over; `InputError` ("nothing_then")."""
    position = last_position(connection, day)
    return at_position(connection, position, _last_act(connection, before=_end(day)))


def last_position(connection: Connection, day: date) -> int:
    """The last position stored by the end of a day (UTC); `InputError` ("nothing_then")."""
    table = tables.changes
    before = table.c.applied_at < _end(day)
    found = connection.scalar(select(func.max(table.c.position)).where(before))
    if found is None:
        raise InputError("nothing_then", f"nothing had been counted by the end of {day} (UTC)")
    return int(found)


def at_position(connection: Connection, position: int, entry: int | None = None) -> AsOf:
    """The moment at which a position had just been applied, or people had acted up to an entry.

    `InputError` ("nothing_then").
    """
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
    plain = _last_act(connection, before=float(at), or_then=True)
    return AsOf(
        position,
        float(at),
        sequence or 0,
        plain if entry is None else entry,
        plain,
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


def _end(day: date) -> float:
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC).timestamp()


def _last_act(connection: Connection, *, before: float | None = None, or_then: bool = False) -> int:
    acts = tables.acts
    query = select(func.max(acts.c.id))
    if before is not None:
        query = query.where(acts.c.at <= before if or_then else acts.c.at < before)
    return int(connection.scalar(query) or 0)


def _newest(connection: Connection) -> int:
    table = tables.positions
    query = select(func.max(table.c.next_offset)).where(table.c.consumer == "detect")
    return int(connection.scalar(query) or 0) - 1
