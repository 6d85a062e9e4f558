"""The store: opened, migrated, and moved on by compare-and-set."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from schemas.errors import InputError, StoreError
from streams.store import tables
from streams.store.changes import newest_changes
from streams.store.failing import StoreConflict
from streams.store.store import (
    LostPartition,
    Store,
    allocate,
    bind_log,
    move_position,
    open_store,
    stored_positions,
)
from streams.store.writing import insert_rows, upsert

RECORD = {
    "stream": "reports",
    "partition": 0,
    "offset": 0,
    "place": 0,
    "request_index": 0,
    "sender": "s",
    "origin": "push",
    "taken_at": 0.5,
    "sealed": b"",
    "wrapped_key": b"",
    "sealed_hash": b"",
    "erased_by": None,
}


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = open_store(store_url)
    yield opened
    opened.close()


def names(store: Store) -> dict[str, int]:
    with store.read() as connection:
        return {row.name: row.n for row in connection.execute(select(tables.unmatched))}


def test_the_migrations_make_the_tables_that_the_program_knows(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, tables.metadata)
    # comments are for who reads the program, and not in the database
    differing = [one for one in found if not isinstance(one, list) and "comment" not in one[0]]
    columns = [one for group in found if isinstance(group, list) for one in group]
    assert differing + [one for one in columns if one[0] != "modify_comment"] == []


def test_a_store_keeps_its_id(store: Store) -> None:
    first = store.id()
    again = open_store(store.url)
    assert again.id() == first
    again.close()


@pytest.mark.parametrize("turn", range(3))
def test_processes_that_open_a_new_store_at_once_all_find_it(
    tmp_path: Path, store_url: str, turn: int
) -> None:
    """As `up` does: web and worker start together on an empty directory."""
    program = (
        "from streams.log import open_log; from streams.settings import Settings; "
        "from streams.store.store import open_store; "
        f"settings = Settings.read(data={str(tmp_path)!r}, store={store_url!r}); "
        "log = open_log(settings.broker); log.ensure_topics(settings.topics()); "
        "print(open_store(settings.store).id(), log.log_id())"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(5)
    ]
    said = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 5, said
    assert len({out for out, _ in said}) == 1


def test_a_store_of_a_newer_program_is_refused(store: Store) -> None:
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    with pytest.raises(StoreError) as refusal:
        open_store(store.url)
    assert refusal.value.code == "store_version"


@pytest.mark.parametrize(
    ("url", "code"),
    [("mysql://x", "unknown_store"), ("sqlite:///nowhere/at/all.db", "no_such_store")],
)
def test_a_store_that_cannot_be_opened_is_named(url: str, code: str) -> None:
    with pytest.raises(InputError) as refusal:
        open_store(url, create=False)
    assert refusal.value.code == code


def test_a_transaction_is_written_whole_or_not_at_all(store: Store) -> None:
    row = {"kind": "product", "name": "X", "n": 1}

    def fail_half_way() -> None:
        with store.write() as connection:
            connection.execute(insert(tables.unmatched), [row])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert names(store) == {}


def test_a_reader_sees_one_moment(store: Store) -> None:
    with store.read() as connection:
        count = select(func.count()).select_from(tables.unmatched)
        assert connection.scalar(count) == 0
        with store.write() as other:
            insert_rows(other, tables.unmatched, [{"kind": "product", "name": "X", "n": 1}])
        assert connection.scalar(count) == 0
    assert names(store) == {"X": 1}


def test_writers_of_one_process_wait_for_each_other(store: Store) -> None:
    def add() -> None:
        for _ in range(20):
            with store.write() as connection:
                row = {"kind": "event", "name": "Y", "n": 1}
                upsert(connection, tables.unmatched, [row], add="n")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(store) == {"Y": 80}


def test_a_position_moves_only_from_where_it_stands(store: Store) -> None:
    with store.write() as connection:
        bind_log(connection, "intake", "log", {("reports", 0): 10, ("reports", 1): 10})
        move_position(connection, "intake", "log", {("reports", 0): (0, 4), ("reports", 1): (0, 2)})
    for moves, log in (({("reports", 0): (3, 5)}, "log"), ({("reports", 0): (4, 5)}, "other")):
        with pytest.raises(LostPartition), store.write() as connection:
            move_position(connection, "intake", log, moves)
    with store.read() as connection:
        assert stored_positions(connection, "intake") == {("reports", 0): 4, ("reports", 1): 2}


@pytest.mark.parametrize(
    ("log", "end", "code"), [("another", 10, "another_log"), ("log", 3, "log_too_short")]
)
def test_a_log_that_is_not_the_stores_own_is_refused(
    store: Store, log: str, end: int, code: str
) -> None:
    with store.write() as connection:
        bind_log(connection, "intake", "log", {("reports", 0): 10})
        move_position(connection, "intake", "log", {("reports", 0): (0, 4)})
    with pytest.raises(StoreError) as refusal, store.write() as connection:
        bind_log(connection, "intake", log, {("reports", 0): end})
    assert refusal.value.code == code


def test_ids_go_on_from_the_greatest(store: Store) -> None:
    with store.write() as connection:
        first = allocate(connection, tables.records, 2)
        rows = [{"id": number, **RECORD, "place": number} for number in first]
        insert_rows(connection, tables.records, rows)
    with store.write() as connection:
        assert list(allocate(connection, tables.records, 3)) == [max(first) + i for i in (1, 2, 3)]
        assert not allocate(connection, tables.records, 0)


@pytest.mark.postgresql
def test_two_writers_get_no_id_twice(postgresql: str) -> None:
    store, other = open_store(postgresql), open_store(postgresql)
    found: list[int] = []

    def take(mine: Store) -> None:
        for _ in range(30):
            with mine.write() as connection:
                found.extend(allocate(connection, tables.cases, 50))

    threads = [threading.Thread(target=take, args=(one,)) for one in (store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    other.close()
    assert len(set(found)) == len(found) == 2 * 30 * 50


@pytest.mark.parametrize("count", [1, 3, 500])
def test_rows_come_back_as_they_were_written(store: Store, count: int) -> None:
    """Few go by a statement, many by COPY: tabs, bytes and nulls are the same on any way."""
    texts = [
        "plain",
        "a\ttab",
        "a\\backslash \\N",
        "two\nlines",
        "ümläut 日本 \U0001f600",
        "",
        "\x1f",
    ]
    records = [
        {
            "id": number,
            **RECORD,
            "place": number,
            "sender": texts[number % len(texts)],
            "sealed": bytes(range(number % 256)) + b"\x00\\x",
            "taken_at": number / 7,
            "wrapped_key": None if number % 2 else b"",
        }
        for number in range(1, count + 1)
    ]
    with store.write() as connection:
        insert_rows(connection, tables.records, records)
    with store.read() as connection:
        found = connection.execute(select(tables.records).order_by(tables.records.c.id)).all()
    assert [row._asdict() for row in found] == records


def test_a_row_that_is_there_already_is_refused_on_any_way(store: Store) -> None:
    rows = [{"id": number, "version_id": 1} for number in range(100)]
    with store.write() as connection:
        insert_rows(connection, tables.duplicates, rows)
    for again in (rows, rows[:1]):
        with pytest.raises(IntegrityError), store.write() as connection:
            insert_rows(connection, tables.duplicates, again)


@pytest.mark.postgresql
def test_a_snapshot_that_is_read_in_parts_leaves_the_connection_as_it_was(postgresql: str) -> None:
    """A detector reads all changes and then writes, on one connection."""
    store = open_store(postgresql)
    with store.write() as connection:
        assert list(newest_changes(connection)) == []
        connection.execute(insert(tables.unmatched), [{"kind": "event", "name": "Y", "n": 1}])
    assert names(store) == {"Y": 1}
    store.close()


@pytest.mark.postgresql
def test_two_writers_that_wait_for_each_other_are_told_to_try_again(postgresql: str) -> None:
    store, other = open_store(postgresql), open_store(postgresql)
    rows = [{"kind": "event", "name": name, "n": 0} for name in ("A", "B")]
    with store.write() as connection:
        upsert(connection, tables.unmatched, rows)
    both = threading.Barrier(2)
    told: list[StoreError] = []

    def add(mine: Store, order: list[dict[str, Any]]) -> None:
        try:
            with mine.write() as connection:
                upsert(connection, tables.unmatched, order[:1], add="n")
                both.wait(30)
                upsert(connection, tables.unmatched, order[1:], add="n")
        except StoreConflict as error:
            told.append(error)

    threads = [
        threading.Thread(target=add, args=args) for args in ((store, rows), (other, rows[::-1]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    other.close()
    assert [error.code for error in told] == ["store_conflict"]


@pytest.mark.postgresql
def test_a_server_that_is_not_there_is_away() -> None:
    with pytest.raises(StoreError) as refusal:
        open_store("postgresql+psycopg://postgres@127.0.0.1:1/nowhere")
    assert refusal.value.code == "store_away"


@pytest.mark.postgresql
def test_a_connection_cut_in_a_transaction_leaves_nothing_and_the_next_one_works(
    postgresql: str,
) -> None:
    store = open_store(postgresql)
    row = {"kind": "event", "name": "Z", "n": 1}

    def cut() -> None:
        with store.write() as connection:
            insert_rows(connection, tables.unmatched, [row])
            mine = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            with store.engine.begin() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({mine})")
            insert_rows(connection, tables.unmatched, [row | {"name": "later"}])

    with pytest.raises(StoreError) as refusal:
        cut()
    assert refusal.value.code == "store_away"
    assert names(store) == {}
    store.close()


def test_a_migrated_store_is_to_the_letter_what_the_tables_say(tmp_path: Path) -> None:
    """Beyond columns and types: keys, constraints and tables without row ids."""

    def schema(path: Path) -> dict[str, str]:
        with sqlite3.connect(path) as connection:
            rows = connection.execute(
                "SELECT name, sql FROM sqlite_master "
                "WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'"
            )
            return {name: "".join(sql.split()) for name, sql in rows}

    open_store(f"sqlite:///{tmp_path}/migrated.db").close()
    engine = create_engine(f"sqlite:///{tmp_path}/made.db")
    tables.metadata.create_all(engine)
    engine.dispose()
    made = schema(tmp_path / "made.db")
    assert len(made) > 20
    assert schema(tmp_path / "migrated.db") == made
