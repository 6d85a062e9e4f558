"""From columns to what is sent: JSON in the order of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

import msgspec
import numpy as np

from schemas.record import Stream
from streams.simulate.cohort.amiss import Sent
from streams.simulate.cohort.cohort import KINDS, Cohort
from streams.simulate.cohort.table import DATE, Ints, Table

COURSE = "1"
_NUMBERS = 100_000
_BLOCK = 100_000  # records that are made at once
# one letter a kind, in record ids
_LETTERS = dict(zip(KINDS, "EBDVIAGMSULPQX", strict=True))
_encode = msgspec.json.Encoder().encode

Record = dict[str, Any]


class Outgoing(NamedTuple):
    """A record on its way: when (days of the calendar), by whom, where to, and its JSON."""

    sent: float
    sender: str
    stream: Stream
    raw: bytes


class Names:
    """What courses, records and days are called; `origin` is the first day of the calendar."""

    def __init__(self, cohort: Cohort, origin: date) -> None:
        self._prefix = cohort.plan.prefix
        registries = [arm.registry for arm in cohort.people.arms]
        self.registry = [registries[place] for place in cohort.people.arm.tolist()]
        self.patient = [f"{self._prefix}P{course}" for course in range(len(cohort.people))]
        self.origin = origin
        self._dates = [
            (origin + timedelta(days=day)).isoformat() for day in range(cohort.plan.days)
        ]
        self._clock: dict[int, str] = {DATE: ""}

    def ids(self, kind: str, course: Ints, number: Ints) -> list[str]:
        """Of records of a kind; the same for all versions of one."""
        prefix, letter = self._prefix, _LETTERS[kind]
        return [
            f"{prefix}{one}-{letter}{n}"
            for one, n in zip(course.tolist(), (number % _NUMBERS).tolist(), strict=True)
        ]

    def moments(self, table: Table) -> list[str]:
        """The moment of each row: a date, or a time in UTC."""
        for second in np.unique(table.second).tolist():
            if second not in self._clock:
                hours, rest = divmod(second, 3600)
                self._clock[second] = f"T{hours:02}:{rest // 60:02}:{rest % 60:02}Z"
        dates, clock = self._dates, self._clock
        return [
            dates[day] + clock[second]
            for day, second in zip(table.day.tolist(), table.second.tolist(), strict=True)
        ]

    def date(self, day: int) -> str:
        """A day of the calendar."""
        return (self.origin + timedelta(days=day)).isoformat()


def followups(cohort: Cohort, origin: date) -> Iterator[Outgoing]:
    """The follow-up records of all courses, versions and repeats too, in the order of arrival.

    >>> from streams.simulate.cohort.cohort import simulate
    >>> from streams.simulate.cohort.plan import Plan
    >>> sent = list(followups(simulate(Plan(courses=5, days=60)), date(2025, 1, 1)))
    >>> sent == sorted(sent, key=lambda one: one.sent)
    True
    >>> msgspec.json.decode(sent[0].raw)["kind"]
    'enrolment'
    """
    names = Names(cohort, origin)
    kinds, rows, sent = _order(cohort)
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        made: list[tuple[str, bytes]] = [("", b"")] * len(rows[block])
        for kind, name in enumerate(cohort.records):
            places = np.flatnonzero(kinds[block] == kind)
            taken = cohort.records[name].take(rows[block][places])
            for place, one in zip(places.tolist(), _encoded(names, name, taken), strict=True):
                made[place] = one
        for at, (registry, raw) in zip(sent[block].tolist(), made, strict=True):
            yield Outgoing(at, registry, "followups", raw)


def _order(cohort: Cohort) -> tuple[Ints, Ints, np.typing.NDArray[np.float64]]:
    """Kind, row and moment of each record that is sent, in order."""
    parts = []
    for kind, (name, records) in enumerate(cohort.records.items()):
        again = np.flatnonzero(~np.isnan(records.again))
        rows = np.concatenate([np.arange(len(records)), again])
        at = np.concatenate([records.sent, records.again[again]])
        table = records.table
        # an enrolment has no time and comes first, an exit has none and comes last
        place = {"enrolment": -1, "exit": 1}.get(name, 0)
        parts.append(
            (
                np.full(len(rows), kind),
                rows,
                at,
                table.course[rows],
                table.second[rows],
                np.full(len(rows), place),
            )
        )
    kinds, rows, at, course, second, first = (
        np.concatenate([part[i] for part in parts]) for i in range(6)
    )
    order = np.lexsort((kinds, second, first, course, at))
    return kinds[order], rows[order], at[order]


def _encoded(names: Names, kind: str, records: Sent) -> Iterator[tuple[str, bytes]]:
    """Registry and JSON of each row."""
    table = records.table
    same, lists = table.lists(compact=True)
    fields = list(lists)
    columns = zip(*lists.values(), strict=True) if lists else iter([()] * len(table))
    for course, id_, version, void, at, values in zip(
        table.course.tolist(),
        names.ids(kind, table.course, records.number),
        records.version.tolist(),
        records.nullified.tolist(),
        names.moments(table),
        columns,
        strict=True,
    ):
        registry = names.registry[course]
        record: Record = {
            "registry": registry,
            "record_id": id_,
            "version": version,
            "patient": names.patient[course],
            "course": COURSE,
            "at": at,
            "kind": kind,
            **same,
        }
        if void:
            record["status"] = "nullified"
        for field, value in zip(fields, values, strict=True):
            if value is not None:
                record[field] = value
        yield registry, _encode(record)
