"""What is left of erased courses, carried into the store of a rebuild: it cannot be recomputed."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from schemas.envelope import VERSION, Changes, encode
from streams.agents.outbox import owner
from streams.settings import CHANGES, CONSUMERS
from streams.store import tables
from streams.store.course_content import last_changes
from streams.store.enclosed import ERASED
from streams.store.store import allocate
from streams.store.writing import insert_rows


def carry_erased(connection: Connection, own: Connection) -> None:
    """Courses that were erased, with their findings, their records and what they count as."""
    table = tables.courses
    rows = connection.execute(select(table).where(table.c.state == ERASED).order_by(table.c.id))
    found = rows.all()
    numbers = dict(zip((row.id for row in found), allocate(own, table, len(found)), strict=True))
    insert_rows(own, table, [dict(row._mapping) | {"id": numbers[row.id]} for row in found])
    insert_rows(own, tables.findings, _of(connection, tables.findings, numbers))
    links = _of(connection, tables.course_records, numbers)
    cases = _cases(connection, own, {row["case_id"] for row in links})
    insert_rows(own, tables.course_records, [r | {"case_id": cases[r["case_id"]]} for r in links])
    by = owner(CONSUMERS["followups"], "followups", 0)
    for change in last_changes(connection, list(numbers)).values():
        carried = msgspec.structs.replace(change, case_id=numbers[change.case_id])
        value = encode(Changes(VERSION, (carried,)))
        row = {"owner": by, "topic": CHANGES, "key": b"", "value": value}
        own.execute(insert(tables.outbox), [row])


def _of(connection: Connection, table: Any, numbers: dict[int, int]) -> list[dict[str, Any]]:
    rows = connection.execute(select(table).where(table.c.course_id.in_(numbers)))
    return [dict(row._mapping) | {"course_id": numbers[row.course_id]} for row in rows]


def _cases(connection: Connection, own: Connection, wanted: set[int]) -> dict[int, int]:
    """The number in the other store of each case."""
    table = tables.cases
    keys = {
        row.key: row.id
        for row in connection.execute(select(table.c.key, table.c.id).where(table.c.id.in_(wanted)))
    }
    rows = own.execute(select(table.c.key, table.c.id).where(table.c.key.in_(keys)))
    return {keys[row.key]: row.id for row in rows}
