"""A new master key: every wrapped key of the store under it, while everything runs.

Three steps, each of which can be done again: the new key seals and both open (`begin`), all that is
stored is wrapped anew (`rewrap`), the old one goes once nothing needs it (`needed`).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, bindparam, select

from schemas.envelope import decode_entry, decode_envelope, encode
from schemas.errors import LogError
from schemas.record import STREAMS
from streams import master_key
from streams.log.base import Log
from streams.sealing import KEY_BYTES, Sealer
from streams.settings import CONSUMERS, Settings
from streams.store import tables
from streams.store.erased_names import PEPPER
from streams.store.store import Store, stored_positions
from streams.store.writing import upsert

BEGUN, ROTATED, DROPPED = "master_key_begun", "master_key_rotated", "master_key_dropped"
_ROWS = 1_000  # of a transaction

Anew = Callable[[bytes], bytes | None]
Progress = Callable[[int], None]


def begin(data: Path | None) -> bool:
    """Put a new key before the one of the file; False where two are there already.

    Durable before anything is sealed with it. Raises `InputError` ("key_in_environment").
    """
    keys = master_key.held(data)
    if len(keys) > 1:
        return False
    master_key.write_keys(master_key.key_file(data), [os.urandom(KEY_BYTES), *keys])
    return True


def drop(data: Path | None) -> None:
    """Take every key but the newest out of the file; errors as `begin`."""
    newest, *_ = master_key.held(data)
    master_key.write_keys(master_key.key_file(data), [newest])


def rewrap(store: Store, sealer: Sealer, progress: Progress = lambda count: None) -> dict[str, int]:
    """Wrap every key of the store anew that is not under the newest master key; how many.

    A row that others change meanwhile is left to them: they seal with the newest key.
    """
    done = {}
    for name, table, column, anew in _columns(sealer):
        done[name] = 0
        last = 0
        while True:
            with store.write() as connection:
                rows = _rows(connection, table, column, last)
                changed = [
                    {"at": row.id, "was": row.held, "now": now}
                    for row in rows
                    if row.held and (now := anew(row.held)) is not None
                ]
                if changed:
                    held = table.c[column]
                    same = (table.c.id == bindparam("at")) & (held == bindparam("was"))
                    connection.execute(
                        table.update().where(same).values({column: bindparam("now")}), changed
                    )
            done[name] += len(changed)
            progress(len(rows))
            if len(rows) < _ROWS:
                break
            last = rows[-1].id
    with store.write() as connection:
        done["meta"] = _pepper(connection, sealer)
    return done


def needed(store: Store, log: Log, settings: Settings, sealer: Sealer) -> Mapping[str, int]:
    """How much is still under an older master key, by where it is."""
    found: dict[str, int] = {}
    with store.read() as connection:
        for name, table, column, anew in _columns(sealer):
            query = select(table.c[column].label("held")).where(table.c[column].is_not(None))
            rows = connection.execute(query.execution_options(yield_per=_ROWS))
            found[name] = sum(bool(row.held) and anew(row.held) is not None for row in rows)
        found["log"] = sum(
            sealer.rewrapped(one.wrapped_key) is not None
            or sealer.enclosed_anew(one.body) is not None
            for one in _in_flight(connection, log, settings)
        )
    return found


def _columns(sealer: Sealer) -> tuple[tuple[str, Table, str, Anew], ...]:
    return (
        ("records", tables.records, "wrapped_key", sealer.rewrapped),
        ("versions", tables.versions, "body", sealer.enclosed_anew),
        ("courses", tables.courses, "state", sealer.enclosed_anew),
        ("quarantine", tables.quarantine, "entry", lambda held: _entry(held, sealer)),
    )


def _rows(connection: Connection, table: Table, column: str, after: int) -> list[Any]:
    query = select(table.c.id, table.c[column].label("held")).where(table.c.id > after)
    return list(connection.execute(query.order_by(table.c.id).limit(_ROWS)))


def _entry(held: bytes, sealer: Sealer) -> bytes | None:
    entry = decode_entry(held)
    body = sealer.enclosed_anew(entry.body)
    return None if body is None else encode(msgspec.structs.replace(entry, body=body))


def _pepper(connection: Connection, sealer: Sealer) -> int:
    table = tables.meta
    value = connection.scalar(select(table.c.value).where(table.c.key == PEPPER))
    anew = None if value is None else sealer.enclosed_anew(base64.b64decode(value))
    if anew is None:
        return 0
    upsert(connection, table, [{"key": PEPPER, "value": base64.b64encode(anew).decode()}])
    return 1


def _in_flight(connection: Connection, log: Log, settings: Settings) -> Iterator[Any]:
    for stream in STREAMS:
        held = stored_positions(connection, CONSUMERS[stream])
        for partition in range(settings.partitions()):
            offset = held.get((stream, partition), 0)
            while messages := log.read(stream, partition, offset, 64):
                for message in messages:
                    try:
                        yield from decode_envelope(message.value or b"").records
                    except LogError as error:
                        if error.code != "envelope_damaged":
                            raise
                offset = messages[-1].offset + 1
