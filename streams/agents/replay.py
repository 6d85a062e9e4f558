"""Records of the quarantine, sent through the log once more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from schemas.envelope import VERSION, Entry, Envelope, decode_entry, encode, split
from schemas.errors import RecordError
from schemas.formats.received import judged
from streams.log.base import Log, Message
from streams.sealing import Sealer
from streams.settings import Settings


def replay(settings: Settings, log: Log, sealer: Sealer, rows: Sequence[Any]) -> None:
    """Append held records (rows of `store.quarantine`) again, checked by this program.

    They keep the partition of their first arrival, so that versions of a case stay in order.
    """
    runs: dict[tuple[str, int], list[Entry]] = {}
    for row in rows:
        if row.wrapped_key is None:
            continue  # erased: it stays what it is
        runs.setdefault((row.stream, row.partition), []).append(_entry(sealer, row))
    messages = [
        Message(stream, partition, b"", encode(Envelope(VERSION, stream, records)))  # type: ignore[arg-type]
        for (stream, partition), entries in runs.items()
        for records in split(entries)
    ]
    log.ensure_topics(settings.topics())
    if messages:
        log.append(messages)


def _entry(sealer: Sealer, row: Any) -> Entry:
    common: dict[str, Any] = {
        "index": row.request_index,
        "sender": row.sender,
        "origin": row.origin,
        "taken_at": row.taken_at,
        "sealed": row.sealed,
        "wrapped_key": row.wrapped_key,
        "sealed_hash": row.sealed_hash,
        "record_id": row.report_id,
        "replay_of": row.id,
    }
    if row.entry is not None:
        # it was in order, and only the quality suite held it: an import's bytes are no JSON of ours
        return msgspec.structs.replace(decode_entry(row.entry), **common)
    taken_at = datetime.fromtimestamp(row.taken_at, UTC)
    try:
        found = judged(
            row.stream,
            sealer.open(row.sealed, row.wrapped_key),
            sender=row.sender,
            taken_at=taken_at,
        )
    except RecordError as error:
        found_now = tuple((f.code, f.path, f.message) for f in error.faults)
        # a row of an imported table is no JSON of ours: what its reader said stands
        stored = tuple((code, path, message) for code, path, message in json.loads(row.faults))
        return Entry(**common, faults=stored if row.origin == "import" else found_now)
    return Entry(
        **common | {"record_id": found.record_id},
        version=found.version,
        status=found.status,
        information_date=found.information_date,
        content_hash=found.content_hash,
        body=sealer.enclose(found.body),
    )
