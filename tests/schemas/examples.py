"""Records that the tests of this package start from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from schemas.errors import RecordError
from schemas.record import Checked, Stream, check

NOW = datetime(2025, 7, 4, 12, tzinfo=UTC)


def report(**changes: Any) -> dict[str, Any]:
    """A small valid report of `clinic-a`, with changes."""
    return {
        "sender": "clinic-a",
        "report_id": "A-1",
        "received_at": "2025-07-03",
        "products": [{"name": "Spravato", "role": "suspect"}],
        "reactions": [{"term": "Dissociation"}],
    } | changes


def dose(**changes: Any) -> dict[str, Any]:
    """A small valid follow-up record of `registry-a`, with changes."""
    return {
        "registry": "registry-a",
        "record_id": "R-1",
        "patient": "P-1",
        "course": "1",
        "at": "2025-07-03T10:00:00Z",
        "kind": "dose",
        "product": "Spravato",
        "dose_mg": 56,
    } | changes


def checked(record: dict[str, Any], stream: Stream = "reports") -> Checked:
    """The record as the gateway would take it from its own sender at `NOW`."""
    sender = "clinic-a" if stream == "reports" else "registry-a"
    return check(stream, json.dumps(record).encode(), sender=sender, taken_at=NOW)


def faults(raw: bytes | dict[str, Any], stream: Stream = "reports") -> list[tuple[str, str]]:
    """(code, path) of each fault that the sender is told; empty for a record that is in order."""
    sender = "clinic-a" if stream == "reports" else "registry-a"
    content = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    try:
        check(stream, content, sender=sender, taken_at=NOW)
    except RecordError as error:
        return [(fault.code, fault.path) for fault in error.faults]
    return []
