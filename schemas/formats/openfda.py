"""`openfda`: reports of openFDA drug/event: an answer with `results`, a list, or one a line.

The keys are the tags of E2B(R2); what becomes of each says `icsr/r2.tsv`. The case is
`safetyreportid`, its version `safetyreportversion` (none in the years of AERS), the information
date `receiptdate`, then `transmissiondate`. A key that is missing says nothing. What openFDA added
itself (`openfda`) is not read.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.errors import Fault
from schemas.formats.documents import decoded, documents
from schemas.formats.icsr.r2 import values_of
from schemas.formats.icsr.record import record
from schemas.formats.source import Source, SourceRecord

KEY = "safetyreportid"


def records(source: Source) -> Iterator[SourceRecord]:
    """The records of the file, exactly as they stand in it; `where` counts them or their lines."""
    for number, raw in documents(source.path):
        yield _record(source, raw, source.where(number))


def _record(source: Source, raw: bytes, where: str) -> SourceRecord:
    found = decoded(raw)
    if not isinstance(found, dict):
        wrong = Fault("wrong_type", "", "a report is a JSON object")
        fault = found if isinstance(found, Fault) else wrong
        return SourceRecord(raw, None, (fault,), where, source.sender)
    return record(source, values_of(found, source.unknown), raw, where)
