"""Any byte of a record as received, of its key or of its hash that is flipped names the record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from streams.agents.sealed_verification import check_opens
from streams.agents.verification import check_sealed
from streams.sealing import Sealer
from streams.store import tables
from streams.store.store import Store, open_store

SEALER = Sealer(b"m" * 32)
RAW = [b'{"report_id": "A-1", "narrative": "p\xc3\xa4d"}', b"{}", b"<x/>"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Three records as received."""
    opened = open_store(f"sqlite:///{tmp_path}/store.db")
    with opened.write() as connection:
        for number, raw in enumerate(RAW, 1):
            sealed = SEALER.seal(raw)
            row = {
                "id": number,
                "stream": "reports",
                "partition": 0,
                "offset": number,
                "place": 0,
                "request_index": 0,
                "sender": "clinic-a",
                "origin": "push",
                "taken_at": 0.0,
                "sealed": sealed.sealed,
                "wrapped_key": sealed.wrapped_key,
                "sealed_hash": sealed.sealed_hash,
            }
            connection.execute(insert(tables.records), [row])
    yield opened
    opened.close()


def damaged(store: Store) -> set[int]:
    """The records that the checks of `verify` name."""
    with store.read() as connection:
        found = (check_sealed(connection), check_opens(connection, SEALER))
    return {number for check in found for number in check.figures["damaged"]}


@pytest.mark.parametrize("column", ["sealed", "wrapped_key", "sealed_hash"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_any_byte_that_is_flipped_names_its_record(store: Store, column: str, number: int) -> None:
    table = tables.records
    mine = table.c.id == number
    with store.read() as connection:
        raw = connection.execute(select(table.c[column]).where(mine)).scalar_one()
    assert damaged(store) == set()
    for i in range(len(raw)):
        for flip in (1, 0x80):
            changed = raw[:i] + bytes([raw[i] ^ flip]) + raw[i + 1 :]
            with store.write() as connection:
                connection.execute(update(table).where(mine).values({column: changed}))
            assert damaged(store) == {number}, (i, flip)
    with store.write() as connection:
        connection.execute(update(table).where(mine).values({column: raw}))
    assert damaged(store) == set()


def test_a_record_that_is_cut_off_or_another_ones_is_named(store: Store) -> None:
    table = tables.records
    with store.read() as connection:
        rows = connection.execute(select(table).order_by(table.c.id)).all()
    for values in ({"sealed": rows[0].sealed[:-1]}, {"wrapped_key": rows[1].wrapped_key}):
        with store.write() as connection:
            connection.execute(update(table).where(table.c.id == 1).values(values))
        assert damaged(store) == {1}


def test_what_was_erased_is_not_damaged_and_without_a_key_nothing_is_claimed(store: Store) -> None:
    table = tables.records
    with store.write() as connection:
        connection.execute(update(table).where(table.c.id == 2).values(wrapped_key=None))
    assert damaged(store) == set()
    with store.read() as connection:
        assert check_opens(connection, SEALER).figures == {"opened": 2, "damaged": []}
        unknown = check_opens(connection, None)
        wrong = check_opens(connection, Sealer(b"n" * 32))
    assert unknown.figures == {"opened": 0, "damaged": [], "master_key": "none here"}
    assert wrong.figures["damaged"] == [1, 3]
