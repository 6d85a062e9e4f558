"""Patient courses: those with findings, and one with everything that is known of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Connection, case, func, select

from detectors.followup.counted import backgrounds, grouped
from detectors.followup.record import Observed, coded
from detectors.scope import GROUP
from schemas.followup import FOLLOWUP
from schemas.vocabulary import Vocabulary
from streams.store import tables
from streams.store.enclosed import ERASED, disclosed

PAGE = 50
LEVELS = ("urgent", "finding", "note")
_FIELDS = ("level", "stream", "registry", "event")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which courses are asked for, as it stands in the address."""

    level: str = ""
    stream: str = ""
    registry: str = ""
    event: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """From the parameters of an address; what makes no sense is left out.

        >>> Filters.of({"level": "urgent", "page": "0"})
        Filters(level='urgent', stream='', registry='', event='', page=1)
        """
        page = query.get("page", "")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
        level, stream, registry, event = (query.get(name, "")[:300] for name in _FIELDS)
        return cls(level, stream, registry, event, max(1, number))

    def query(self, **changes: Any) -> str:
        """The same as the query of an address.

        >>> Filters(level="urgent", page=2).query(page=3)
        'level=urgent&page=3'
        """
        named = replace(self, **changes)
        given = {name: getattr(named, name) for name in _FIELDS if getattr(named, name)}
        return urlencode(given | ({"page": named.page} if named.page > 1 else {}))


@dataclass(frozen=True, slots=True)
class Row:
    """A course in the list: how many findings of each level, and the newest."""

    id: int
    registry: str
    patient: str
    course: str
    urgent: int
    findings: int
    notes: int
    newest: str
    event: str


@dataclass(frozen=True, slots=True)
class Page:
    """Part of the list, how many courses it has and how many are stored at all."""

    rows: tuple[Row, ...]
    total: int
    of_all: int
    choices: Mapping[str, tuple[str, ...]]

    def pages(self) -> int:
        """How many parts the list has."""
        return max(1, -(-self.total // PAGE))


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with the moments of the records that it rests on."""

    stream: str
    code: str
    event: str
    day: str
    level: str
    unit: str
    explanation: str
    records: tuple[str, ...]
    found_at: float


@dataclass(frozen=True, slots=True)
class Course:
    """One course: who, its records in order, its findings, urgent ones first.

    `erased`: at the patient's request; its records are gone, its findings say what was counted.
    """

    id: int
    registry: str
    patient: str
    course: str
    records: tuple[Observed, ...]
    findings: tuple[Found, ...]
    erased: bool = False


def listed(connection: Connection, filters: Filters, vocabulary: Vocabulary) -> Page:
    """Courses with a finding of any level, urgent ones first, then the newest finding first.

    Counts and the newest finding are of what the filters let through; an event may be a group.
    """
    courses, found = tables.courses, tables.findings
    where = [
        column == value
        for column, value in (
            (found.c.level, filters.level),
            (found.c.stream, filters.stream),
            (courses.c.registry, filters.registry),
        )
        if value
    ]
    if filters.event:
        where.append(found.c.event.in_(members(filters.event, vocabulary) or (filters.event,)))
    counts = {level: func.sum(case((found.c.level == level, 1), else_=0)) for level in LEVELS}
    query = (
        select(
            courses.c.id,
            courses.c.registry,
            courses.c.patient,
            courses.c.course,
            *(counts[level].label(level) for level in LEVELS),
            func.max(found.c.day).label("day"),
        )
        .join(found, found.c.course_id == courses.c.id)
        .where(*where)
        .group_by(courses.c.id, courses.c.registry, courses.c.patient, courses.c.course)
    )
    rows = connection.execute(
        query.order_by((counts["urgent"] > 0).desc(), func.max(found.c.day).desc(), courses.c.id)
        .limit(PAGE)
        .offset((filters.page - 1) * PAGE)
    ).all()
    newest = _newest(connection, [row.id for row in rows], where)
    total = connection.scalar(select(func.count()).select_from(query.subquery())) or 0
    return Page(
        tuple(
            Row(
                row.id,
                row.registry,
                row.patient,
                row.course,
                row.urgent,
                row.finding,
                row.note,
                date.fromordinal(row.day).isoformat(),
                newest.get(row.id, ""),
            )
            for row in rows
        ),
        total,
        connection.scalar(select(func.count()).select_from(courses)) or 0,
        {
            "level": LEVELS,
            "stream": _distinct(connection, found.c.stream),
            "registry": _distinct(connection, courses.c.registry),
            "event": _events(connection, vocabulary),
        },
    )


def one(connection: Connection, number: int, vocabulary: Vocabulary) -> Course | None:
    """One course, or None."""
    table = tables.courses
    row = connection.execute(select(table).where(table.c.id == number)).first()
    if row is None:
        return None
    links, cases, versions = tables.course_records, tables.cases, tables.versions
    bodies = connection.scalars(
        select(versions.c.body)
        .join(cases, cases.c.newest == versions.c.id)
        .join(links, links.c.case_id == cases.c.id)
        .where(links.c.course_id == number)
    )
    read = (disclosed(connection, body) for body in bodies if body != ERASED)
    placed = (coded(FOLLOWUP.validate_json(body), vocabulary) for body in read)
    records = sorted(placed, key=lambda one: one.order)
    rank = {level: i for i, level in enumerate(LEVELS)}
    found = tables.findings
    findings = connection.execute(select(found).where(found.c.course_id == number)).all()
    ordered = sorted(findings, key=lambda f: (rank[f.level], -f.day, f.stream, f.code, f.anchor))
    return Course(
        row.id,
        row.registry,
        row.patient,
        row.course,
        tuple(records),
        tuple(map(found_of, ordered)),
        erased=row.state == ERASED,
    )


def found_of(row: Any) -> Found:
    """A row of `findings`."""
    return Found(
        row.stream,
        row.code,
        row.event,
        date.fromordinal(row.day).isoformat(),
        row.level,
        row.unit,
        row.explanation,
        tuple(json.loads(row.records)),
        row.found_at,
    )


def members(event: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The terms of a group, those of the background rates' own groups included; none of a term.

    >>> members("group:cognitive", Vocabulary.load())[0], members("Haematuria", Vocabulary.load())
    ('Amnesia', ())
    """
    if not event.startswith(GROUP):
        return ()
    name = event.removeprefix(GROUP)
    held = (vocabulary.groups().get(name, ()), backgrounds().groups.get(name, ()))
    return tuple(sorted({term for terms in held for term in terms}))


def _events(connection: Connection, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Every event found so far, and the groups that these stand in."""
    events = _distinct(connection, tables.findings.c.event)
    groups_of = grouped(vocabulary.groups_of)
    return (*events, *sorted({f"{GROUP}{name}" for event in events for name in groups_of(event)}))


def _newest(
    connection: Connection, numbers: Sequence[int], where: Sequence[ColumnElement[bool]]
) -> dict[int, str]:
    """The event of the newest finding of each course, the gravest of its day."""
    found = tables.findings
    rank = case({"urgent": 0, "finding": 1}, value=found.c.level, else_=2)
    rows = connection.execute(
        select(found.c.course_id, found.c.event)
        .join(tables.courses, tables.courses.c.id == found.c.course_id)
        .where(found.c.course_id.in_(numbers), *where)
        .order_by(found.c.course_id, found.c.day, rank.desc(), found.c.code)
    )
    return {row.course_id: row.event for row in rows}


def _distinct(connection: Connection, column: Any) -> tuple[str, ...]:
    return tuple(connection.scalars(select(column).distinct().order_by(column)))
