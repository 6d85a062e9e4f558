"""When the keys of senders end: told before it happens, on the board and as a metric."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from streams.store import tables

SOON: Final = 30 * 86_400.0  # seconds before its end in which the board says so of a key


def key_ends(connection: Connection, now: float) -> dict[str, tuple[int, float]]:
    """Of each sender whose access ends: the number of a key, and when it expires.

    That is the key used last, though another may hold for longer: a sender who was given a new key
    and goes on with the old one will be refused. Where none was ever used, the one that holds
    longest; where all have expired, the one that did so last. Revoked keys and those that never
    expire are none.
    """
    table = tables.keys
    rows = connection.execute(
        select(table).where(table.c.revoked_at.is_(None), table.c.role == "registry")
    )
    held: dict[str, tuple[tuple[bool, float, float], int]] = {}
    for row in rows:
        ends = float("inf") if row.expires_at is None else row.expires_at
        order = (ends > now, row.used_at or 0.0, ends)
        if row.name not in held or order > held[row.name][0]:
            held[row.name] = (order, row.id)
    return {
        name: (number, order[2])
        for name, (order, number) in held.items()
        if order[2] != float("inf")
    }
