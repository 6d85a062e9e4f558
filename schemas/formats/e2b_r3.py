"""`e2b_r3`: batches of ICH E2B(R3) reports (`MCCI_IN200100UV01` with `PORR_IN049016UV`).

The case is C.1.1. E2B(R3) numbers no versions: C.1.5 orders them, then C.1.2; an amendment
(C.1.11.1 = 2) is a version like any other, a nullification (1) voids the case. What becomes of each
data element says `icsr.content`, where each stands in the message `icsr/e2b_r3.outline`.

Each message is a record, with its exact bytes under the batch's own start tag as what was read for
it: so all that a report has no room for is kept there. Where a message with embedded documents is
over 1 MiB, the documents are cut out of it, each replaced by its size and hash. A message that is
no XML, or of another kind (PORR_IN049017UV, PORR_IN049018UV), costs no other message.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.errors import Fault, InputError
from schemas.formats.icsr.message import places, read
from schemas.formats.icsr.record import record
from schemas.formats.lines import Readable, opened
from schemas.formats.messages import Message, Messages, parse, without_documents
from schemas.formats.source import TOO_LONG, Source, SourceRecord
from schemas.record import MAX_BYTES

ROOT = "MCCI_IN200100UV01"
_MESSAGE = "PORR_IN049016UV"
_NAMESPACE = "urn:hl7-org:v3"


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
        messages = Messages(file, "PORR_IN04901[678]UV")
    except InputError as error:
        raise InputError(error.code, f"{source.path}: {error}") from None
    if messages.root.name != ROOT:
        raise InputError(
            "unknown_format", f"{source.path} is no batch of E2B(R3): its root is not {ROOT}"
        )
    return messages


def _record(source: Source, message: Message) -> SourceRecord:
    raw, fault = message.raw, message.fault
    if len(raw) > MAX_BYTES:
        raw = without_documents(raw, source.unknown)
        fault = TOO_LONG if len(raw) > MAX_BYTES else fault
    if message.name != _MESSAGE:
        fault = Fault("unsupported_message", message.name, f"only {_MESSAGE} is read")
    found = fault or parse(raw, source.unknown)
    where = source.where(message.number)
    if isinstance(found, Fault):
        return SourceRecord(raw, None, (found,), where, source.sender)
    values = read(found, places("e2b_r3", _NAMESPACE)[1], source.unknown)
    return record(source, values, raw, where)
