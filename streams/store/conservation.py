"""The conservation law: what was received, and what became of it, each counted on its own.

    received = counted + superseded + nullified + duplicate + quarantined + in flight

Received are the raw records in the store and those in envelopes past the stored positions; in
flight are the latter; each disposition is counted from the tables of cases, versions, duplicates
and quarantine, never from a counter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Table, case, func, select

from schemas.envelope import records_in
from schemas.record import STREAMS
from streams.log.base import Log
from streams.settings import CONSUMERS
from streams.store import tables
from streams.store.store import stored_positions

DISPOSITIONS = ("counted", "superseded", "nullified", "duplicate", "quarantined", "in_flight")
_AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class Law:
    """The two sides of the law for one stream.

    >>> Law(3, {"counted": 2, "duplicate": 1}).holds
    True
    """

    received: int
    disposed: Mapping[str, int]

    @property
    def difference(self) -> int:
        """Received less disposed: records that are lost (above 0) or counted twice (below)."""
        return self.received - sum(self.disposed.values())

    @property
    def holds(self) -> bool:
        """Whether every record received is accounted for."""
        return self.difference == 0


def conservation(connection: Connection, pending: Mapping[str, int]) -> dict[str, Law]:
    """The law of each stream, in one snapshot; `pending`: records in flight, from `in_flight`."""
    received = _counts(connection, select(tables.records.c.stream, func.count()))
    out: dict[str, Law] = {}
    versions = _versions(connection)
    duplicates = _by_stream(connection, tables.duplicates)
    held = _by_stream(connection, tables.quarantine)
    for stream in STREAMS:
        counts = versions.get(stream, {})
        disposed = {
            "counted": counts.get("counted", 0),
            "superseded": counts.get("superseded", 0),
            "nullified": counts.get("nullified", 0),
            "duplicate": duplicates.get(stream, 0),
            "quarantined": held.get(stream, 0),
            "in_flight": pending.get(stream, 0),
        }
        out[stream] = Law(received.get(stream, 0) + pending.get(stream, 0), disposed)
    return out


def in_flight(connection: Connection, log: Log, partitions: int) -> dict[str, int]:
    """Records in the envelopes past the stored positions; one sent again, or a canary, is none."""
    out: dict[str, int] = {}
    for stream in STREAMS:
        held = stored_positions(connection, CONSUMERS[stream])
        out[stream] = sum(
            _records_from(log, stream, partition, held.get((stream, partition), 0))
            for partition in range(partitions)
        )
    return out


def _records_from(log: Log, topic: str, partition: int, offset: int) -> int:
    count = 0
    while messages := log.read(topic, partition, offset, _AT_A_TIME):
        count += sum(records_in(message.value)[1] for message in messages)
        offset = messages[-1].offset + 1
    return count


def _versions(connection: Connection) -> dict[str, dict[str, int]]:
    cases, versions = tables.cases, tables.versions
    became = case(
        (versions.c.id != cases.c.newest, "superseded"),
        (versions.c.status == "nullified", "nullified"),
        else_="counted",
    )
    rows = connection.execute(
        select(cases.c.stream, became, func.count())
        .join(versions, versions.c.case_id == cases.c.id)
        .group_by(cases.c.stream, became)
    )
    out: dict[str, dict[str, int]] = {}
    for stream, name, count in rows:
        out.setdefault(stream, {})[name] = count
    return out


def _by_stream(connection: Connection, table: Table) -> dict[str, int]:
    records = tables.records
    query = select(records.c.stream, func.count()).join(table, table.c.id == records.c.id)
    return _counts(connection, query)


def _counts(connection: Connection, query: Select[Any]) -> dict[str, int]:
    rows = connection.execute(query.group_by(tables.records.c.stream))
    return {row[0]: row[1] for row in rows}
