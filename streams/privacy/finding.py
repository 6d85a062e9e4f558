"""Which rows of the store are a patient's, or a case's: every version, every copy, all courses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Select, select

from schemas.envelope import decode_entry
from schemas.record import Stream
from streams.agents.erased import as_json, pseudonym_in
from streams.store import erased_names, tables
from streams.store.enclosed import ERASED, disclosed, raw
from streams.store.erased_names import Name

CHUNK = 500  # ids of one query


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose records: a patient by the pseudonym that a sender uses, or one case of a sender."""

    kind: Literal["patient", "report"]
    sender: str
    name: str

    def own(self) -> Name:
        """The name of which nothing is taken any more."""
        if self.kind == "patient":
            return erased_names.patient(self.sender, self.name)
        return erased_names.case("reports", self.sender, self.name)


@dataclass(slots=True)
class Found:
    """Records (held ones and copies included), courses, and cases that are wholly the subject's."""

    records: set[int] = field(default_factory=set)
    courses: list[int] = field(default_factory=list)
    cases: dict[int, Name] = field(default_factory=dict)


def find(connection: Connection, subject: Subject) -> Found:
    """All that is of a subject and can still be read.

    A case is the patient's if its newest version says so; of a case that was corrected to another
    patient only the versions are that named this one. What is held is looked through as it was
    sent.
    """
    found = Found()
    if subject.kind == "report":
        _case(connection, subject, found)
    else:
        _patient(connection, subject, found)
    duplicates, versions = tables.duplicates, tables.versions
    for chunk in chunks(sorted(found.cases)):
        found.records.update(
            connection.scalars(select(versions.c.id).where(versions.c.case_id.in_(chunk)))
        )
    for chunk in chunks(sorted(found.records)):
        found.records.update(
            connection.scalars(select(duplicates.c.id).where(duplicates.c.version_id.in_(chunk)))
        )
    found.records.update(_held(connection, subject, set(found.cases.values())))
    return found


def _case(connection: Connection, subject: Subject, found: Found) -> None:
    table, (_, sender, name) = tables.cases, subject.own()
    query = select(table.c.id).where(
        table.c.stream == "reports", table.c.sender == sender, table.c.report_id == name
    )
    found.cases |= {number: subject.own() for number in connection.scalars(query)}


def _patient(connection: Connection, subject: Subject, found: Found) -> None:
    cases, versions, courses = tables.cases, tables.versions, tables.courses
    query = (
        select(
            versions.c.id,
            versions.c.case_id,
            versions.c.body,
            cases.c.stream,
            cases.c.newest,
            cases.c.report_id,
        )
        .join(cases, cases.c.id == versions.c.case_id)
        .where(cases.c.sender == subject.sender, versions.c.body != ERASED)
    )
    for row in connection.execute(query.execution_options(yield_per=2_000)):
        body = msgspec.json.decode(disclosed(connection, row.body))
        if pseudonym_in(row.stream, body) != subject.name:
            continue
        found.records.add(row.id)
        if row.id == row.newest:
            name = erased_names.case(row.stream, subject.sender, row.report_id)
            found.cases[row.case_id] = name
    found.courses += connection.scalars(
        select(courses.c.id)
        .where(courses.c.registry == subject.sender, courses.c.patient == subject.name)
        .order_by(courses.c.id)
        .with_for_update()
    )


def _held(connection: Connection, subject: Subject, names: set[Name]) -> Iterator[int]:
    """Records in quarantine that are of the subject's cases, or name it anywhere in their bytes."""
    word = re.compile(rb"(?<![\w-])" + re.escape(subject.name.encode()) + rb"(?![\w-])")
    for row in connection.execute(_quarantined(subject.sender)):
        name = erased_names.case(row.stream, subject.sender, row.report_id or "")
        if (
            name in names
            or name == subject.own()
            or (
                subject.kind == "patient"
                and (
                    _body_names(connection, row, subject.name)
                    or word.search(raw(connection, row.sealed, row.wrapped_key) or b"")
                )
            )
        ):
            yield row.id


def _quarantined(sender: str) -> Select[Any]:
    held, records = tables.quarantine, tables.records
    readable = records.c.wrapped_key.is_not(None) | held.c.entry.is_not(None)
    return (
        select(
            held.c.id,
            held.c.report_id,
            held.c.entry,
            records.c.stream,
            records.c.sealed,
            records.c.wrapped_key,
        )
        .join(records, records.c.id == held.c.id)
        .where(records.c.sender == sender, readable)
        .execution_options(yield_per=500)
    )


def _body_names(connection: Connection, row: Any, name: str) -> bool:
    stream: Stream = row.stream
    if row.entry is None:
        return False
    return (
        pseudonym_in(stream, as_json(disclosed(connection, decode_entry(row.entry).body))) == name
    )


def chunks(values: Sequence[int]) -> Iterable[Sequence[int]]:
    """A list in parts, each of which one query can name."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
