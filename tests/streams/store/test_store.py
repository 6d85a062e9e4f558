"""The store: opened, migrated, and moved on by compare-and-set."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, func, insert, select

from schemas.errors import InputError, StoreError
from streams.store import tables
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


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.close()


def names(store: Store) -> dict[str, int]:
    with store.read() as connection:
        return {row.name: row.n for row in connection.execute(select(tables.unmatched))}


def test_the_migrations_make_the_tables_that_the_program_knows(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_a_store_keeps_its_id(store: Store) -> None:
    first = store.id()
    again = open_store(store.url)
    assert again.id() == first
    again.close()


@pytest.mark.parametrize("turn", range(3))
def test_processes_that_open_a_new_store_at_once_all_find_it(tmp_path: Path, turn: int) -> None:
    """As `up` does: web and worker start together on an empty directory."""
    program = (
        "from streams.log import open_log; from streams.settings import Settings; "
        "from streams.store.store import open_store; "
        f"settings = Settings.read(data={str(tmp_path)!r}); "
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


def test_a_store_of_a_newer_program_is_refused(store: Store, tmp_path: Path) -> None:
    store.close()
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
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
        assert allocate(connection, tables.duplicates, 2) == 1
        insert_rows(connection, tables.duplicates, [{"id": 7, "version_id": 1}])
        assert allocate(connection, tables.duplicates, 2) == 8


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
