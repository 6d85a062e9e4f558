"""From the bytes of one record to a checked record, or to the faults a sender is told.

What becomes of a record depends on its bytes, its sender and the time it was taken, on nothing
else; the same function serves the gateway, imports and replays.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from pydantic import TypeAdapter, ValidationError

from schemas import times
from schemas.errors import Fault, InvalidRecord, MalformedRecord
from schemas.followup import FOLLOWUP, Followup
from schemas.report import Report

Stream = Literal["reports", "followups"]
STREAMS: tuple[Stream, ...] = ("reports", "followups")

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_FAULTS = 50

REPORT: TypeAdapter[Report] = TypeAdapter(Report)

# pydantic's error types are its own; senders get codes that stay the same when pydantic's change
_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "literal_error": "not_permitted",
    "enum": "not_permitted",
    "union_tag_invalid": "not_permitted",
    "union_tag_not_found": "missing",
    "greater_than_equal": "too_small",
    "greater_than": "too_small",
    "less_than_equal": "too_large",
    "less_than": "too_large",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "string_pattern_mismatch": "wrong_pattern",
    "too_long": "too_many",
    "too_short": "too_few",
    "finite_number": "not_finite",
}
_OWN = frozenset(
    {"naive_datetime", "not_a_date", "wrong_type", "direct_identifier", "no_product", "no_reaction"}
)


_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Checked:
    """A record that may enter a batch.

    `body` is its canonical JSON without the narrative; `content_hash` (SHA-256, 32 bytes) is over
    the canonical JSON with it, so that a changed narrative is other content. `partition_key` keeps
    together what belongs together: the versions of a report, the records of a patient.
    """

    stream: Stream
    sender: str
    record_id: str
    version: int | None
    status: str
    information_date: str
    content_hash: bytes
    body: bytes
    partition_key: str

    @property
    def order_key(self) -> tuple[int, str, bytes]:
        """What orders the versions of one case; the greatest one wins."""
        return self.version or 0, times.sort_key(self.information_date), self.content_hash


def check(stream: Stream, raw: bytes, *, sender: str, taken_at: datetime) -> Checked:
    """Check one record given as JSON bytes.

    Raises `MalformedRecord` where the bytes are no record and `InvalidRecord` where a field is
    not permitted, each with every fault found.

    >>> from datetime import UTC
    >>> now = datetime(2025, 7, 4, tzinfo=UTC)
    >>> check("reports", b'{"sender": "b"}', sender="b", taken_at=now)
    Traceback (most recent call last):
    ...
    schemas.errors.InvalidRecord: report_id: Field required; received_at: Field required
    """
    _well_formed(raw)
    adapter: TypeAdapter[Any] = REPORT if stream == "reports" else FOLLOWUP
    try:
        record = adapter.validate_json(raw)
    except ValidationError as error:
        raise _refusal(error) from None
    return checked(stream, record, sender=sender, taken_at=taken_at)


def report_of_json(raw: bytes) -> Report:
    """A report from JSON in our own schema; raises what `check` does."""
    _well_formed(raw)
    try:
        return REPORT.validate_json(raw)
    except ValidationError as error:
        raise _refusal(error) from None


def report_of(content: dict[str, Any]) -> Report:
    """A report from the values that a reader of another format made; raises `InvalidRecord`."""
    try:
        return REPORT.validate_python(content)
    except ValidationError as error:
        raise _refusal(error) from None


def checked(
    stream: Stream, record: Report | Followup, *, sender: str, taken_at: datetime
) -> Checked:
    """The rules that need more than the record: whose key it came with, and when."""
    owner, record_id = record.case
    if owner != sender:
        field = "sender" if stream == "reports" else "registry"
        raise InvalidRecord(
            (Fault("another_sender", field, f"the key given belongs to {sender!r}"),)
        )
    future = tuple(
        Fault("future_date", path, "lies after the time at which it was sent")
        for path, moment in record.moments()
        if times.in_future(moment, taken_at)
    )
    if future:
        raise InvalidRecord(future)
    adapter: TypeAdapter[Any] = REPORT if stream == "reports" else FOLLOWUP
    whole = adapter.dump_json(record, exclude_defaults=True)
    if b"\\u0000" in whole:  # of a table, say: PostgreSQL stores none
        raise _malformed("nul_byte", "the record holds a NUL character")
    if len(whole) > MAX_BYTES:
        raise _malformed("record_too_large", f"a record may have {MAX_BYTES} bytes at the most")
    narrative = getattr(record, "narrative", None)
    body = (
        whole
        if narrative is None
        else adapter.dump_json(record, exclude_defaults=True, exclude={"narrative"})
    )
    return Checked(
        stream,
        owner,
        record_id,
        record.version,
        record.status,
        record.information_date,
        hashlib.sha256(whole).digest(),
        body,
        record_id if isinstance(record, Report) else record.patient,
    )


def _well_formed(raw: bytes) -> None:
    if len(raw) > MAX_BYTES:
        raise _malformed("record_too_large", f"a record may have {MAX_BYTES} bytes at the most")
    if raw[:2] in _UTF_16:
        raise _malformed("wrong_encoding", "this is UTF-16; send UTF-8")
    if b"\x00" in raw or b"\\u0000" in raw:
        raise _malformed("nul_byte", "the record holds a NUL character")
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            raise _malformed(
                "wrong_encoding", f"not UTF-8 (at byte {error.start}); send UTF-8"
            ) from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and depth(raw) > MAX_DEPTH:
        raise _malformed("too_deep", f"nested more than {MAX_DEPTH} levels deep")


def depth(raw: bytes) -> int:
    """How deep brackets nest in JSON bytes, strings left out; needs no recursion.

    >>> depth(b'{"a": ["[[", {}]}')
    3
    """
    deepest = level = 0
    in_string = escaped = False
    for byte in raw:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif byte in b"]}":
            level -= 1
    return deepest


def _malformed(code: str, message: str) -> MalformedRecord:
    return MalformedRecord((Fault(code, "", message),))


def _refusal(error: ValidationError) -> InvalidRecord | MalformedRecord:
    faults = []
    items = error.errors(include_url=False, include_context=False, include_input=False)
    for item in items[:MAX_FAULTS]:
        kind = item["type"]
        if kind == "json_invalid":
            return _malformed("malformed_json", str(item["msg"]))
        code = kind if kind in _OWN else _CODES.get(kind, "wrong_type")
        # pydantic's own message repeats the value
        message = "not a kind of record" if kind == "union_tag_invalid" else str(item["msg"])
        faults.append(Fault(code, _path(item["loc"])[:250], message))
    if len(items) > MAX_FAULTS:
        faults.append(Fault("more_faults", "", f"and {len(items) - MAX_FAULTS} more"))
    return InvalidRecord(tuple(faults))


def _path(location: tuple[int | str, ...]) -> str:
    """`products[0].dose_mg`; the tag of a union's member is left out."""
    path = ""
    for i, step in enumerate(location):
        if isinstance(step, int):
            path += f"[{step}]"
        elif not (i == 0 and step in _KINDS):
            path += f".{step}" if path else step
    return path


_KINDS = frozenset(
    "enrolment dose vital_signs dissociation sedation cognitive mood suicidality urinary liver "
    "dispensing misuse_screen biomarker exit".split()
)


def named_id(stream: Stream, raw: bytes) -> str | None:
    """The id a record gives itself, even where it is otherwise refused; else None."""
    field = "report_id" if stream == "reports" else "record_id"
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    value = found.get(field) if isinstance(found, dict) else None
    return value[:100] if isinstance(value, str) and value else None
