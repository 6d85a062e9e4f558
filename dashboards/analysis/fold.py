"""The cases as they stood at a position: folded from `changes`, with what their versions said.

A report is made of this alone, so that one of a moment gone by is the one that was made then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from detectors.casebook import Casebook
from detectors.coding import content
from schemas.envelope import LINKED, Change, decode_change
from streams.store import tables
from streams.store.changes import newest_changes
from streams.store.enclosed import ERASED, disclosed

Body = dict[str, Any]

# cases asked for by number: of their versions, where an index is, and of changes, where none is
FEW, MANY = 500, 5_000


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a case as the store has it; `taken_at`: when the gateway took it."""

    id: int
    number: int | None
    sort_key: str
    content_hash: bytes
    taken_at: float
    body: bytes

    @property
    def order_key(self) -> tuple[int, str, bytes]:
        """The greatest one counts."""
        return self.number or 0, self.sort_key, self.content_hash


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it stood: its newest change, and the versions known by then, the newest last."""

    sender: str
    report_id: str
    change: Change
    versions: tuple[Version, ...]

    def body(self) -> Body:
        """The newest version as sent, without narrative; empty where it was erased."""
        if self.erased:
            return {}
        found: Body = msgspec.json.decode(self.versions[-1].body)
        return found

    @property
    def erased(self) -> bool:
        """Whether what was read of it was erased since: what it counts as stays."""
        return self.versions[-1].body == ERASED

    @property
    def conflict(self) -> bool:
        """Whether versions of one stated number (or of none, and one date) say different things."""
        keys = Counter(
            (v.number, None if v.number is not None else v.sort_key) for v in self.versions
        )
        return any(n > 1 for n in keys.values())


@dataclass(frozen=True, slots=True)
class Fold:
    """All cases as they stood, in the order of their numbers, and the casebook of them."""

    cases: tuple[Case, ...]
    book: Casebook
    newest_record: int
    superseded: int

    def of_pair(self, dataset: str, product: str, event: str) -> list[Case]:
        """The cases that count for a pair."""
        by_id = {case.change.case_id: case for case in self.cases}
        return [by_id[number] for number in self.book.cases_of(dataset, product, event)]


def fold(connection: Connection, position: int, strata_of: Callable[[str], bool]) -> Fold:
    """Every case as of a position; `strata_of`: products that also count by route and setting."""
    changes = {change.case_id: change for change in newest_changes(connection, position)}
    numbers = {number: change.versions for number, change in changes.items()}
    known = sorted(versions_of(connection, numbers, position), key=lambda one: one[0])
    cases = tuple(
        Case(sender, report_id, changes[number], versions)
        for number, sender, report_id, versions in known
    )
    book = Casebook.of(
        (
            case.change.case_id,
            case.change.revision,
            content(case.change, strata_of=strata_of),
        )
        for case in cases
    )
    return Fold(
        cases,
        book,
        max((v.id for case in cases for v in case.versions), default=0),
        sum(len(case.versions) - 1 for case in cases),
    )


def versions_of(
    connection: Connection, numbers: Mapping[int, int], position: int
) -> Iterator[tuple[int, str, str, tuple[Version, ...]]]:
    """Number, sender and name of each case, and its versions known at a position, the newest last.

    `numbers`: of each case asked for, how many it had there.
    """
    cases, versions, records = tables.cases, tables.versions, tables.records
    query = (
        select(
            versions.c.case_id,
            cases.c.sender,
            cases.c.report_id,
            versions.c.id,
            versions.c.version,
            versions.c.sort_key,
            versions.c.content_hash,
            versions.c.body,
            records.c.taken_at,
        )
        .join(cases, cases.c.id == versions.c.case_id)
        .join(records, records.c.id == versions.c.id)
        .where(cases.c.stream == "reports")
        .order_by(versions.c.case_id, versions.c.id)
    )
    if len(numbers) <= FEW:
        query = query.where(versions.c.case_id.in_(list(numbers)))
    rows = connection.execute(query.execution_options(yield_per=5_000))
    later: dict[int, tuple[str, str, list[Version]]] = {}
    for number, group in groupby(rows, key=lambda row: row.case_id):
        if number not in numbers:
            continue
        listed = list(group)
        own = [
            Version(row.id, row.version, row.sort_key, row.content_hash, row.taken_at, row.body)
            for row in listed
        ]
        named = listed[0].sender, listed[0].report_id
        if len(own) > numbers[number]:
            later[number] = (*named, own)
        else:
            yield number, *named, _ordered(connection, own)
    for number, taken in _taken(connection, later, position).items():
        sender, report_id, own = later[number]
        # a change that names the time of no version is taken for those that came first
        known = _by_then(own, taken) or own[: numbers[number]]
        yield number, sender, report_id, _ordered(connection, known)


def _taken(connection: Connection, numbers: Iterable[int], position: int) -> dict[int, list[float]]:
    """When the versions that made the changes of some cases were taken, up to a position."""
    table = tables.changes
    wanted = sorted(numbers)
    out: dict[int, list[float]] = {}
    for start in range(0, len(wanted), MANY):
        rows = connection.execute(
            select(table.c.case_id, table.c.body)
            .where(
                table.c.kind == "case",
                table.c.position <= position,
                table.c.case_id.in_(wanted[start : start + MANY]),
            )
            .order_by(table.c.case_id, table.c.revision)
        )
        for number, body in rows:
            change = decode_change(body)
            if change.reason != LINKED:  # else another case made it
                out.setdefault(number, []).append(change.taken_at)
    return out


def _by_then(versions: Sequence[Version], taken: Sequence[float]) -> list[Version]:
    """Those of some versions that some changes came of: each change has the time of its version.

    A record that leaves quarantine keeps its time and its number, so that the order of numbers is
    not that of the changes.

    >>> made = [Version(i, None, "", b"", at, b"") for i, at in ((1, 5.0), (2, 7.0), (3, 7.0))]
    >>> [version.id for version in _by_then(made, [7.0])]
    [2]
    """
    waiting = Counter(taken)
    out = []
    for version in versions:
        if waiting[version.taken_at]:
            waiting[version.taken_at] -= 1
            out.append(version)
    return out


def _ordered(connection: Connection, versions: Iterable[Version]) -> tuple[Version, ...]:
    """The newest last; only its body is needed."""
    *older, newest = sorted(versions, key=lambda version: version.order_key)
    opened = replace(newest, body=disclosed(connection, newest.body))
    return (*(replace(version, body=b"") for version in older), opened)


def received(connection: Connection, newest_record: int) -> int:
    """Records of reports that were in the store with the newest one that had been counted.

    Numbers of records are given in the transaction that writes them, so that this is the same
    whenever it is asked.
    """
    table = tables.records
    query = select(func.count()).where(table.c.stream == "reports", table.c.id <= newest_record)
    return connection.scalar(query) or 0
