"""What a stored course contributes: of its state, or, where that was erased, of its last change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from detectors.followup.content import CourseContent, content, decode_content
from detectors.followup.course import decode_course
from schemas.envelope import Change, decode_change
from streams.store import tables
from streams.store.enclosed import ERASED, disclosed

_CHUNK = 500


def contents(
    connection: Connection, rows: Sequence[Any]
) -> Iterable[tuple[Any, CourseContent | None]]:
    """Each row of `courses` with its content; None where the course has lost its last record."""
    kept = last_changes(connection, [row.id for row in rows if row.state == ERASED])
    for row in rows:
        if row.state == ERASED:
            change = kept.get(row.id)
            counted = change is not None and change.status == "active"
            yield row, decode_content(change.payload) if change and counted else None
        else:
            course = decode_course(disclosed(connection, row.state))
            yield row, content(course, row.registry) if course.n else None


def last_changes(connection: Connection, courses: Sequence[int]) -> dict[int, Change]:
    """The newest change of each course: what stays of it when it is erased."""
    table, found = tables.changes, dict[int, Change]()
    for start in range(0, len(courses), _CHUNK):
        chunk = courses[start : start + _CHUNK]
        rows = connection.execute(
            select(table.c.case_id, table.c.body)
            .where(table.c.kind == "course", table.c.case_id.in_(chunk))
            .order_by(table.c.revision)
        )
        found |= {number: decode_change(body) for number, body in rows}
    return found
