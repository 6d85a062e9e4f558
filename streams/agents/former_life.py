"""A store that was restored from a copy, and a log that tells of what it no longer knows.

It reads the records again from its positions, and may number cases in another order. The changes
that were published after the copy was made speak of the numbers of that former life, so they are
left behind: only what the copy knows of is published anew, and the rest will be, from the records.
A change is published after the transaction that made it, so that no other store is behind its log.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select, update

from schemas.envelope import VERSION, Change, Changes, decode_changes, encode
from schemas.errors import StoreError
from streams.agents.outbox import owner
from streams.log.base import Log
from streams.settings import CHANGES, DETECT
from streams.store import tables
from streams.store.store import stored_positions

_AT_A_TIME = 500  # messages; as many ids at once are asked for
_NUMBERED = {"case": tables.cases, "course": tables.courses}


def leave_behind(connection: Connection, log: Log) -> int:
    """Move the position of `changes` past a former life; how many changes were left behind.

    To be called before anything is taken, in a transaction that writes. What the store knows of is
    put in the outbox of `changes`. Raises `StoreError` ("log_trimmed") where the log holds no more
    what the store has yet to read.
    """
    at = (CHANGES, 0)
    start, end = log.start(*at), log.end(*at)  # before the store: what is published is in it
    position = stored_positions(connection, DETECT).get(at, 0)
    if position < start:
        raise StoreError(
            "log_trimmed",
            f"{CHANGES}/0 starts at {start} and the store has seen it only up to {position}: "
            "this copy of the store is older than what the log keeps",
        )
    left, held = 0, []
    while position < end:
        stored = log.read(*at, position, _AT_A_TIME)
        if not stored:
            break
        position = stored[-1].offset + 1
        changes = [
            one for message in stored for one in decode_changes(message.value or b"").changes
        ]
        revisions = {kind: _revisions(connection, kind, changes) for kind in _NUMBERED}
        for one in changes:
            if one.kind not in _NUMBERED:
                continue
            if one.revision > revisions[one.kind].get(one.case_id, 0):
                left += 1
            else:
                held.append(one)
    if left:
        _publish(connection, held)
        table = tables.positions
        connection.execute(
            update(table)
            .where(table.c.consumer == DETECT, table.c.topic == CHANGES)
            .values(next_offset=end)
        )
    return left


def _revisions(connection: Connection, kind: str, changes: Iterable[Change]) -> dict[int, int]:
    """The newest revision that the store has of each case, or course, of some changes."""
    table = _NUMBERED[kind]
    wanted = sorted({one.case_id for one in changes if one.kind == kind})
    found: dict[int, int] = {}
    for first in range(0, len(wanted), _AT_A_TIME):
        some = wanted[first : first + _AT_A_TIME]
        rows = connection.execute(select(table.c.id, table.c.revision).where(table.c.id.in_(some)))
        found |= {row.id: row.revision for row in rows}
    return found


def _publish(connection: Connection, changes: list[Change]) -> None:
    for first in range(0, len(changes), _AT_A_TIME):
        some = Changes(VERSION, tuple(changes[first : first + _AT_A_TIME]))
        connection.execute(
            insert(tables.outbox),
            [
                {
                    "owner": owner(DETECT, CHANGES, 0),
                    "topic": CHANGES,
                    "key": b"",
                    "value": encode(some),
                }
            ],
        )
