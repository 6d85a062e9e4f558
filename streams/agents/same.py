"""Whether two stores say the same of the same records, whatever numbers they gave to their rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, Table, case, select

from streams.agents.check import Check
from streams.store import tables
from streams.store.enclosed import ERASED, disclosed

# what a row was given, or where in the log it was said
_OWN = frozenset({"position", "fit"})


def differences(
    connection: Connection, other: Connection, came_from: Mapping[int, int]
) -> list[Check]:
    """Compare a store with another one; `came_from`: the record that each of the other's is."""
    before = {row.id: tuple(row)[1:] for row in connection.execute(_dispositions())}
    after = {came_from[row.id]: tuple(row)[1:] for row in other.execute(_dispositions())}
    checks = [_compared("what became of each record", before, after)]
    courses = [
        {
            row.key: (disclosed(side, row.state), row.state == ERASED)
            for row in side.execute(_courses())
        }
        for side in (connection, other)
    ]
    checks.append(_compared("courses", *courses))
    for name, query, key in (
        ("cases and the versions that count", _cases(), 1),
        ("findings", _findings(), 4),
        ("scores", _all(tables.scores), 3),
        ("rates", _all(tables.rates), 2),
        ("strata", _all(tables.strata), 4),
    ):
        sides = [
            {tuple(row)[:key]: tuple(row)[key:] for row in side.execute(query)}
            for side in (connection, other)
        ]
        checks.append(_compared(name, *sides))
    return checks


def _compared(name: str, before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Check:
    differing = [
        key
        for key in before.keys() | after.keys()
        if key not in before or key not in after or before[key] != after[key]
    ]
    examples = sorted(map(str, differing))[:5]
    return Check(name, len(differing), {"rows": len(after), "differing": examples})


def _dispositions() -> Select[Any]:
    records, versions, cases = tables.records, tables.versions, tables.cases
    duplicates, quarantine = tables.duplicates, tables.quarantine
    became = case(
        (quarantine.c.id.is_not(None), "quarantined"),
        (duplicates.c.id.is_not(None), "duplicate"),
        (versions.c.id != cases.c.newest, "superseded"),
        (versions.c.status == "nullified", "nullified"),
        (versions.c.id.is_not(None), "counted"),
        else_="lost",
    )
    return (
        select(records.c.id, became, quarantine.c.code)
        .outerjoin(versions, versions.c.id == records.c.id)
        .outerjoin(cases, cases.c.id == versions.c.case_id)
        .outerjoin(duplicates, duplicates.c.id == records.c.id)
        .outerjoin(quarantine, quarantine.c.id == records.c.id)
    )


def _cases() -> Select[Any]:
    cases, versions = tables.cases, tables.versions
    return select(
        cases.c.key, cases.c.revision, versions.c.content_hash, versions.c.status, versions.c.coded
    ).join(versions, versions.c.id == cases.c.newest)


def _courses() -> Select[Any]:
    # a course that lost its last record says nothing, and may never have been in the other store
    return select(tables.courses.c.key, tables.courses.c.state).where(
        tables.courses.c.id.in_(select(tables.course_records.c.course_id))
    )


def _findings() -> Select[Any]:
    table, courses = tables.findings, tables.courses
    names = ("stream", "code", "anchor", "event", "day", "level", "unit", "records", "explanation")
    return select(courses.c.key, *(table.c[name] for name in names)).join(
        courses, courses.c.id == table.c.course_id
    )


def _all(table: Table) -> Select[Any]:
    key = [column for column in table.primary_key if column.name not in _OWN]
    rest = [column for column in table.c if not column.primary_key and column.name not in _OWN]
    return select(*key, *rest)
