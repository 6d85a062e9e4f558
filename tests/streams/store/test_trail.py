"""The audit trail: in order, without gaps, and any byte that is changed is missed."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from schemas.errors import InputError
from streams.agents.trail_verification import check_trail
from streams.gateway.keys import create_key, revoke_key
from streams.store import tables, trail
from streams.store.store import Store, open_store
from streams.store.trail import FIRST, Actor, Fault

ANN = Actor("Ann", "officer")
COLUMNS = [column.name for column in tables.trail.columns]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with three entries."""
    opened = open_store(f"sqlite:///{tmp_path}/store.db")
    with opened.write() as connection:
        trail.append(connection, ANN, "signed_in", "user Ann", after={"host": "::1"})
        change = ({"state": "new"}, {"state": "validated"})
        trail.append(
            connection, ANN, "moved", "signal 3", why="päd", before=change[0], after=change[1]
        )
    with opened.write() as connection:
        trail.append(connection, ANN, "signed_out", "user Ann")
    yield opened
    opened.close()


def path_of(store: Store) -> Path:
    return Path(store.url.removeprefix("sqlite:///"))


def faults(store: Store) -> list[Fault]:
    with store.read() as connection:
        return list(trail.faults(connection))


def behind(store: Store, *statements: tuple[str, tuple[Any, ...]]) -> None:
    """What somebody does who has the file, and takes the triggers away first."""
    with sqlite3.connect(path_of(store)) as connection:
        for name in ("trail_update", "trail_delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement, values in statements:
            connection.execute(statement, values)
    connection.close()


def test_entries_follow_each_other_and_their_hashes_can_be_worked_out_by_hand(store: Store) -> None:
    with store.read() as connection:
        rows = connection.execute(select(tables.trail).order_by(tables.trail.c.seq)).all()
        head = trail.head(connection)
    previous = bytes(32)
    for number, row in enumerate(rows, 1):
        assert (row.seq, row.previous) == (number, previous)
        listed = [row.seq, row.at, row.who, row.role, row.what, row.subject, row.why]
        text = json.dumps([*listed, row.before, row.after], ensure_ascii=False)
        # no value here holds a comma and a space
        text = text.replace(", ", ",")
        previous = hashlib.sha256(previous + text.encode()).digest()
        assert row.hash == previous
    assert head == (3, previous.hex())
    assert rows[1].before == '{"state":"new"}'
    assert faults(store) == []


def test_what_is_written_can_be_neither_changed_nor_deleted(store: Store) -> None:
    for statement in (update(tables.trail).values(who="Bob"), delete(tables.trail)):
        with pytest.raises(DBAPIError, match="append-only"), store.write() as connection:
            connection.execute(statement)
    assert faults(store) == []


def test_what_is_not_done_is_not_in_the_trail(store: Store) -> None:
    def fails() -> None:
        with store.write() as connection:
            trail.append(connection, ANN, "moved", "signal 4")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    with store.write() as connection:
        assert trail.append(connection, ANN, "moved", "signal 5") == 4
    assert faults(store) == []


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("seq", [1, 2, 3])
def test_any_byte_of_any_column_that_is_flipped_names_its_entry(
    store: Store, column: str, seq: int
) -> None:
    with sqlite3.connect(path_of(store)) as connection:
        query = f'SELECT "{column}", CAST("{column}" AS BLOB) FROM trail WHERE seq = ?'
        value, raw = connection.execute(query, (seq,)).fetchone()
    connection.close()
    if raw is None:
        changes: list[tuple[str, Any]] = [("?", "{}"), ("?", ""), ("?", "null")]
    elif isinstance(value, int):
        changes = [("?", value ^ 1 << bit) for bit in range(0, 52, 3)]
    else:
        kind = "?" if isinstance(value, bytes) else "CAST(? AS TEXT)"
        changes = [
            (kind, raw[:i] + bytes([raw[i] ^ flip]) + raw[i + 1 :])
            for i in range(len(raw))
            for flip in (1, 0x20, 0x80, 0xFF)
        ]
        changes += [(kind, raw + b"\0"), (kind, raw[:-1] if raw else b"x"), ("?", 7)]
    for kind, changed in changes:
        if column == "seq" and changed in (1, 2, 3):
            continue  # the database has that number, and refuses
        assign = f'UPDATE trail SET "{column}" = {kind} WHERE seq = ?'
        behind(store, (assign, (changed, seq)))
        found = faults(store)
        assert seq in {fault.seq for fault in found}, (changed, found)
        if column != "seq":
            assert {fault.seq for fault in found} <= {seq}, (changed, found)
        back = changed if column == "seq" else seq
        kind = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
        restored = raw if isinstance(value, str) else value
        behind(store, (f'UPDATE trail SET "{column}" = {kind} WHERE seq = ?', (restored, back)))
        assert faults(store) == []


@pytest.mark.parametrize("seq", [1, 2, 3])
def test_a_missing_entry_is_named_also_at_either_end(store: Store, seq: int) -> None:
    behind(store, ("DELETE FROM trail WHERE seq = ?", (seq,)))
    assert Fault(seq, "is missing") in faults(store)


def test_entries_in_another_order_are_named(store: Store) -> None:
    swap = "UPDATE trail SET seq = ? WHERE seq = ?"
    behind(store, (swap, (9, 1)), (swap, (1, 2)), (swap, (2, 9)))
    assert {1, 2} <= {fault.seq for fault in faults(store)}


def test_an_entry_put_in_between_is_named(store: Store) -> None:
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    others = columns.replace('"seq"', "4")
    behind(store, (f"INSERT INTO trail ({columns}) SELECT {others} FROM trail WHERE seq = 2", ()))
    assert 4 in {fault.seq for fault in faults(store)}


def test_a_chain_made_anew_after_a_change_does_not_end_in_the_hash_that_was_kept(
    store: Store,
) -> None:
    with store.read() as connection:
        kept = trail.head(connection)
        rows = [tuple(row) for row in connection.execute(select(tables.trail))]
    previous = FIRST
    for row in rows:
        values = (*row[:2], "Eve", *row[3:9])
        hashed = trail.digest(previous, values)
        change = "UPDATE trail SET who = 'Eve', previous = ?, hash = ? WHERE seq = ?"
        behind(store, (change, (previous, hashed, row[0])))
        previous = hashed
    assert faults(store) == [Fault(3, "is not what was kept as the newest")]
    assert kept[1] != previous.hex()


def test_the_check_prints_how_many_and_the_newest_hash_and_names_what_is_wrong(
    store: Store,
) -> None:
    with store.read() as connection:
        good = check_trail(connection)
        head = trail.head(connection)
    assert good.holds
    assert good.figures == {"entries": 3, "newest_hash": head[1], "wrong": []}
    behind(store, ("UPDATE trail SET why = 'no' WHERE seq = 2", ()))
    with store.read() as connection:
        bad = check_trail(connection)
    assert bad.figures["wrong"] == ["entry 2 was changed"]
    behind(store, ("UPDATE meta SET value = 'x' WHERE key = 'trail'", ()))
    with store.read() as connection:
        assert check_trail(connection).differences == 2


def test_several_who_write_at_once_leave_no_gap_on_either_store(store_url: str) -> None:
    stores = [open_store(store_url) for _ in range(3)]

    def write(one: Store, name: str) -> None:
        for i in range(20):
            with one.write() as connection:
                trail.append(connection, Actor(name, "officer"), "noted", f"signal {i}")

    threads = [threading.Thread(target=write, args=(one, str(i))) for i, one in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with stores[0].read() as connection:
        assert trail.head(connection)[0] == 60
        assert list(trail.faults(connection)) == []
    for statement in (update(tables.trail).values(who="Bob"), delete(tables.trail)):
        with pytest.raises(DBAPIError, match="append-only"), stores[0].write() as connection:
            connection.execute(statement)
    for one in stores:
        one.close()


_TEXT = st.text(max_size=20)


@settings(max_examples=60, deadline=None)
@given(one=st.tuples(*[_TEXT] * 5), other=st.tuples(*[_TEXT] * 5))
def test_entries_that_differ_in_any_text_have_different_hashes(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    hashes = [trail.digest(FIRST, (1, 0, *texts, None, None)) for texts in (one, other)]
    assert (hashes[0] == hashes[1]) == (one == other)


def test_keys_made_and_revoked_are_in_the_trail_without_the_key(store: Store) -> None:
    key = create_key(store, "clinic-a", by=ANN)
    revoke_key(store, 1, ANN)
    with pytest.raises(InputError):
        revoke_key(store, 1, ANN)
    with store.read() as connection:
        rows = connection.execute(select(tables.trail).where(tables.trail.c.seq > 3)).all()
    assert [(row.who, row.what, row.subject) for row in rows] == [
        ("Ann", "key_made", "key 1"),
        ("Ann", "key_revoked", "key 1"),
    ]
    assert json.loads(rows[0].after) == {"name": "clinic-a", "role": "registry"}
    assert key not in str(rows)


@pytest.mark.postgresql
def test_several_processes_make_one_chain_on_postgresql(postgresql: str) -> None:
    stores = [open_store(postgresql) for _ in range(3)]

    def work(store: Store) -> None:
        for number in range(15):
            with store.write() as connection:
                trail.append(
                    connection, ANN, "moved", f"signal {number}", why="päd", after={"n": 1}
                )

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults(stores[0]) == []
    with stores[0].read() as connection:
        assert trail.head(connection)[0] == 3 * 15
    for statement in (update(tables.trail).values(why=""), delete(tables.trail)):
        with pytest.raises(DBAPIError), stores[0].write() as connection:
            connection.execute(statement)
    assert faults(stores[0]) == []
    for store in stores:
        store.close()
