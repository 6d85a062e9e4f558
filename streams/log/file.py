"""The SQLite file of a log: its path, its tables, its transactions, and what can go wrong."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from schemas.errors import InputError, LogError

VERSION = 1
_APPLICATION = 0x6B766C67  # says that a SQLite file is a log of ketavigil
_BUSY = 10.0  # seconds to wait for another process that writes

_TABLES = (
    "CREATE TABLE log (id TEXT NOT NULL)",
    """CREATE TABLE topics (
        name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, compacted INTEGER NOT NULL)""",
    """CREATE TABLE partitions (
        slot INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
        first INTEGER NOT NULL DEFAULT 0, next INTEGER NOT NULL DEFAULT 0,
        UNIQUE (topic, partition))""",
    # The value comes last: what stands behind a large one is slow to reach.
    """CREATE TABLE messages (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, key BLOB NOT NULL, value BLOB)""",
    "CREATE INDEX tombstones ON messages (at) WHERE value IS NULL",
    """CREATE TABLE newest (
        slot INTEGER NOT NULL, key BLOB NOT NULL, id INTEGER NOT NULL,
        PRIMARY KEY (slot, key)) WITHOUT ROWID""",
    """CREATE TABLE positions (
        reader TEXT NOT NULL, slot INTEGER NOT NULL, offset INTEGER NOT NULL,
        PRIMARY KEY (reader, slot)) WITHOUT ROWID""",
)


def path_of(url: str) -> Path:
    """The file of a `sqlite://` URL: relative after three slashes, absolute after four.

    >>> path_of("sqlite:////srv/ketavigil/log.db").as_posix()
    '/srv/ketavigil/log.db'
    """
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or parts.netloc or len(parts.path) < 2:
        raise InputError("unknown_log", f"a log's URL is sqlite:///path or kafka://host, not {url}")
    return Path(unquote(parts.path[1:]))


class LogFile:
    """One process's hold on the file: a connection that writes and one that reads.

    Raises `LogError`: "log_version" where a newer ketavigil wrote the file, "not_a_log" where it
    is something else, "log_away" where it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = threading.RLock()
        self._reading = threading.Lock()
        with self._reporting():
            self._writer = self._connect()
            try:
                self.log_id = self._prepare()
                self._reader = self._connect()
            except BaseException:
                self._writer.close()
                raise
            self._identity = self._look()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is written inside is durable at the end, or none of it is there."""
        with self._writing, self._reporting():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._require()
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection that reads, for one thread at a time."""
        with self._reading, self._reporting():
            self._require()
            yield self._reader

    def select(self, sql: str, *parameters: object) -> list[Any]:
        """All rows of a query."""
        with self.reading() as db:
            return db.execute(sql, parameters).fetchall()

    def vacuum(self) -> None:
        """Write the file anew without what was let go of, and empty its journal."""
        with self._writing, self._reporting():
            self._require()
            self._writer.execute("VACUUM")
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def version(self) -> int:
        """A number that changes when anyone, in any process, has written to the file."""
        with self.reading() as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False
        )
        # FULL: in WAL mode anything less lets a power cut take back what was acknowledged.
        for pragma in ("synchronous = FULL", "wal_autocheckpoint = 4000", "cache_size = -8000"):
            db.execute(f"PRAGMA {pragma}")
        return db

    def _prepare(self) -> str:
        """Make the tables where the file is new, and return the log's id."""
        db = self._writer
        db.execute("BEGIN IMMEDIATE")
        try:
            application = db.execute("PRAGMA application_id").fetchone()[0]
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if not application and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
                for table in _TABLES:
                    db.execute(table)
                db.execute("INSERT INTO log VALUES (?)", (str(uuid.uuid4()),))
                db.execute(f"PRAGMA application_id = {_APPLICATION}")
                db.execute(f"PRAGMA user_version = {VERSION}")
            elif application != _APPLICATION:
                raise LogError("not_a_log", f"{self._path} is not a log of ketavigil")
            elif version != VERSION:
                raise LogError(
                    "log_version",
                    f"the log {self._path} has version {version}; this ketavigil knows {VERSION}",
                )
            log_id: str = db.execute("SELECT id FROM log").fetchone()[0]
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
        db.execute("PRAGMA journal_mode = WAL")
        return log_id

    def _require(self) -> None:
        # A file that was moved or removed under us takes commits that nobody ever reads, and
        # answers as if nothing had happened.
        if self._look() != self._identity:
            raise LogError("log_away", f"the log {self._path} is no longer the file it was")

    def _look(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_dev, found.st_ino

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = "not_a_log" if "not a database" in str(error) else "log_away"
            raise LogError(code, f"the log {self._path} cannot be used: {error}") from error
        except (OSError, sqlite3.Error) as error:
            raise LogError("log_away", f"the log {self._path} cannot be used: {error}") from error
