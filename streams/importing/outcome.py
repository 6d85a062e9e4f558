"""What became of the records of an import, read from the store: its receipt."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, case, func, select

from schemas.envelope import Change
from schemas.record import Stream
from streams.importing.sending import Place
from streams.store import tables

DISPOSITIONS = ("counted", "superseded", "nullified", "duplicate", "quarantined")

_change = msgspec.msgpack.Decoder(Change)


@dataclass(slots=True)
class Unmatched:
    """Names that the vocabulary does not know, among those of the records that were kept."""

    names: int = 0
    mentions: int = 0
    of: int = 0


@dataclass(slots=True)
class Outcome:
    """`received` against what became of it; `held` counts the quarantined by code."""

    received: int
    dispositions: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    products: Unmatched = field(default_factory=Unmatched)
    events: Unmatched = field(default_factory=Unmatched)

    @property
    def lost(self) -> int:
        """Records of which nothing is known; 0, or something is broken."""
        return self.received - sum(self.dispositions[name] for name in DISPOSITIONS)


def outcome(connection: Connection, places: Sequence[Place]) -> Outcome:
    """What became of the records in some envelopes, all of which are disposed of.

    Received is what was appended; each disposition is counted from the tables of cases, versions,
    duplicates and quarantine.
    """
    found = Outcome(sum(place.records for place in places))
    for row in _in_places(connection, places, _became()):
        found.dispositions[row.became] += row.count
        if row.code is not None:
            found.held[row.code] += row.count
    names: tuple[Counter[str], Counter[str]] = Counter(), Counter()
    for row in _in_places(connection, places, _coded()):
        change = _change.decode(row.coded)
        for unmatched, entries, seen in (
            (found.products, change.products, names[0]),
            (found.events, change.events, names[1]),
        ):
            unmatched.of += len(entries)
            seen.update(entry.name for entry in entries if not entry.matched)
    for unmatched, seen in zip((found.products, found.events), names, strict=True):
        unmatched.names, unmatched.mentions = len(seen), seen.total()
    return found


def _became() -> Select[Any]:
    records, cases, versions = tables.records, tables.cases, tables.versions
    duplicates, quarantine = tables.duplicates, tables.quarantine
    became = case(
        (quarantine.c.id.is_not(None), "quarantined"),
        (duplicates.c.id.is_not(None), "duplicate"),
        (versions.c.id.is_(None), "lost"),
        (versions.c.id != cases.c.newest, "superseded"),
        (versions.c.status == "nullified", "nullified"),
        else_="counted",
    ).label("became")
    return (
        select(
            records.c.partition,
            records.c.offset,
            became,
            quarantine.c.code,
            func.count().label("count"),
        )
        .outerjoin(versions, versions.c.id == records.c.id)
        .outerjoin(cases, cases.c.id == versions.c.case_id)
        .outerjoin(duplicates, duplicates.c.id == records.c.id)
        .outerjoin(quarantine, quarantine.c.id == records.c.id)
        .group_by(records.c.partition, records.c.offset, became, quarantine.c.code)
    )


def _coded() -> Select[Any]:
    records, versions = tables.records, tables.versions
    return select(records.c.partition, records.c.offset, versions.c.coded).join(
        versions, versions.c.id == records.c.id
    )


def _in_places(
    connection: Connection, places: Sequence[Place], query: Select[Any]
) -> Iterator[Any]:
    """Rows of a query that lie in these envelopes; others may have appended between them."""
    records = tables.records
    offsets: dict[tuple[Stream, int], set[int]] = defaultdict(set)
    for place in places:
        offsets[place.stream, place.partition].add(place.offset)
    for (stream, partition), mine in sorted(offsets.items()):
        rows = connection.execute(
            query.execution_options(yield_per=2_000).where(
                records.c.stream == stream,
                records.c.partition == partition,
                records.c.offset.between(min(mine), max(mine)),
            )
        )
        for row in rows:
            if row.offset in mine:
                yield row
