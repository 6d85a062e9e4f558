"""Checks, seals and appends the records of files; what is wrong goes along with its faults."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from schemas.envelope import (
    MAX_ENVELOPE_BYTES,
    MAX_RECORDS,
    VERSION,
    Entry,
    Envelope,
    encode,
    split,
)
from schemas.errors import Fault, InputError, RecordError
from schemas.formats import SourceRecord
from schemas.record import MAX_BYTES, Checked, Stream, check, checked, named_id
from streams.log.base import Log, Message, partition_of
from streams.sealing import Sealer

# envelopes that one append takes: each append waits once for the disk
_ENVELOPES = 8


class Place(NamedTuple):
    """An envelope of the import in the log, and how many records it holds."""

    stream: Stream
    partition: int
    offset: int
    records: int


def entry_of(
    record: SourceRecord, index: int, sealer: Sealer, now: datetime
) -> tuple[Entry, bytes]:
    """A record as it goes into an envelope: its body, or its faults with the place in the file.

    With it the key of its partition, which an empty id gives way to the hash of what was read.
    """
    found: Checked | None = None
    faults: tuple[Fault, ...] = record.faults
    if not faults:
        try:
            found = _checked(record, now)
        except RecordError as error:
            faults = error.faults
    sealed = sealer.seal(record.raw[:MAX_BYTES])
    taken_at = now.timestamp()
    if found is None:
        name = record.record_id or _named_id(record)
        entry = Entry(
            index,
            record.sender,
            "import",
            taken_at,
            *sealed,
            name,
            faults=tuple(
                (f.code, record.element_of(f.path), f"{f.message} ({record.where})") for f in faults
            ),
        )
        return entry, name.encode() if name else hashlib.sha256(record.raw).digest()
    entry = Entry(
        index,
        record.sender,
        "import",
        taken_at,
        *sealed,
        found.record_id,
        found.version,
        found.status,
        found.information_date,
        found.content_hash,
        sealer.enclose(found.body),
    )
    return entry, found.partition_key.encode()


def _checked(record: SourceRecord, now: datetime) -> Checked:
    if record.report is not None:
        return checked(record.stream, record.report, sender=record.sender, taken_at=now)
    return check(record.stream, record.raw, sender=record.sender, taken_at=now)


def _named_id(record: SourceRecord) -> str | None:
    if record.report is not None:
        return record.report.report_id
    found = named_id(record.stream, record.raw)
    # PostgreSQL stores no NUL, and an id that holds one names nothing
    return None if found is None or "\x00" in found else found


@dataclass(slots=True)
class _Waiting:
    """Records of one partition that wait for their envelope to be full."""

    entries: list[Entry] = field(default_factory=list)
    size: int = 0


class Sending:
    """Appends records in the order in which they are given; memory holds a few envelopes.

    `places` says where they lie. Raises `LogError` where the log has not confirmed an append.
    """

    def __init__(self, log: Log, sealer: Sealer, partitions: int) -> None:
        self._log = log
        self._sealer = sealer
        self._partitions = partitions
        self._waiting: dict[tuple[Stream, int], _Waiting] = {}
        self._messages: list[tuple[Message, int]] = []
        self.records = 0
        self.places: list[Place] = []

    def send(self, records: Iterable[SourceRecord], each: Callable[[], object]) -> None:
        """Append records; `each` is called for every one.

        Where a file breaks off (`InputError`), what was read of it is appended first.
        """
        try:
            for record in records:
                self._add(record)
                each()
        except InputError:
            self._flush()
            raise
        self._flush()

    def _add(self, record: SourceRecord) -> None:
        entry, key = entry_of(record, self.records, self._sealer, datetime.now(UTC))
        self.records += 1
        partition = partition_of(record.sender.encode() + b"\x1f" + key, self._partitions)
        waiting = self._waiting.setdefault((record.stream, partition), _Waiting())
        waiting.entries.append(entry)
        waiting.size += len(entry.sealed) + len(entry.body)
        if len(waiting.entries) == MAX_RECORDS or waiting.size > MAX_ENVELOPE_BYTES // 2:
            self._close(record.stream, partition)
            if len(self._messages) >= _ENVELOPES:
                self._append()

    def _close(self, stream: Stream, partition: int) -> None:
        waiting = self._waiting.pop((stream, partition))
        for run in split(waiting.entries):
            value = encode(Envelope(VERSION, stream, run))
            message = Message(stream, partition, run[0].sender.encode(), value)
            self._messages.append((message, len(run)))

    def _append(self) -> None:
        messages, self._messages = self._messages, []
        offsets = self._log.append([message for message, _ in messages])
        for (message, records), offset in zip(messages, offsets, strict=True):
            stream: Stream = "reports" if message.topic == "reports" else "followups"
            self.places.append(Place(stream, message.partition, offset, records))

    def _flush(self) -> None:
        for stream, partition in list(self._waiting):
            self._close(stream, partition)
        if self._messages:
            self._append()
