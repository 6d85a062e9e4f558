"""The loss of keys: what makes records unreadable, and nothing else of the store untrue."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, text, update

from streams.privacy.finding import chunks
from streams.store import tables, trail
from streams.store.enclosed import ERASED

GONE = "erased"


class Lost(NamedTuple):
    """How many records lost their key, contents went, and courses were erased."""

    records: int
    bodies: int
    courses: int


def alone(connection: Connection) -> None:
    """Let no record be disposed of, and no entry of the trail be written, until the end.

    Whoever disposes of records moves a position first: a record that comes at the same time is seen
    by one of the two.
    """
    trail.lock(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE positions IN EXCLUSIVE MODE"))
    else:
        # from here on this connection overwrites what was there
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def readable(connection: Connection, records: Collection[int], courses: Collection[int]) -> Lost:
    """How many of these can still be read."""
    counts = [0, 0, 0]
    for chunk in chunks(sorted(records)):
        for place, (table, column, none) in enumerate(_COLUMNS):
            rows = connection.scalars(
                select(table.c.id).where(table.c.id.in_(chunk), _left(table.c[column], none))
            )
            counts[place] += len(rows.all())
    table = tables.courses
    for chunk in chunks(sorted(courses)):
        rows = connection.scalars(
            select(table.c.id).where(table.c.id.in_(chunk), table.c.state != ERASED)
        )
        counts[2] += len(rows.all())
    return Lost(*counts)


_COLUMNS: tuple[tuple[Any, str, Any], ...] = (
    (tables.records, "wrapped_key", None),
    (tables.versions, "body", ERASED),
)


def _left(column: Any, none: Any) -> Any:
    return column.is_not(None) if none is None else column != none


def lose_raw(connection: Connection, number: int, records: Iterable[int]) -> None:
    """Raw bytes (narratives are in nothing else) lose their key, by entry `number` of the trail."""
    table = tables.records
    for chunk in chunks(sorted(records)):
        connection.execute(
            update(table)
            .where(table.c.id.in_(chunk), table.c.wrapped_key.is_not(None))
            .values(wrapped_key=None, erased_by=number)
        )


def lose_contents(connection: Connection, records: Iterable[int]) -> None:
    """What was read of records goes; what they count as stays."""
    versions, held = tables.versions, tables.quarantine
    for chunk in chunks(sorted(records)):
        connection.execute(update(versions).where(versions.c.id.in_(chunk)).values(body=ERASED))
        rows = connection.execute(select(held.c.id, held.c.faults).where(held.c.id.in_(chunk)))
        for row in rows.all():
            # a message of a reader may say what stood there
            faults = [[code, "", GONE] for code, _, _ in json.loads(row.faults)]
            connection.execute(
                update(held)
                .where(held.c.id == row.id)
                .values(entry=None, faults=json.dumps(faults).encode())
            )


def lose_courses(connection: Connection, courses: Iterable[int]) -> None:
    """States and pseudonyms of courses go, and what findings say of the patient; findings stay."""
    table, found = tables.courses, tables.findings
    for number in courses:
        row = connection.execute(select(table).where(table.c.id == number)).one()
        patient = f"{GONE}-{number}"
        key = json.dumps((row.registry, patient, row.course))
        connection.execute(
            update(table).where(table.c.id == number).values(key=key, patient=patient, state=ERASED)
        )
        connection.execute(
            update(found).where(found.c.course_id == number).values(explanation=GONE, records="[]")
        )
