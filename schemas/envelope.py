"""What travels through the log: envelopes of records, and of changes. MessagePack, versioned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

import msgspec

from schemas.errors import Fault, LogError
from schemas.record import Stream

VERSION = 1
MAX_RECORDS = 500
MAX_ENVELOPE_BYTES = 2 << 20


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One record as the gateway took it.

    `sealed` is the record's raw bytes under a key of its own (`wrapped_key`, itself under the
    master key); `sealed_hash` is SHA-256 over `sealed`. Either `body` (canonical JSON without
    narrative, enclosed under a key of its own, see `streams.sealing`) or `faults` is given. `index`
    is its place in the request; `replay_of` the id of a quarantined record that goes through again,
    and is then not received a second time. A
    `canary` is no record of anybody: it goes all the way to be timed, is never received or counted.
    """

    index: int
    sender: str
    origin: Literal["push", "import", "canary"]
    taken_at: float
    sealed: bytes
    wrapped_key: bytes
    sealed_hash: bytes
    record_id: str | None
    version: int | None = None
    status: str = "active"
    information_date: str = ""
    content_hash: bytes = b""
    body: bytes = b""
    faults: tuple[tuple[str, str, str], ...] = ()
    replay_of: int | None = None

    def errors(self) -> tuple[Fault, ...]:
        """The faults as a sender is told them."""
        return tuple(Fault(*fault) for fault in self.faults)


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """At most 500 records of one partition, of one request or file."""

    v: int
    stream: Stream
    records: tuple[Entry, ...]


class CodedProduct(msgspec.Struct, frozen=True, array_like=True):
    """A product as counted: coded name, role, strata, and the day the case first held it.

    `rechallenge`: the day the case first called one positive; 0 where it does not.
    """

    name: str
    role: str
    day: int
    route: str = ""
    setting: str = ""
    matched: bool = False
    rechallenge: int = 0


class CodedEvent(msgspec.Struct, frozen=True, array_like=True):
    """An event term as counted, the groups it stands in, and the day the case first held it.

    `fatal`: the day the case first called it fatal; 0 where it does not.
    """

    name: str
    day: int
    groups: tuple[str, ...] = ()
    matched: bool = False
    fatal: int = 0


class Ids(msgspec.Struct, frozen=True, array_like=True):
    """The ids of a report as hashes (`schemas.linking`): of the sender, its own, others it names.

    `nameable`: whether its own is such that another report can be meant by it.
    """

    sender: int
    own: int
    nameable: bool
    named: tuple[int, ...] = ()


# what a book of the detector is kept by, but for the demand of a checkpoint, and the canary
Kind = Literal["case", "course", "checkpoint", "canary"]

CANARY: Literal["canary"] = "canary"

LINKED = "linked"

# why a checkpoint is demanded where an import has ended: its days can be closed
IMPORT_ENDED = "import"


class Change(msgspec.Struct, frozen=True, array_like=True):
    """A case or a patient course as its newest records say, a demand for a checkpoint, a canary.

    `revision` counts the changes of one case from 1; whoever has a revision ignores it.
    `taken_at` is when the gateway took the version that made the change (seconds since 1970);
    `reason` why a checkpoint is demanded, or the stream that a canary came by. `case_id` of a
    course is its own number; `payload` is what it contributes to the cohort
    (`detectors.followup.content`).

    `ids` and `told` (what its information date sorts by) are what links cases of several senders.
    The detector says the rest: a case for which another one counts has the status `linked`, and
    its number in `counted_by`. Where that changes because of another case, the detector makes a
    change of its own, with the reason `linked`; `extra` counts those, within `revision`.
    """

    kind: Kind
    case_id: int = 0
    revision: int = 0
    status: str = "active"
    dataset: str = "spontaneous"
    products: tuple[CodedProduct, ...] = ()
    events: tuple[CodedEvent, ...] = ()
    serious: bool = False
    fatal: bool = False
    origin: str = "push"
    taken_at: float = 0.0
    reason: str = ""
    payload: bytes = b""
    ids: Ids | None = None
    told: str = ""
    extra: int = 0
    counted_by: int = 0

    @property
    def versions(self) -> int:
        """How many versions of its own the case has had."""
        return self.revision - self.extra


class Changes(msgspec.Struct, frozen=True, array_like=True):
    """At most 500 changes, in the order in which they were made."""

    v: int
    changes: tuple[Change, ...]


# a text that is no UTF-8 and too deep a nesting come as Python's own errors
_DAMAGE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_Message = TypeVar("_Message", Envelope, Changes)

_encoder = msgspec.msgpack.Encoder()
_envelope = msgspec.msgpack.Decoder(Envelope)
_changes = msgspec.msgpack.Decoder(Changes)
_change = msgspec.msgpack.Decoder(Change)
_entry = msgspec.msgpack.Decoder(Entry)


def encode(message: Envelope | Changes | Change | Entry) -> bytes:
    """The bytes of a message."""
    return _encoder.encode(message)


def decode_envelope(value: bytes) -> Envelope:
    """An envelope; `LogError` ("envelope_version", "envelope_damaged") where it is none.

    >>> decode_envelope(encode(Envelope(1, "reports", ()))).stream
    'reports'
    """
    return _decode(_envelope, value)


def records_in(value: bytes | None) -> tuple[int, int]:
    """How many records a message holds, and how many of them are received for the first time.

    What cannot be read is one, as the quarantine will have it. Canaries are none.

    >>> records_in(encode(Envelope(1, "reports", ()))), records_in(b"?")
    ((0, 0), (1, 1))
    """
    try:
        held = decode_envelope(value or b"").records
    except LogError as error:
        if error.code != "envelope_damaged":
            raise
        return 1, 1
    records = [record for record in held if record.origin != CANARY]
    return len(records), sum(record.replay_of is None for record in records)


def decode_changes(value: bytes) -> Changes:
    """Changes; errors as `decode_envelope`."""
    return _decode(_changes, value)


def decode_change(value: bytes) -> Change:
    """One change, as the store keeps it."""
    return _change.decode(value)


def decode_entry(value: bytes) -> Entry:
    """One record, as the quarantine keeps it."""
    return _entry.decode(value)


def _decode(decoder: msgspec.msgpack.Decoder[_Message], value: bytes) -> _Message:
    try:
        found = decoder.decode(value)
    except _DAMAGE as error:
        # a message of a newer program may have another shape: its version says so
        _check_version(_first(value))
        raise LogError("envelope_damaged", f"a message cannot be read: {error}") from None
    _check_version(found.v)
    return found


def _first(value: bytes) -> object:
    try:
        return msgspec.msgpack.decode(value)[0]
    except (*_DAMAGE, IndexError, KeyError, TypeError):
        raise LogError("envelope_damaged", "a message of the log cannot be read") from None


def _check_version(found: object) -> None:
    if found != VERSION:
        raise LogError(
            "envelope_version",
            f"a message has schema version {found!r}, this program reads {VERSION}; upgrade it",
        )


def split(records: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    """Records cut into runs that each fit one envelope, order kept."""
    runs: list[tuple[Entry, ...]] = []
    run: list[Entry] = []
    size = 0
    for record in records:
        weight = len(record.sealed) + len(record.body) + 512
        if run and (len(run) == MAX_RECORDS or size + weight > MAX_ENVELOPE_BYTES):
            runs.append(tuple(run))
            run, size = [], 0
        run.append(record)
        size += weight
    if run:
        runs.append(tuple(run))
    return runs
