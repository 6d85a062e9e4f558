"""Records of other formats that are pushed, not read from a file: E2B in XML, and FHIR."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from schemas.errors import Fault, InputError, InvalidRecord
from schemas.formats import e2b_r2, e2b_r3, fhir
from schemas.formats.documents import documents_of
from schemas.formats.messages import HEAD, root_of
from schemas.formats.source import Source, SourceRecord
from schemas.identifiers import MASKED
from schemas.record import Checked, Stream, check, checked

Kind = Literal["xml", "fhir"]
_NAME = Path("body")


def received(content: bytes, kind: Kind, sender: str) -> list[SourceRecord]:
    """The records of a body. What is no record of it is one too, with its fault.

    >>> received(b"<html/>", "xml", "clinic-a")[0].faults[0].code
    'unknown_format'
    """
    found: list[SourceRecord] = []
    source = Source(_NAME, kind, sender)
    try:
        # one by one: those before the damage stand
        for record in _xml(content, source) if kind == "xml" else _fhir(content, source):
            found.append(replace(record, masked=_masked(source)))  # noqa: PERF401
    except InputError as error:
        found.append(_damage(content, error, sender, len(found) + 1))
    return found


def judged(stream: Stream, raw: bytes, *, sender: str, taken_at: datetime) -> Checked:
    """Check the bytes of one record of whatever format it came in; raises `RecordError`."""
    kind = kind_of(raw)
    if stream != "reports" or kind is None:
        return check(stream, raw, sender=sender, taken_at=taken_at)
    record = received(raw, kind, sender)[0]
    if record.report is None:
        raise InvalidRecord(record.faults)
    return checked(stream, record.report, sender=record.sender, taken_at=taken_at)


def kind_of(raw: bytes) -> Kind | None:
    """Which of the pushed formats a record has; None: our own JSON, or a row of a table."""
    beginning = raw[:HEAD].lstrip()
    if beginning.startswith(b"<"):
        return "xml"
    return "fhir" if b'"resourceType"' in beginning else None


def _masked(source: Source) -> tuple[Fault, ...]:
    """What the record that was just read named of people; the source counts the next one anew."""
    behind = f": {MASKED}"
    paths = [key.removesuffix(behind) for key in source.unknown if key.endswith(behind)]
    source.unknown.clear()
    return tuple(Fault("direct_identifier", path, f"{MASKED}; left out") for path in paths)


def _xml(content: bytes, source: Source) -> Iterator[SourceRecord]:
    name = root_of(content[:HEAD], document_type=True).name
    reader = e2b_r3 if name == e2b_r3.ROOT else e2b_r2
    if name.lower() not in (e2b_r3.ROOT.lower(), e2b_r2.ROOT):
        raise InputError("unknown_format", f"the root is neither {e2b_r3.ROOT} nor {e2b_r2.ROOT}")
    yield from reader.records_of(source, io.BytesIO(content))


def _fhir(content: bytes, source: Source) -> Iterator[SourceRecord]:
    yield from fhir.records_of(source, lambda: documents_of(content, _NAME))


def _damage(content: bytes, error: InputError, sender: str, place: int) -> SourceRecord:
    fault = Fault(error.code, "", str(error))
    return SourceRecord(content, None, (fault,), f"{_NAME}:{place}", sender)
