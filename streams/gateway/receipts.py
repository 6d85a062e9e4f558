"""Receipts: where the envelopes of a request lie, and what became of its records."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, select

from schemas.errors import StoreError
from schemas.record import STREAMS, Stream
from streams.gateway.refusals import Refusal
from streams.sealing import Sealer
from streams.settings import CONSUMERS
from streams.store import tables
from streams.store.store import Store, stored_positions

DISPOSITIONS = ("counted", "superseded", "nullified", "duplicate", "quarantined", "pending")

_VERSION = 1
_TAG = 12
_CHUNK = 400


class Place(NamedTuple):
    """An envelope in the log, and how many records it holds."""

    partition: int
    offset: int
    records: int


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """What the id of a receipt says."""

    stream: int
    places: list[tuple[int, int, int]]


class Receipts:
    """Gives out receipts and reads them; it keeps no state but a secret.

    The id holds the places and a tag over them and the sender, so that nobody can make one up or
    read another sender's.

    >>> receipts = Receipts(Sealer(bytes(32)))
    >>> given = receipts.give("followups", "clinic-a", [Place(3, 17, 500)])
    >>> receipts.read(given, "clinic-a")
    ('followups', [Place(partition=3, offset=17, records=500)])
    >>> receipts.read(given, "clinic-b")
    Traceback (most recent call last):
    ...
    streams.gateway.refusals.Refusal: there is no such receipt of this sender
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def give(self, stream: Stream, sender: str, places: Iterable[Place]) -> str:
        """The id of a receipt."""
        receipt = Receipt(
            STREAMS.index(stream),
            [(place.partition, place.offset, place.records) for place in places],
        )
        payload = bytes([_VERSION]) + msgspec.msgpack.encode(receipt)
        tagged = payload + self._tags(payload, sender)[0]
        return base64.urlsafe_b64encode(tagged).rstrip(b"=").decode()

    def read(self, receipt_id: str, sender: str) -> tuple[Stream, list[Place]]:
        """The stream and places of a sender's receipt; else refuses ("no_such_receipt")."""
        try:
            raw = base64.b64decode(receipt_id + "=" * (-len(receipt_id) % 4), b"-_", validate=True)
        except (ValueError, binascii.Error):
            raw = b""
        payload, tag = raw[:-_TAG], raw[-_TAG:]
        # one that was given before the master key was rotated holds as long as that key does
        known = [hmac.compare_digest(tag, own) for own in self._tags(payload, sender)]
        if not payload or not any(known):
            raise Refusal("no_such_receipt", "there is no such receipt of this sender")
        receipt = msgspec.msgpack.decode(payload[1:], type=Receipt)
        return STREAMS[receipt.stream], [Place(*place) for place in receipt.places]

    def _tags(self, payload: bytes, sender: str) -> list[bytes]:
        message = payload + b"\x00" + sender.encode()
        secrets = self._sealer.derive("receipts")
        return [hmac.digest(secret, message, "sha256")[:_TAG] for secret in secrets]


def look_up(store: Store, stream: Stream, places: Sequence[Place]) -> dict[str, Any]:
    """What became of each record, all at one moment.

    Raises `StoreError` ("record_missing") where one lies before the stored position and is not
    in the store: that can never be.
    """
    found: dict[int, dict[str, Any]] = {}
    with store.read() as connection:
        positions = stored_positions(connection, CONSUMERS[stream])
        behind: dict[int, list[int]] = {}
        expected = 0
        for place in places:
            if place.offset < positions.get((stream, place.partition), 0):
                behind.setdefault(place.partition, []).append(place.offset)
                expected += place.records
        for partition, offsets in behind.items():
            for start in range(0, len(offsets), _CHUNK):
                chunk = offsets[start : start + _CHUNK]
                found |= _disposed(connection, stream, partition, chunk)
    if len(found) != expected:
        raise StoreError("record_missing", "the store lacks records that it has passed")
    total = sum(place.records for place in places)
    pending: dict[str, Any] = {"id": None, "disposition": "pending", "errors": []}
    records = [{"index": index} | found.get(index, pending) for index in range(total)]
    counts: Counter[str] = Counter(record["disposition"] for record in records)
    summary = {"received": total} | {name: counts[name] for name in DISPOSITIONS}
    return {"stream": stream, "summary": summary, "records": records}


def _disposed(
    connection: Connection, stream: Stream, partition: int, offsets: Sequence[int]
) -> dict[int, dict[str, Any]]:
    records, versions, cases = tables.records, tables.versions, tables.cases
    duplicates, quarantine = tables.duplicates, tables.quarantine
    same = versions.alias("same")
    own = cases.alias("own")
    rows = connection.execute(
        select(
            records.c.request_index,
            versions.c.status,
            (own.c.newest == versions.c.id).label("newest"),
            own.c.report_id.label("own_id"),
            duplicates.c.version_id,
            cases.c.report_id.label("same_id"),
            quarantine.c.faults,
            quarantine.c.report_id.label("held_id"),
        )
        .select_from(records)
        .outerjoin(versions, versions.c.id == records.c.id)
        .outerjoin(own, own.c.id == versions.c.case_id)
        .outerjoin(duplicates, duplicates.c.id == records.c.id)
        .outerjoin(same, same.c.id == duplicates.c.version_id)
        .outerjoin(cases, cases.c.id == same.c.case_id)
        .outerjoin(quarantine, quarantine.c.id == records.c.id)
        .where(
            and_(
                records.c.stream == stream,
                records.c.partition == partition,
                records.c.offset.in_(offsets),
            )
        )
    )
    found = {}
    for row in rows:
        errors: list[dict[str, str]] = []
        if row.status is not None:
            counted = "nullified" if row.status == "nullified" else "counted"
            named, disposition = row.own_id, counted if row.newest else "superseded"
        elif row.version_id is not None:
            named, disposition = row.same_id, "duplicate"
        elif row.faults is not None:
            named, disposition = row.held_id, "quarantined"
            errors = [
                {"code": code, "path": path, "message": message}
                for code, path, message in json.loads(row.faults)
            ]
        else:
            raise StoreError("record_missing", "a record in the store has no disposition")
        found[row.request_index] = {"id": named, "disposition": disposition, "errors": errors}
    return found
