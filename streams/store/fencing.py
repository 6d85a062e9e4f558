"""Who writes for a partition: one transaction at a time, and a new owner need not wait for the old.

A worker that is paused, or cut off, in the middle of a transaction keeps its locks for as long as
the database believes that it is there. The worker that the group has given the partition to ends
such a transaction. Nothing depends on it being right about that: what was not committed is read
again, and the compare-and-set on the position decides between two that believe to be the owner.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from streams.store.failing import StoreConflict

if TYPE_CHECKING:
    from streams.store.store import Store

_CLASS = 20261125  # of advisory locks: those of partitions
_GRACE, _GONE = "2s", "10s"  # for the old owner to finish; for its connection to end

_LOCK = text("SELECT pg_advisory_xact_lock(:class, key) FROM unnest(cast(:keys AS int[])) AS key")
_END = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_locks JOIN pg_database d ON d.oid = database"
    " WHERE locktype = 'advisory' AND classid = :class AND granted AND pid <> pg_backend_pid()"
    " AND d.datname = current_database() AND objid::bigint = ANY(cast(:keys AS bigint[]))"
)


def hold(connection: Connection, consumer: str, partitions: Iterable[tuple[str, int]]) -> None:
    """Be the only transaction that writes for some partitions of a consumer, until its end."""
    if connection.dialect.name == "postgresql":
        keys = [_signed(key) for key in _keys(consumer, partitions)]
        connection.execute(_LOCK, {"class": _CLASS, "keys": keys})


def fence(store: Store, consumer: str, partitions: Iterable[tuple[str, int]]) -> int:
    """End transactions of former owners of some partitions that are still open; how many.

    Raises `StoreConflict` where one does not end.
    """
    wanted = list(partitions)
    if not wanted or store.engine.dialect.name != "postgresql":
        return 0
    try:
        _wait(store, consumer, wanted, _GRACE)
    except StoreConflict:
        with store.write() as connection:
            keys = _keys(consumer, wanted)
            ended = int(connection.scalar(_END, {"class": _CLASS, "keys": keys}) or 0)
        _wait(store, consumer, wanted, _GONE)
        return ended
    return 0


def _wait(store: Store, consumer: str, partitions: list[tuple[str, int]], limit: str) -> None:
    with store.write() as connection:
        connection.execute(
            text("SELECT set_config('lock_timeout', :limit, true)"), {"limit": limit}
        )
        hold(connection, consumer, partitions)


def _keys(consumer: str, partitions: Iterable[tuple[str, int]]) -> list[int]:
    names = (f"{consumer}/{topic}/{partition}" for topic, partition in partitions)
    return sorted(zlib.crc32(name.encode()) for name in names)


def _signed(key: int) -> int:
    """As PostgreSQL's integer has the same bits."""
    return key - (1 << 32) if key >= 1 << 31 else key
