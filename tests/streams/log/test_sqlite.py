"""What only the sqlite engine can get wrong: its file, its commits, its waiting."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from schemas.errors import LogError
from streams.log import Message, Topic, file, sqlite
from streams.log.file import LogFile, path_of
from streams.log.sqlite import SqliteLog
from tests.streams.log.worker import Worker


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def log(path: Path) -> Iterator[SqliteLog]:
    opened = SqliteLog(f"sqlite:///{path}")
    opened.ensure_topics([Topic("reports", 2)])
    yield opened
    opened.close()


def refused(log: SqliteLog, value: bytes = b"v") -> str:
    with pytest.raises(LogError) as error:
        log.append([Message("reports", n % 2, b"k", value) for n in range(4)])
    return error.value.code


def test_appends_at_once_share_commits(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = 0
    transaction = LogFile.transaction

    @contextmanager
    def counted(self: LogFile) -> Iterator[sqlite3.Connection]:
        nonlocal commits
        commits += 1
        with transaction(self) as db:
            yield db

    monkeypatch.setattr(LogFile, "transaction", counted)
    told: list[tuple[int, bytes]] = []

    def append(name: int) -> None:
        for n in range(50):
            value = b"%d-%d" % (name, n)
            told.append((log.append([Message("reports", 0, b"k", value)])[0], value))

    threads = [threading.Thread(target=append, args=(name,)) for name in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert commits < 250
    found = log.read("reports", 0, 0, 1000)
    assert sorted(told) == [(stored.offset, stored.value) for stored in found]
    assert [offset for offset, _ in sorted(told)] == list(range(500))


def test_a_full_disk_keeps_nothing_of_the_append(log: SqliteLog) -> None:
    log.append([Message("reports", 0, b"k", b"v")])
    writer = log._file._writer
    (limit,) = writer.execute("PRAGMA max_page_count").fetchone()
    writer.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size for it
    assert refused(log, os.urandom(100_000)) == "log_away"
    assert (log.end("reports", 0), log.end("reports", 1)) == (1, 0)
    assert len(log.read("reports", 0, 0, 10)) == 1
    writer.execute(f"PRAGMA max_page_count = {limit}")
    assert log.append([Message("reports", 0, b"k", b"w")]) == [1]


def test_a_file_that_another_holds_is_away(
    path: Path, monkeypatch: pytest.MonkeyPatch, log: SqliteLog
) -> None:
    monkeypatch.setattr(file, "_BUSY", 0.1)
    impatient = SqliteLog(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert refused(impatient) == "log_away"
    other.execute("ROLLBACK")
    other.close()
    assert impatient.append([Message("reports", 0, b"k", b"v")]) == [0]
    impatient.close()


@pytest.mark.parametrize("returns", [False, True])
def test_a_file_that_was_taken_away_takes_no_appends(
    path: Path, log: SqliteLog, returns: bool
) -> None:
    path.rename(path.with_name("elsewhere.db"))
    if returns:
        path.touch()
    assert refused(log) == "log_away"
    with pytest.raises(LogError):
        log.version()


def test_a_worker_ends_when_its_file_is_taken_away(
    path: Path, log: SqliteLog, tmp_path: Path
) -> None:
    log.append([Message("reports", 0, b"k", b"v")])
    worker = Worker(log.url, "reports", tmp_path)

    async def main() -> None:
        running = asyncio.create_task(worker.run(lambda: False))
        while not worker.taken:
            await asyncio.sleep(0.02)
        path.unlink()
        await running

    with pytest.raises(LogError) as error:
        asyncio.run(main())
    assert error.value.code == "log_away"


def test_a_folder_that_is_not_there_is_away(tmp_path: Path) -> None:
    with pytest.raises(LogError) as error:
        SqliteLog(f"sqlite:///{tmp_path}/nowhere/log.db")
    assert error.value.code == "log_away"


def test_a_newer_version_is_refused(path: Path, log: SqliteLog) -> None:
    log.close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {file.VERSION + 1}")
    db.close()
    with pytest.raises(LogError) as error:
        SqliteLog(f"sqlite:///{path}")
    assert error.value.code == "log_version"


def test_a_file_that_is_no_log_is_refused(path: Path) -> None:
    path.write_bytes(b"case_id,product\n" * 1000)
    with pytest.raises(LogError) as error:
        SqliteLog(f"sqlite:///{path}")
    assert error.value.code == "not_a_log"
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE cases (id)")
    db.close()
    with pytest.raises(LogError) as error:
        SqliteLog(f"sqlite:///{path}")
    assert error.value.code == "not_a_log"


def test_each_log_has_its_own_id(tmp_path: Path) -> None:
    logs = [SqliteLog(f"sqlite:///{tmp_path}/{name} of é.db") for name in ("one", "two")]
    assert logs[0].log_id() != logs[1].log_id()
    assert (tmp_path / "one of é.db").exists()
    assert path_of("sqlite:////srv/a%20b.db") == Path("/srv/a b.db")
    for log in logs:
        log.close()


def test_positions_of_a_group_are_kept(path: Path, log: SqliteLog) -> None:
    log.commit("intake", {("reports", 0): 3, ("reports", 1): 5})
    log.commit("intake", {("reports", 0): 4})
    log.close()
    again = SqliteLog(f"sqlite:///{path}")
    assert again.committed("intake") == {("reports", 0): 4, ("reports", 1): 5}
    assert again.committed("detect") == {}
    again.close()


def test_old_tombstones_go_but_never_the_last_message(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.ensure_topics([Topic("signals", 1, compacted=True)])
    log.append([Message("signals", 0, b"a", b"1"), Message("signals", 0, b"a", None)])
    monkeypatch.setattr(sqlite, "_TOMBSTONE_AGE", -1.0)
    assert [m.offset for m in log.read("signals", 0, 0, 10)] == [1]
    log.append([Message("signals", 0, b"b", None)])
    assert [(m.offset, m.key) for m in log.read("signals", 0, 0, 10)] == [(2, b"b")]
    log.append([Message("signals", 0, b"a", b"2")])
    assert [(m.offset, m.value) for m in log.read("signals", 0, 0, 10)] == [(3, b"2")]
