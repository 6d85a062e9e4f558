"""The courses behind a case review of the cohort: whose urgent findings raised it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from dashboards.board.cohort import through
from dashboards.board.courses import Found, found_of
from dashboards.board.rates import Counted, of_product, read
from streams.store import tables
from streams.store.course_content import contents

MOST = 50


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One course with its urgent findings of the event, the newest first."""

    id: int
    registry: str
    patient: str
    course: str
    findings: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind a signal of the cohort: its rate, and for a case review its courses."""

    counted: Counted | None
    through: str
    review: Review | None


@dataclass(frozen=True, slots=True)
class Review:
    """At most `MOST` courses, the newest finding first, and whether there are more."""

    courses: tuple[Reviewed, ...]
    more: bool


def behind(connection: Connection, signal: Any) -> Behind:
    """The rate of a signal's pair, and the courses if it is a case review."""
    counted = of_product(read(connection, signal.event), signal.product)
    return Behind(
        counted,
        through(counted.lock_day) if counted else "",
        review(connection, signal.product, signal.event) if signal.kind == "case_review" else None,
    )


def review(connection: Connection, product: str, event: str) -> Review:
    """The courses that have an urgent finding of an event, on a day on which a product was given.

    By the same content of a course that raises the signal.
    """
    found = tables.findings
    urgent = (found.c.level == "urgent") & (found.c.event == event)
    out: list[Reviewed] = []
    for row in _courses(connection, event):
        days = _days(connection, row, product, event)
        if not days:
            continue
        if len(out) == MOST:
            return Review(tuple(out), more=True)
        mine = connection.execute(
            select(found)
            .where(found.c.course_id == row.id, urgent, found.c.day.in_(days))
            .order_by(found.c.day.desc(), found.c.stream, found.c.code, found.c.anchor)
        ).all()
        findings = tuple(map(found_of, mine))
        out.append(Reviewed(row.id, row.registry, row.patient, row.course, findings))
    return Review(tuple(out), more=False)


def reviewed_courses(connection: Connection, product: str, event: str) -> int:
    """How many courses have an urgent finding of an event on a day of a product."""
    rows = _courses(connection, event)
    return sum(bool(_days(connection, row, product, event)) for row in rows)


def _courses(connection: Connection, event: str) -> Sequence[Any]:
    """The courses with an urgent finding of an event, the newest finding first."""
    courses, found = tables.courses, tables.findings
    return connection.execute(
        select(courses, func.max(found.c.day).label("day"))
        .join(found, found.c.course_id == courses.c.id)
        .where((found.c.level == "urgent") & (found.c.event == event))
        .group_by(*courses.c)
        .order_by(func.max(found.c.day).desc(), courses.c.id)
    ).all()


def _days(connection: Connection, row: Any, product: str, event: str) -> set[int]:
    ((_, counted),) = contents(connection, [row])
    held = counted.urgent if counted is not None else ()
    return {one.day for one in held if (one.product, one.event) == (product, event)}
