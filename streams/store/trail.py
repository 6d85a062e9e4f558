"""The audit trail: who did what, when and why, each entry chained to the one before by its hash.

The hash of an entry is SHA-256 over the 32 bytes of the hash before (zeros before the first) and
the UTF-8 bytes of the JSON list `[seq, at, who, role, what, subject, why, before, after]`, without
spaces, every character as it is, `before` and `after` as the texts that are stored. The newest
number and hash also stand in `meta`, so that entries missing at the end are missed too.

A chain shows that something was changed, not by whom; who may write to the database can make a new
chain. Against that, keep the newest hash elsewhere: `ketavigil verify` and the page print it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, LargeBinary, cast, insert, select, text

from streams.store import tables
from streams.store.writing import upsert

HEAD = "trail"  # its key in `meta`
FIRST = bytes(32)
READ = "patient_rows_read"  # what is written for each reading of rows of single patients
_COLUMNS = ("seq", "at", "who", "role", "what", "subject", "why", "before", "after")


class Actor(NamedTuple):
    """Who does it, and as what."""

    name: str
    role: str


NOBODY = Actor("", "")
CONSOLE = Actor("console", "console")
SYSTEM = Actor("ketavigil", "system")


@dataclass(frozen=True, slots=True)
class Fault:
    """An entry that is not as it was written, and what is wrong with it."""

    seq: int
    message: str


def lock(connection: Connection) -> None:
    """Be the only writer until the transaction ends: SQLite has only one, PostgreSQL waits here."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("LOCK TABLE trail IN EXCLUSIVE MODE"))


def append(
    connection: Connection,
    actor: Actor,
    what: str,
    subject: str,
    *,
    why: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> int:
    """Write an entry in this transaction; its number, which follows the one before without a gap.

    It is the last thing in its transaction to take a lock, or `lock` was the first.
    """
    lock(connection)
    table = tables.trail
    last = connection.execute(
        select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)
    ).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, FIRST)
    at = time.time_ns() // 1000
    values = (seq, at, *actor, what, subject, why, _json(before), _json(after))
    hashed = digest(previous, values)
    row = dict(zip(_COLUMNS, values, strict=True)) | {"previous": previous, "hash": hashed}
    connection.execute(insert(table), [row])
    upsert(connection, tables.meta, [{"key": HEAD, "value": f"{seq} {hashed.hex()}"}])
    return seq


def digest(previous: bytes, values: tuple[Any, ...]) -> bytes:
    """The hash of an entry, from the hash before it and its columns in their order.

    >>> digest(FIRST, (1, 0, "Ann", "officer", "signed_in", "user Ann", "", None, None)).hex()[:16]
    '14ce47d4c25a189e'
    """
    canonical = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(previous + canonical.encode("utf-8", "surrogatepass")).digest()


def head(connection: Connection) -> tuple[int, str]:
    """The number and the hash (hex) of the newest entry: (0, zeros) before the first."""
    table = tables.meta
    value = connection.scalar(select(table.c.value).where(table.c.key == HEAD))
    seq, _, hashed = (value or f"0 {FIRST.hex()}").partition(" ")
    return int(seq), hashed


def faults(connection: Connection) -> Iterator[Fault]:
    """Every entry that was changed, is missing, or does not follow the one before it."""
    expected, seq = 1, 0
    follows: set[Any] = {FIRST}
    for row in _raw(connection):
        seq = row[0] if isinstance(row[0], int) else -1
        *values, previous, stored = row
        if seq > expected:
            for number in range(expected, min(seq, expected + 1000)):
                yield Fault(number, "is missing")
        elif seq < expected:
            yield Fault(seq, "has no number of this trail")
        hashed = _digest_of(previous, tuple(values))
        if hashed != stored:
            yield Fault(seq, "was changed")
        if seq == expected and previous not in follows:
            yield Fault(seq, "does not follow the entry before it")
        # an entry whose own hash was changed must not make the next one look wrong
        follows = {stored, hashed}
        expected = seq + 1
    try:
        newest, hashed_hex = head(connection)
    except ValueError:
        newest, hashed_hex = seq, "damaged"
    if newest > seq:
        for number in range(seq + 1, min(newest, seq + 1000) + 1):
            yield Fault(number, "is missing")
    elif newest < seq or bytes.fromhex(hashed_hex if len(hashed_hex) == 64 else "") not in follows:
        yield Fault(seq, "is not what was kept as the newest")


def _raw(connection: Connection) -> Iterator[tuple[Any, ...]]:
    """The columns as they are: on SQLite texts as bytes, since a damaged one may be no UTF-8."""
    table = tables.trail
    sqlite = connection.dialect.name == "sqlite"
    texts = {name for name in _COLUMNS if name not in ("seq", "at")}
    columns: list[Any] = [
        cast(table.c[name], LargeBinary).label(name) if sqlite and name in texts else table.c[name]
        for name in _COLUMNS
    ]
    query = select(*columns, table.c.previous, table.c.hash).order_by(table.c.seq)
    for row in connection.execute(query.execution_options(yield_per=2_000)):
        yield tuple(row)


def _digest_of(previous: Any, values: tuple[Any, ...]) -> bytes | None:
    """The hash that a stored row should have; None where what stands there cannot be hashed."""
    try:
        plain = tuple(v.decode() if isinstance(v, bytes) else v for v in values)
        return digest(previous, plain)
    except (TypeError, ValueError):
        return None


def _json(value: Mapping[str, Any] | None) -> str | None:
    if value is None:
        return None
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
