"""Patient courses in the store: each follow-up record moves its course on, or replays it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select

from detectors.followup.content import content, encode_content
from detectors.followup.course import EMPTY, Course, decode_course, encode_course, fold
from detectors.followup.finding import Finding
from detectors.followup.record import Observed, coded
from schemas.envelope import Change
from schemas.followup import FOLLOWUP, Followup
from schemas.vocabulary import Vocabulary
from streams.store import tables
from streams.store.enclosed import disclosed, enclosed
from streams.store.store import allocate
from streams.store.writing import insert_rows, upsert

_CHUNK = 500  # keys of one query

Name = tuple[str, str, str]  # registry, patient, course


@dataclass(frozen=True, slots=True)
class Moved:
    """A record whose newest version is another one than before.

    `body` is that version's, None where it is nullified; `known`: an earlier version was stored.
    """

    case_id: int
    body: bytes | None
    known: bool
    taken_at: float
    origin: str
    partition: int


@dataclass(slots=True)
class _Touched:
    """A course that records of a batch move: what is stored of it, and what comes."""

    name: Name
    id: int = 0
    revision: int = 0
    course: Course = EMPTY
    new: bool = True
    replay: bool = False
    arrived: list[Observed] = field(default_factory=list)
    taken_at: float = 0.0
    origin: str = "push"
    partition: int = 0


@dataclass(frozen=True, slots=True)
class Changed:
    """A course as it is now, to be published."""

    id: int
    revision: int
    name: Name
    course: Course
    taken_at: float
    origin: str
    partition: int

    def change(self) -> Change:
        """What the detector is told; a course that lost its last record counts no more."""
        return Change(
            "course",
            case_id=self.id,
            revision=self.revision,
            status="active" if self.course.n else "nullified",
            dataset="cohort",
            origin=self.origin,
            taken_at=self.taken_at,
            payload=encode_content(content(self.course, self.name[0])),
        )


class Courses:
    """Keeps the tables `courses`, `course_records` and `findings` in step with the records."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def move(self, connection: Connection, records: Sequence[Moved]) -> list[Changed]:
        """Apply records in the transaction that stores them; the courses that are no longer the
        same, in the order of their ids.
        """
        touched: dict[Name, _Touched] = {}
        before = _courses_of(connection, [one.case_id for one in records if one.known])
        now: dict[int, Name] = {}
        for one in records:
            if one.case_id in before:
                self._touch(touched, before[one.case_id], one).replay = True
            if one.body is None:
                continue
            placed = coded(FOLLOWUP.validate_json(one.body), self._vocabulary)
            course = self._touch(touched, name_of(placed.record), one)
            course.replay |= one.known
            course.arrived.append(placed)
            now[one.case_id] = course.name
        _load(connection, touched)
        fresh = [course for course in touched.values() if course.new]
        numbers = allocate(connection, tables.courses, len(fresh))
        for number, course in zip(numbers, fresh, strict=True):
            course.id = number
        self._link(connection, records, {case: touched[name].id for case, name in now.items()})
        return self._write(connection, sorted(touched.values(), key=lambda course: course.id))

    def replayed(self, connection: Connection, course_ids: Iterable[int]) -> dict[int, Course]:
        """Courses folded anew from the newest versions of their records."""
        records: dict[int, list[Observed]] = {number: [] for number in course_ids}
        links, cases, versions = tables.course_records, tables.cases, tables.versions
        for chunk in _chunks(sorted(records)):
            rows = connection.execute(
                select(links.c.course_id, versions.c.body)
                .join(cases, cases.c.id == links.c.case_id)
                .join(versions, versions.c.id == cases.c.newest)
                .where(links.c.course_id.in_(chunk))
            )
            for number, body in rows:
                plain = disclosed(connection, body)
                records[number].append(coded(FOLLOWUP.validate_json(plain), self._vocabulary))
        return {number: fold(placed) for number, placed in records.items()}

    @staticmethod
    def _touch(touched: dict[Name, _Touched], name: Name, record: Moved) -> _Touched:
        course = touched.setdefault(name, _Touched(name))
        course.taken_at = max(course.taken_at, record.taken_at)
        course.origin, course.partition = record.origin, record.partition
        return course

    @staticmethod
    def _link(connection: Connection, records: Sequence[Moved], courses: dict[int, int]) -> None:
        table = tables.course_records
        gone = [one.case_id for one in records if one.known and one.case_id not in courses]
        for chunk in _chunks(gone):
            connection.execute(delete(table).where(table.c.case_id.in_(chunk)))
        rows = [{"case_id": case, "course_id": course} for case, course in courses.items()]
        upsert(connection, table, rows)

    def _write(self, connection: Connection, touched: Sequence[_Touched]) -> list[Changed]:
        replay = {
            one.id
            for one in touched
            if one.replay or not all(one.course.follows(record) for record in one.arrived)
        }
        replayed = self.replayed(connection, replay)
        changed = []
        for one in touched:
            course = replayed[one.id] if one.id in replay else fold(one.arrived, one.course)
            if course == one.course and not one.new:
                continue
            one.revision += 1
            _write_findings(connection, one, course)
            changed.append(
                Changed(
                    one.id,
                    one.revision,
                    one.name,
                    course,
                    one.taken_at,
                    one.origin,
                    one.partition,
                )
            )
        upsert(
            connection,
            tables.courses,
            [
                {
                    "id": one.id,
                    "key": _key(one.name),
                    "registry": one.name[0],
                    "patient": one.name[1],
                    "course": one.name[2],
                    "revision": one.revision,
                    "state": enclosed(connection, encode_course(one.course)),
                }
                for one in changed
            ],
        )
        return changed


def name_of(record: Followup) -> Name:
    """What identifies the course of a record."""
    return record.registry, record.patient, record.course


def _key(name: Name) -> str:
    return json.dumps(name)  # no identifier can hold what keeps the three apart


def _courses_of(connection: Connection, cases: Sequence[int]) -> dict[int, Name]:
    """The name of the course that each record counted in until now."""
    links, courses = tables.course_records, tables.courses
    found: dict[int, Name] = {}
    for chunk in _chunks(cases):
        rows = connection.execute(
            select(links.c.case_id, courses.c.registry, courses.c.patient, courses.c.course)
            .join(courses, courses.c.id == links.c.course_id)
            .where(links.c.case_id.in_(chunk))
        )
        found |= {case: (registry, patient, course) for case, registry, patient, course in rows}
    return found


def _load(connection: Connection, touched: dict[Name, _Touched]) -> None:
    table = tables.courses
    by_key = {_key(name): course for name, course in touched.items()}
    for chunk in _chunks(sorted(by_key)):
        rows = connection.execute(
            # locked until the end, in one order: a record can come from another patient's partition
            select(table.c.key, table.c.id, table.c.revision, table.c.state)
            .where(table.c.key.in_(chunk))
            .order_by(table.c.key)
            .with_for_update()
        )
        for key, number, revision, state in rows:
            course = by_key[key]
            course.id, course.revision, course.new = number, revision, False
            course.course = decode_course(disclosed(connection, state))


def _write_findings(connection: Connection, touched: _Touched, course: Course) -> None:
    """Replace what is different; a finding that stays keeps the time at which it was found."""
    before = {finding.key: finding for finding in touched.course.findings}
    now = {finding.key: finding for finding in course.findings}
    table = tables.findings
    gone = [key for key, finding in before.items() if now.get(key) != finding]
    for chunk in _chunks(gone):
        same = [
            and_(table.c.stream == stream, table.c.code == code, table.c.anchor == anchor)
            for stream, code, anchor in chunk
        ]
        connection.execute(delete(table).where(table.c.course_id == touched.id, or_(*same)))
    new = [finding for key, finding in now.items() if before.get(key) != finding]
    insert_rows(connection, table, [_row(touched, finding) for finding in new])


def _row(touched: _Touched, finding: Finding) -> dict[str, Any]:
    return {
        "course_id": touched.id,
        "stream": finding.stream,
        "code": finding.code,
        "anchor": finding.anchor,
        "event": finding.event,
        "day": finding.day,
        "level": finding.level,
        "unit": finding.unit,
        "records": json.dumps(finding.records),
        "explanation": finding.explanation,
        "found_at": touched.taken_at,
    }


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
