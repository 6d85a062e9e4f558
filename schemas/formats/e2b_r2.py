"""`e2b_r2`: ICH E2B(R2) messages (`ichicsr` with `safetyreport`), FAERS quarterly XML among them.

The case is `safetyreportid`, its version `safetyreportversion`, the information date `receiptdate`,
then `transmissiondate`. What becomes of each tag says `icsr/r2.tsv`; of what a report has no room
for, see `icsr.content`. An id of the case elsewhere counts only where it has six characters and a
digit, as in `faers_ascii`.

A document type may stand before the message, as it does in most, with or without its identifiers;
it is never fetched, and one that declares anything itself is refused. Tags may be in capital
letters, and characters named as in HTML, as SGML allows. Each report is a record, with its exact
bytes under the message's own start tag.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.errors import Fault, InputError
from schemas.formats.icsr.r2 import of_xml, values_of
from schemas.formats.icsr.record import record
from schemas.formats.lines import Readable, opened
from schemas.formats.messages import Message, Messages, parse
from schemas.formats.source import TOO_LONG, Source, SourceRecord
from schemas.record import MAX_BYTES

ROOT = "ichicsr"


def records(source: Source) -> Iterator[SourceRecord]:
    """The records of the file, in its order; `where` counts them from 1."""
    with opened(source.path) as file:
        yield from records_of(source, file)


def check(source: Source) -> None:
    """Raise `InputError` where the file cannot be read at all."""
    with opened(source.path) as file:
        _messages(source, file)


def records_of(source: Source, file: Readable) -> Iterator[SourceRecord]:
    """The records of what has been opened."""
    messages = _messages(source, file)
    for message in messages:
        yield _record(source, message)
    try:
        messages.check_end()
    except InputError as error:
        raise InputError(error.code, f"{source.path}: {error}") from None


def _messages(source: Source, file: Readable) -> Messages:
    try:
        messages = Messages(file, "(?i:safetyreport)", document_type=True)
    except InputError as error:
        raise InputError(error.code, f"{source.path}: {error}") from None
    if messages.root.name.lower() != ROOT:
        raise InputError(
            "unknown_format", f"{source.path} is no message of E2B(R2): its root is not {ROOT}"
        )
    return messages


def _record(source: Source, message: Message) -> SourceRecord:
    fault = message.fault or (TOO_LONG if len(message.raw) > MAX_BYTES else None)
    found = fault or parse(message.raw, source.unknown, entities=True)
    where = source.where(message.number)
    if isinstance(found, Fault):
        return SourceRecord(message.raw, None, (found,), where, source.sender)
    values = values_of(of_xml(found), source.unknown)
    return record(source, values, message.raw, where)
