"""Names of whom nothing is taken any more: a patient of a sender, or one case of it.

Kept is a keyed hash of each, and its key enclosed in `meta`: who has the store and not the master
key cannot find out by trying whose they are.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, exists, select

from schemas.record import Stream
from streams.sealing import KEY_BYTES
from streams.store import tables
from streams.store.enclosed import disclosed, enclosed
from streams.store.writing import upsert

PEPPER = "erased_names"  # its key in `meta`
_CHUNK = 500

Name = tuple[str, str, str]  # what it is of, the sender, and the name


def patient(sender: str, pseudonym: str) -> Name:
    """The name of a patient; the two streams share it."""
    return "patient", sender, pseudonym


def case(stream: Stream, sender: str, record_id: str) -> Name:
    """The name of a case, or of a follow-up record."""
    return stream, sender, record_id


def any_erased(connection: Connection) -> bool:
    """Whether there is any: nearly always there is none, and that costs one look."""
    return bool(connection.scalar(select(exists().select_from(tables.erased_names))))


def erased_among(connection: Connection, names: Iterable[Name]) -> dict[Name, int]:
    """Those names that were erased, each with the number of its erasure."""
    pepper = _pepper(connection)
    if pepper is None:
        return {}
    hashes = {_hash(pepper, name): name for name in names}
    table, found, wanted = tables.erased_names, dict[Name, int](), sorted(hashes)
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        for row in connection.execute(select(table).where(table.c.hash.in_(chunk))):
            found[hashes[row.hash]] = row.erasure
    return found


def keep(connection: Connection, names: Mapping[Name, int]) -> None:
    """Take nothing more of these, each by the number of its erasure."""
    pepper = _pepper(connection)
    if pepper is None:
        pepper = os.urandom(KEY_BYTES)
        value = base64.b64encode(enclosed(connection, pepper)).decode()
        upsert(connection, tables.meta, [{"key": PEPPER, "value": value}])
    rows = [{"hash": _hash(pepper, name), "erasure": number} for name, number in names.items()]
    upsert(connection, tables.erased_names, rows)


def _pepper(connection: Connection) -> bytes | None:
    table = tables.meta
    value = connection.scalar(select(table.c.value).where(table.c.key == PEPPER))
    return None if value is None else disclosed(connection, base64.b64decode(value))


def _hash(pepper: bytes, name: Name) -> bytes:
    return hmac.digest(pepper, json.dumps(name).encode(), "sha256")
