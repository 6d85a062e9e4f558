"""From the body of a request to the exact bytes of its records."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec
from starlette.requests import ClientDisconnect, Request

from schemas.errors import Fault
from schemas.formats import SourceRecord
from schemas.formats.received import Kind, received
from schemas.record import Stream
from streams.gateway.limits import Limits
from streams.gateway.refusals import Refusal

Form = Literal[
    "application/json", "application/x-ndjson", "application/xml", "application/fhir+json"
]
# forms that hold reports alone, in the formats of others
EXCHANGED: dict[str, Kind] = {"application/xml": "xml", "application/fhir+json": "fhir"}
_FORMS: dict[str, Form] = {form: form for form in get_args(Form)}
_WHITESPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of each record; where the body cannot be parsed, all of it and the `fault`.

    `found` is what a reader of another format made of each; `content` then all of the body.
    """

    records: list[bytes]
    fault: Fault | None = None
    found: list[SourceRecord] | None = None
    content: bytes = b""


class Memory:
    """What all bodies in work take, in bytes; a body that does not fit is refused as `busy`."""

    def __init__(self, limit: int) -> None:
        self._free = limit

    def take(self, size: int) -> None:
        """Count bytes that have arrived."""
        if size > self._free:
            raise Refusal(
                "busy", "too many bodies at once; nothing was stored, send again", retry_after=1
            )
        self._free -= size

    def give_back(self, size: int) -> None:
        """These bytes are gone again."""
        self._free += size


def form_of(request: Request, stream: Stream) -> Form:
    """What the body is said to be; refuses what is not read of that stream."""
    given, *parameters = request.headers.get("content-type", "").split(";")
    form = _FORMS.get(given.strip().lower())
    if form is None or (form in EXCHANGED and stream != "reports"):
        raise Refusal(
            "unsupported_type",
            "send application/json (one record or a list) or application/x-ndjson; reports also "
            "as application/xml (E2B R3 or R2) or application/fhir+json; nothing was stored",
        )
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        charset = value.strip('"').lower()
        if name.lower() == "charset" and charset not in ("utf-8", "utf8", "us-ascii"):
            raise Refusal("unsupported_charset", "send UTF-8; nothing was stored")
    return form


def zipped(request: Request) -> bool:
    """Whether the body is packed with gzip; refuses other encodings."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise Refusal(
            "unsupported_encoding", "the content encoding may be gzip; nothing was stored"
        )
    return encoding == "gzip"


async def receive(request: Request, limits: Limits, memory: Memory) -> bytes:
    """Read a body, and stop as soon as it is too large or too slow.

    The caller gives the memory back. What is refused has given it back already.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limits.max_bytes:
        raise _too_large(limits)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                if len(body) + len(chunk) > limits.max_bytes:
                    raise _too_large(limits)
                memory.take(len(chunk))
                body += chunk
    except BaseException as error:
        memory.give_back(len(body))
        if isinstance(error, ClientDisconnect):
            raise Refusal("broken_off", "the body broke off; nothing was stored") from None
        if isinstance(error, TimeoutError):
            raise Refusal(
                "too_slow", f"the body took over {limits.body_seconds:g} s; nothing was stored"
            ) from None
        raise
    return bytes(body)


def parse(body: bytes, form: Form, packed: bool, limits: Limits, sender: str) -> Body:
    """Cut a body into records. Refuses one that holds nothing, or more than the limits allow."""
    if packed:
        try:
            body = _unpack(body, limits)
        except zlib.error:
            return Body([body], Fault("damaged_gzip", "", f"not gzip; {describe(body)}"))
    if body[:2] in _UTF_16:
        # its bytes cannot be cut at line ends
        return _unreadable(body, "wrong_encoding", "this is UTF-16; send UTF-8")
    body = body.removeprefix(_BOM).strip(_WHITESPACE)
    if body and (kind := EXCHANGED.get(form)):
        read = received(body, kind, sender)
        found = Body([record.raw for record in read], None, read, body)
    elif form == "application/x-ndjson":
        lines = (line.strip(_WHITESPACE) for line in body.split(b"\n"))
        found = Body([line for line in lines if line])
    elif body.startswith(b"["):
        found = _list(body)
    else:
        found = Body([body] if body else [])
    if not found.records:
        raise Refusal("empty_body", "the body holds no record; nothing was stored")
    if len(found.records) > limits.max_records:
        raise Refusal(
            "too_many_records",
            f"a request may hold {limits.max_records} records; nothing was stored",
        )
    return found


def describe(raw: bytes) -> str:
    """Size and hash of bytes that are no record, by which the sender can find them again."""
    return f"{len(raw)} bytes, SHA-256 {hashlib.sha256(raw).hexdigest()}"


def _list(body: bytes) -> Body:
    try:
        return Body([bytes(raw) for raw in msgspec.json.decode(body, type=list[msgspec.Raw])])
    except RecursionError:
        return _unreadable(body, "too_deep", "nested too deep")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = str(error)
    if b"\x00" in body:
        return _unreadable(body, "nul_byte", "the body holds a NUL character")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return _unreadable(body, "wrong_encoding", f"not UTF-8 (at byte {error.start}); send UTF-8")
    return _unreadable(body, "malformed_json", reason)


def _unreadable(body: bytes, code: str, message: str) -> Body:
    return Body([body], Fault(code, "", f"{message}; {describe(body)}"))


def _unpack(body: bytes, limits: Limits) -> bytes:
    """Unpack gzip, member by member, and never more than the limit and a byte."""
    found = bytearray()
    while body:
        member = zlib.decompressobj(wbits=31)
        found += member.decompress(body, limits.max_bytes + 1 - len(found))
        if len(found) > limits.max_bytes:
            raise _too_large(limits)
        if not member.eof:
            raise zlib.error("broken off")
        body = member.unused_data
    return bytes(found)


def _too_large(limits: Limits) -> Refusal:
    return Refusal(
        "body_too_large",
        f"a body may have {limits.max_bytes} bytes at the most, unpacked too; nothing was stored",
    )
