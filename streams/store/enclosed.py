"""Bodies of records and states of courses: enclosed in the store, opened by who holds the key.

A connection carries the sealer of its store. What was erased has no bytes left.
"""

from __future__ import annotations

from sqlalchemy import Connection

from schemas.errors import StoreError
from streams.sealing import MARK, Sealer

SEALER = "ketavigil_sealer"  # among the execution options
ERASED = b""


def disclosed(connection: Connection, enclosed: bytes) -> bytes:
    """What a column holds; `ERASED` where it was erased.

    Raises `StoreError` ("no_master_key", "wrong_master_key").
    """
    return opened(_sealer(connection), enclosed)


def opened(sealer: Sealer | None, enclosed: bytes) -> bytes:
    """The same with the sealer at hand."""
    if enclosed[:1] != MARK:
        return enclosed
    if sealer is None:
        raise StoreError("no_master_key", "the store was opened without its master key")
    return sealer.disclose(enclosed)


def enclosed(connection: Connection, plain: bytes) -> bytes:
    """What is written to a column."""
    sealer = _sealer(connection)
    return plain if sealer is None else sealer.enclose(plain)


def raw(connection: Connection, sealed: bytes, wrapped_key: bytes | None) -> bytes | None:
    """A record's bytes as received; None where its key is lost."""
    if wrapped_key is None:
        return None
    sealer = _sealer(connection)
    if sealer is None:
        raise StoreError("no_master_key", "the store was opened without its master key")
    return sealer.open(sealed, wrapped_key)


def _sealer(connection: Connection) -> Sealer | None:
    found: Sealer | None = connection.get_execution_options().get(SEALER)
    return found
