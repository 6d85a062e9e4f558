"""Reading cases with their versions from the store."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from schemas.envelope import Change
from streams.agents.versions import Case, Version
from streams.store import tables

_CHUNK = 500  # keys of one query
_coded = msgspec.msgpack.Decoder(Change)


def load_cases(connection: Connection, keys: set[str]) -> dict[str, Case]:
    """The cases of some keys that are stored, with all their versions, for a transaction that
    writes: nobody else changes them before its end."""
    found: dict[int, Case] = {}
    named: dict[str, Case] = {}
    wanted = sorted(keys)
    table, versions = tables.cases, tables.versions
    for start in range(0, len(wanted), _CHUNK):
        known = connection.execute(
            # locked until the end, in one order: another partition may hold a record of that key
            select(table.c.id, table.c.key, table.c.revision)
            .where(table.c.key.in_(wanted[start : start + _CHUNK]))
            .order_by(table.c.key)
            .with_for_update()
        )
        for number, key, revision in known:
            found[number] = named[key] = Case(number, revision)
    numbers = sorted(found)
    for start in range(0, len(numbers), _CHUNK):
        rows = connection.execute(
            select(
                versions.c.case_id,
                versions.c.id,
                versions.c.version,
                versions.c.sort_key,
                versions.c.content_hash,
                versions.c.status,
                versions.c.coded,
                versions.c.version_conflict,
            ).where(versions.c.case_id.in_(numbers[start : start + _CHUNK]))
        )
        for case_id, number, stated, sort_key, content_hash, status, coded, conflict in rows:
            version = Version(
                number, stated, sort_key, content_hash, status, _coded.decode(coded), conflict
            )
            found[case_id].versions[version.order_key] = version
    return named
