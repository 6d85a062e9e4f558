"""Everything recomputed from the records as received, in a store of its own, and compared.

What was pushed is opened, checked and judged again from its bytes. An import's bytes are rows of
another format, and raw bytes go after a while: of those the checked body stands for them. Of what a
patient had erased there is neither: what it counts as is carried over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, select

from schemas.envelope import (
    VERSION,
    Change,
    Changes,
    Entry,
    Envelope,
    decode_change,
    decode_changes,
    decode_entry,
)
from schemas.errors import RecordError
from schemas.formats.received import judged
from schemas.record import STREAMS, Stream
from streams.agents.carrying import carry_erased
from streams.agents.check import Check
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.disposal import Disposal
from streams.agents.items import Taken
from streams.agents.same import differences
from streams.sealing import Sealer
from streams.settings import CHANGES, CONSUMERS, DETECT
from streams.store import tables
from streams.store.enclosed import ERASED
from streams.store.store import Store, bind_log, open_store

_LOG = "rebuild"
_END = 1 << 62
_AT_A_TIME = 2_000  # records
_PARTITIONS = 64

Progress = Callable[[int], None]


def rebuild(
    connection: Connection,
    configuration: Configuration,
    sealer: Sealer,
    folder: Path,
    progress: Progress = lambda count: None,
) -> list[Check]:
    """Recompute all that a store holds in another one in `folder`, and compare the two.

    `connection` reads one snapshot, in which everything is disposed of and a checkpoint is the
    newest change.
    """
    store = open_store(f"sqlite:///{folder}/rebuilt.db", sealer=sealer)
    try:
        came_from = _disposed(connection, store, configuration, sealer, progress)
        _detected(store, configuration)
        with store.read() as other:
            return differences(connection, other, came_from)
    finally:
        store.close()


def _disposed(
    connection: Connection,
    store: Store,
    configuration: Configuration,
    sealer: Sealer,
    progress: Progress,
) -> dict[int, int]:
    """Dispose of every record anew; which record of the other store each one is."""
    with store.write() as own:
        for stream in STREAMS:
            ends = {(str(stream), partition): _END for partition in range(_PARTITIONS)}
            bind_log(own, CONSUMERS[stream], _LOG, ends)
        bind_log(own, DETECT, _LOG, {(CHANGES, 0): _END})
    came_from: dict[int, int] = {}
    places: dict[tuple[str, int, int, int], int] = {}
    for stream in STREAMS:
        kept: dict[bytes, Change] = {}
        disposal = Disposal(stream, store, configuration.vocabulary, _LOG, kept)
        offsets: dict[int, int] = {}
        batch: list[Taken] = []
        records = 0
        rows = connection.execute(_received(stream).execution_options(yield_per=_AT_A_TIME))
        for (partition, _), group in groupby(rows, key=lambda row: (row.partition, row.offset)):
            offset = offsets.get(partition, 0)
            offsets[partition] = offset + 1
            entries = []
            for place, row in enumerate(group):
                places[stream, partition, offset, place] = row.id
                entries.append(_entry(row, sealer, kept))
            batch.append(Taken(partition, offset, Envelope(VERSION, stream, tuple(entries))))
            records += len(entries)
            if records >= _AT_A_TIME:
                disposal.dispose(batch)
                progress(records)
                batch, records = [], 0
        if batch:
            disposal.dispose(batch)
            progress(records)
    with store.write() as own:
        carry_erased(connection, own)
    table = tables.records
    with store.read() as own:
        for row in own.execute(
            select(table.c.id, table.c.stream, table.c.partition, table.c.offset, table.c.place)
        ):
            came_from[row.id] = places[row.stream, row.partition, row.offset, row.place]
    return came_from


def _received(stream: Stream) -> Any:
    """Records in the order of the log, each with what was made of it."""
    records, versions = tables.records, tables.versions
    duplicates, quarantine = tables.duplicates, tables.quarantine
    same = versions.alias("same")
    names = ("version", "information_date", "content_hash", "status", "body", "coded")
    return (
        select(
            records,
            quarantine.c.report_id.label("held_id"),
            quarantine.c.entry,
            quarantine.c.faults,
            tables.cases.c.report_id,
            *(versions.c[name].label(f"own_{name}") for name in names),
            *(same.c[name].label(f"same_{name}") for name in names),
        )
        .outerjoin(versions, versions.c.id == records.c.id)
        .outerjoin(duplicates, duplicates.c.id == records.c.id)
        .outerjoin(same, same.c.id == duplicates.c.version_id)
        .outerjoin(quarantine, quarantine.c.id == records.c.id)
        .outerjoin(
            tables.cases,
            tables.cases.c.id == func.coalesce(versions.c.case_id, same.c.case_id),
        )
        .where(records.c.stream == stream)
        .order_by(records.c.partition, records.c.offset, records.c.place)
    )


def _entry(row: Any, sealer: Sealer, kept: dict[bytes, Change]) -> Entry:
    common: dict[str, Any] = {
        "index": row.request_index,
        "sender": row.sender,
        "origin": row.origin,
        "taken_at": row.taken_at,
        "sealed": row.sealed,
        "wrapped_key": row.wrapped_key or b"",
        "sealed_hash": row.sealed_hash,
    }
    if row.origin == "push" and row.wrapped_key is not None:
        taken_at = datetime.fromtimestamp(row.taken_at, UTC)
        raw = sealer.open(row.sealed, row.wrapped_key)
        try:
            found = judged(row.stream, raw, sender=row.sender, taken_at=taken_at)
        except RecordError as error:
            faults = tuple((f.code, f.path, f.message) for f in error.faults)
            return Entry(**common, record_id=row.held_id, faults=faults)
        return Entry(
            **common,
            record_id=found.record_id,
            version=found.version,
            status=found.status,
            information_date=found.information_date,
            content_hash=found.content_hash,
            body=sealer.enclose(found.body),
        )
    if row.faults is not None:
        if row.entry is None:
            stored = tuple((code, path, text) for code, path, text in json.loads(row.faults))
            return Entry(**common, record_id=row.held_id, faults=stored)
        held = decode_entry(row.entry)
        fields = ("record_id", "version", "status", "information_date", "content_hash", "body")
        return Entry(**common, **{name: getattr(held, name) for name in fields})
    kind = "own" if row.own_body is not None else "same"
    if getattr(row, f"{kind}_body") == ERASED:
        kept[row.sealed_hash] = decode_change(getattr(row, f"{kind}_coded"))
    names = ("version", "information_date", "content_hash", "status", "body")
    return Entry(
        **common,
        record_id=row.report_id,
        **{name: getattr(row, f"{kind}_{name}") for name in names},
    )


def _detected(store: Store, configuration: Configuration) -> None:
    """Apply every change, then a checkpoint."""
    detector = Detector(store, configuration, _LOG)
    for position, changes in enumerate(_changes(store)):
        detector.apply([(position, changes)])


def _changes(store: Store) -> Iterator[Changes]:
    table = tables.outbox
    last = 0
    while True:
        with store.read() as connection:
            rows = connection.execute(
                select(table.c.id, table.c.value)
                .where(table.c.topic == CHANGES, table.c.id > last)
                .order_by(table.c.id)
                .limit(64)
            ).all()
        if not rows:
            break
        last = rows[-1].id
        for row in rows:
            yield decode_changes(row.value)
    with store.write() as connection:
        connection.execute(delete(table))
    yield Changes(VERSION, (Change("checkpoint", reason="rebuild"),))
