"""Reading the quarantine: held records with what was received of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from streams.store import tables


def _query() -> Select[Any]:
    held, records = tables.quarantine, tables.records
    return select(
        *held.c,
        records.c.stream,
        records.c.sender,
        records.c.origin,
        records.c.taken_at,
        records.c.partition,
        records.c.request_index,
        records.c.sealed,
        records.c.wrapped_key,
        records.c.sealed_hash,
        records.c.erased_by,
    ).join(records, records.c.id == held.c.id)


def held(
    connection: Connection, *, code: str | None = None, limit: int | None = 100
) -> Sequence[Any]:
    """Held records, newest first, with their faults (JSON) and sealed bytes."""
    table = tables.quarantine
    query = _query().order_by(table.c.id.desc()).limit(limit)
    if code is not None:
        query = query.where(table.c.code == code)
    return connection.execute(query).all()


def held_for(
    connection: Connection, stage: str, code: str, rule: str | None, *, limit: int
) -> Sequence[Any]:
    """Those held for one reason whose bytes are there still, the oldest first."""
    table = tables.quarantine
    query = _query().where(
        table.c.stage == stage,
        table.c.code == code,
        table.c.rule.is_not_distinct_from(rule),
        tables.records.c.wrapped_key.is_not(None),
    )
    return connection.execute(query.order_by(table.c.id).limit(limit)).all()


def one(connection: Connection, number: int) -> Any | None:
    """One held record, or None."""
    return connection.execute(_query().where(tables.quarantine.c.id == number)).first()
