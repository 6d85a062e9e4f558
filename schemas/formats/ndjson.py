"""`ndjson`: one record a line, in our own schema: reports, and follow-up records among them.

A record keeps the sender it names, since such a file is mostly a copy of what was received. A
record that names none is given the import's; where the user names a sender, a record of another
one is refused (`another_sender`), since two senders may use the same report id. Version and
information date are the record's own fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.formats.lines import lines, opened
from schemas.formats.source import Source, SourceRecord
from schemas.record import MAX_BYTES, Stream

_BOM = b"\xef\xbb\xbf"
_MAX_SENDER = 100


class _Names(msgspec.Struct):
    """The fields that tell whose record it is, and of which stream."""

    sender: Any = None
    registry: Any = None
    record_id: Any = None
    report_id: Any = None


_names = msgspec.json.Decoder(_Names)


def records(source: Source) -> Iterator[SourceRecord]:
    """The records of the file; blank lines are none."""
    with opened(source.path) as file:
        for number, line in lines(file):
            raw = line.removeprefix(_BOM) if number == 1 else line
            raw = raw if len(raw) > MAX_BYTES else raw.strip()
            if raw:
                yield record_of(source, raw, source.where(number))


def record_of(source: Source, raw: bytes, where: str) -> SourceRecord:
    """A record in our own schema, still to be checked."""
    try:
        names = _names.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return SourceRecord(raw, None, (), where, source.sender)
    stream: Stream = "reports"
    field, own = "sender", names.sender
    follow_up = names.registry is not None or names.record_id is not None
    if follow_up and own is None and names.report_id is None:
        stream, field, own = "followups", "registry", names.registry
    if own is None:
        raw = _named(raw, field, source.sender)
    if source.given is None and isinstance(own, str) and 0 < len(own) <= _MAX_SENDER:
        return SourceRecord(raw, None, (), where, own.strip() or source.sender, stream)
    return SourceRecord(raw, None, (), where, source.sender, stream)


def _named(raw: bytes, field: str, sender: str) -> bytes:
    """The same JSON object with its sender put in front."""
    body = raw[1:].lstrip()
    comma = b"" if body.startswith(b"}") else b","
    return b"{" + msgspec.json.encode(field) + b":" + msgspec.json.encode(sender) + comma + body
