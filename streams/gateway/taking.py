"""What the gateway makes of a request's records, and how they reach the log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import select

from schemas.envelope import VERSION, Entry, Envelope, encode, split
from schemas.errors import Fault, MalformedRecord, RecordError
from schemas.formats import SourceRecord
from schemas.record import MAX_BYTES, Checked, Stream, check, checked, named_id
from streams.gateway.bodies import Body, describe
from streams.gateway.receipts import Place
from streams.log import Log, Message, partition_of
from streams.sealing import Sealer
from streams.store import tables
from streams.store.store import Store

_CHUNK = 400  # parameters of one query


@dataclass(frozen=True, slots=True)
class Judged:
    """A record as it goes into an envelope, what decides its partition, and what was left out."""

    entry: Entry
    key: bytes
    masked: tuple[Fault, ...] = ()


def judge(
    stream: Stream, body: Body, *, sender: str, taken_at: float, sealer: Sealer
) -> list[Judged]:
    """Check and seal each record; rejected ones are there too, with their faults."""
    now = datetime.fromtimestamp(taken_at, UTC)
    judged = []
    for index, raw in enumerate(body.records):
        faults: tuple[Fault, ...] = ()
        found = None
        if body.fault:
            faults, record_id = (body.fault,), None
        elif body.found:
            found, record_id, faults = _judge_read(body.found[index], now)
        else:
            try:
                found = check(stream, raw, sender=sender, taken_at=now)
                record_id = found.record_id
            except RecordError as error:
                faults, record_id = _faults(error, raw), _named_id(stream, raw)
        named = found.partition_key if found is not None else record_id
        key = named.encode() if named is not None else hashlib.sha256(raw).digest()
        entry = Entry(
            index,
            sender,
            "push",
            taken_at,
            *sealer.seal(raw[:MAX_BYTES]),
            record_id,
            faults=tuple((f.code, f.path, f.message) for f in faults),
        )
        if found:
            entry = msgspec.structs.replace(
                entry,
                version=found.version,
                status=found.status,
                information_date=found.information_date,
                content_hash=found.content_hash,
                body=sealer.enclose(found.body),
            )
        masked = body.found[index].masked if body.found and not body.fault else ()
        judged.append(Judged(entry, sender.encode() + b"\x1f" + key, masked))
    return judged


def _judge_read(
    record: SourceRecord, now: datetime
) -> tuple[Checked | None, str | None, tuple[Fault, ...]]:
    """What a reader of another format has read; faults name the elements of that format."""
    if record.report is None:
        named = record.record_id is not None
        faults = record.faults
        if not named:
            faults = tuple(
                Fault(f.code, f.path, f"{f.message}; {describe(record.raw)}") for f in faults
            )
        return None, record.record_id, faults
    try:
        found = checked("reports", record.report, sender=record.sender, taken_at=now)
    except RecordError as error:
        faults = tuple(Fault(f.code, record.element_of(f.path), f.message) for f in error.faults)
        return None, record.report.report_id, faults
    return found, found.record_id, ()


def _faults(error: RecordError, raw: bytes) -> tuple[Fault, ...]:
    """The faults; bytes that are no record are also named by their size and hash."""
    if not isinstance(error, MalformedRecord):
        return error.faults
    return tuple(Fault(f.code, f.path, f"{f.message}; {describe(raw)}") for f in error.faults)


def _named_id(stream: Stream, raw: bytes) -> str | None:
    found = named_id(stream, raw)
    # PostgreSQL stores no NUL, and an id that holds one names nothing
    return None if found is None or "\x00" in found else found


def stored_already(store: Store, stream: Stream, judged: Sequence[Judged]) -> set[int]:
    """Indices of the records of which the store holds the same case with the same content."""
    sought: dict[tuple[str, bytes], list[int]] = {}
    for record in judged:
        entry = record.entry
        if not entry.faults:
            case = f"{stream}\x1f{entry.sender}\x1f{entry.record_id}"
            sought.setdefault((case, entry.content_hash), []).append(entry.index)
    cases, versions = tables.cases, tables.versions
    found: set[int] = set()
    if not sought:
        return found
    with store.read() as connection:
        for chunk in _chunks(sorted({case for case, _ in sought})):
            rows = connection.execute(
                select(cases.c.key, versions.c.content_hash)
                .join(versions, versions.c.case_id == cases.c.id)
                .where(cases.c.key.in_(chunk))
            )
            for case, content_hash in rows:
                found.update(sought.get((case, content_hash), ()))
    return found


def _chunks(values: Sequence[str]) -> Iterator[list[str]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def append(log: Log, stream: Stream, partitions: int, judged: Sequence[Judged]) -> list[Place]:
    """Append the records in one call of the log, and return where their envelopes lie.

    Raises `LogError` where the log has not confirmed all of them.
    """
    by_partition: dict[int, list[Entry]] = {}
    for record in judged:
        by_partition.setdefault(partition_of(record.key, partitions), []).append(record.entry)
    messages, counts = [], []
    for partition, entries in sorted(by_partition.items()):
        for run in split(entries):
            value = encode(Envelope(VERSION, stream, run))
            messages.append(Message(stream, partition, run[0].sender.encode(), value))
            counts.append(len(run))
    offsets = log.append(messages)
    return [
        Place(message.partition, offset, count)
        for message, offset, count in zip(messages, offsets, counts, strict=True)
    ]


def _masked(record: Judged) -> dict[str, Any]:
    """What of a message named a person, if anything did."""
    told = [{"code": f.code, "path": f.path, "message": f.message} for f in record.masked]
    return {"masked": told} if told else {}


def answers(judged: Sequence[Judged], duplicates: set[int]) -> list[dict[str, Any]]:
    """What the sender is told of each record."""
    told = []
    for record in judged:
        entry = record.entry
        status = "accepted"
        if entry.faults:
            status = "rejected"
        elif entry.index in duplicates:
            status = "duplicate"
        told.append(
            {
                "index": entry.index,
                "id": entry.record_id,
                "status": status,
                "errors": [
                    {"code": code, "path": path, "message": message}
                    for code, path, message in entry.faults
                ],
            }
            | _masked(record)
        )
    return told
