"""From the columns of one case to a `SourceRecord`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from schemas.errors import RecordError
from schemas.formats.source import Source, SourceRecord
from schemas.formats.tables import Row
from schemas.identifiers import without
from schemas.record import report_of

_encode = msgspec.json.Encoder().encode


def raw_of(
    values: dict[str, str], unknown: Counter[str], needed: frozenset[str] = frozenset()
) -> bytes:
    """The columns of a row that are not empty and identify nobody, or are needed, as JSON."""
    return _encode(without(values, unknown, needed))


def faulty(source: Source, row: Row) -> SourceRecord:
    """A row that could not be read."""
    faults = (row.fault,) if row.fault else ()
    return SourceRecord(row.raw, None, faults, source.where(row.line), source.sender)


def built(content: dict[str, Any], raw: bytes, where: str) -> SourceRecord:
    """A record of what a reader made of it: its report, or what is wrong with it."""
    sender = content["sender"]
    try:
        return SourceRecord(raw, report_of(content), (), where, sender)
    except RecordError as error:
        known = str(content.get("report_id") or "")[:100] or None
        return SourceRecord(raw, None, error.faults, where, sender, record_id=known)


def values_of(cell: str, separator: str = "|") -> list[str]:
    """The values of a cell that holds several, separated by a bar.

    >>> values_of("Nausea| Vomiting|")
    ['Nausea', 'Vomiting']
    """
    if separator not in cell:
        return [value] if (value := cell.strip()) else []
    return [value for part in cell.split(separator) if (value := part.strip())]
