"""The store: an engine behind a URL, snapshots to read from, transactions to write in."""

from __future__ import annotations

import fcntl
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, insert, select, text
from sqlalchemy.engine import make_url

from schemas.errors import InputError, StoreError
from streams.sealing import Sealer
from streams.store import tables
from streams.store.enclosed import SEALER
from streams.store.failing import translated
from streams.store.fencing import hold

_SQLITE: dict[str, Any] = {"connect_args": {"timeout": 30}}
# a connection that died with the server is found out before it is used
_POSTGRESQL: dict[str, Any] = {
    "pool_pre_ping": True,
    "connect_args": {"connect_timeout": 5, "keepalives_idle": 10, "tcp_user_timeout": 20_000},
}


class LostPartition(StoreError):
    """Another worker has moved the stored position: this one's work is thrown away."""


class Store:
    """A store that is open.

    Reads see one snapshot each; writes are serialised within a process by a lock and between
    processes by the database.
    """

    def __init__(self, url: str, engine: Engine, sealer: Sealer | None = None) -> None:
        self.url = url
        self.sealer = sealer
        self.engine = engine
        self._writing = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection on which every query sees the same moment."""
        with translated(), self.engine.connect() as connection:
            if self.engine.dialect.name != "sqlite":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction; all of it is durable on leaving, or nothing of it."""
        with self._writing, translated(), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                # take the write lock first: a reader that turns writer can fail half-way
                connection = connection.execution_options(ketavigil_immediate=True)
            with connection.begin():
                yield connection

    def id(self) -> str:
        """An id given at creation that no other store has."""
        with self.read() as connection:
            return str(
                connection.scalar(select(tables.meta.c.value).where(tables.meta.c.key == "id"))
            )

    def overwrite(self) -> None:
        """See to it that what was changed away cannot be read from the files of the database."""
        with translated(), self.engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
            else:
                names = ", ".join(("records", "versions", "quarantine", "courses", "findings"))
                connection.exec_driver_sql(f"VACUUM {names}")

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def open_store(url: str, *, create: bool = True, sealer: Sealer | None = None) -> Store:
    """Open the store at a URL (`sqlite:///path` or `postgresql+psycopg://...`), migrated.

    `sealer` is what bodies of records and states of courses are read and written with; without one
    they can be neither read nor, but in a test, written. Raises `InputError` ("unknown_store",
    "no_such_store") and `StoreError` ("store_version").

    >>> open_store("mysql://x")
    Traceback (most recent call last):
    ...
    schemas.errors.InputError: no store can be opened by mysql:// (sqlite, postgresql+psycopg)
    """
    parsed = make_url(url)
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise InputError(
            "unknown_store",
            f"no store can be opened by {parsed.drivername}:// (sqlite, postgresql+psycopg)",
        )
    sqlite = parsed.drivername == "sqlite"
    if sqlite and parsed.database:
        path = Path(parsed.database)
        if not create and not path.exists():
            raise InputError("no_such_store", f"there is no store at {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
    options = {"execution_options": {SEALER: sealer}}
    engine = create_engine(url, **options, **(_SQLITE if sqlite else _POSTGRESQL))
    if sqlite:
        _prepare_sqlite(engine)
    store = Store(url, engine, sealer)
    try:
        with _alone(Path(parsed.database) if sqlite and parsed.database else None), translated():
            _migrate(store)
    except BaseException:
        store.close()
        raise
    return store


@contextmanager
def _alone(path: Path | None) -> Iterator[None]:
    """One process at a time: SQLite refuses, and does not wait, where two make a file at once."""
    if path is None:
        yield
        return
    with path.with_name(path.name + ".opening").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(raw: Any, _: Any) -> None:
        raw.isolation_level = None  # sqlite3 would begin by itself, and too late
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # what is erased is overwritten, not only let go of
        cursor.execute("PRAGMA secure_delete=FAST")
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.execute("PRAGMA mmap_size=268435456")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("ketavigil_immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _migrate(store: Store) -> None:
    from streams.store.migrations import upgrade

    upgrade(store.engine, store.url)
    with store.write() as connection:
        held = select(tables.meta.c.value).where(tables.meta.c.key == "id")
        if connection.scalar(held) is not None:
            return
        _one_at_a_time(connection)
        if connection.scalar(held) is None:
            connection.execute(insert(tables.meta), [{"key": "id", "value": uuid.uuid4().hex}])


def _one_at_a_time(connection: Connection) -> None:
    """Let processes that fill in what a new store lacks do so one after another."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(20261124)")


def allocate(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """`count` new ids of a table in ascending order, nobody else's.

    Other workers take from the same sequence at the same time, so they need not follow one another.
    """
    if not count:
        return ()
    if connection.dialect.name == "sqlite":
        first = int(connection.scalar(select(func.coalesce(func.max(table.c.id), 0))) or 0) + 1
        return range(first, first + count)
    found = connection.scalars(
        text("SELECT nextval(:name) FROM generate_series(1, :count)"),
        {"name": f"{table.name}_ids", "count": count},
    )
    return sorted(found)


def stored_positions(connection: Connection, consumer: str) -> dict[tuple[str, int], int]:
    """The next offset to read, by topic and partition."""
    rows = connection.execute(
        select(
            tables.positions.c.topic,
            tables.positions.c.partition,
            tables.positions.c.next_offset,
        ).where(tables.positions.c.consumer == consumer)
    )
    return {(topic, partition): offset for topic, partition, offset in rows}


def move_position(
    connection: Connection,
    consumer: str,
    log_id: str,
    moves: Mapping[tuple[str, int], tuple[int, int]],
) -> None:
    """Move stored positions from one offset to another, or raise `LostPartition`.

    `moves`: (topic, partition) -> (the offset it must stand at, the offset it is moved to).
    """
    table = tables.positions
    hold(connection, consumer, moves)
    for (topic, partition), (old, new) in moves.items():
        moved = connection.execute(
            table.update()
            .where(
                table.c.consumer == consumer,
                table.c.topic == topic,
                table.c.partition == partition,
                table.c.log_id == log_id,
                table.c.next_offset == old,
            )
            .values(next_offset=new)
        ).rowcount
        if moved != 1:
            raise LostPartition(
                "lost_partition",
                f"{consumer} no longer stands at {old} of {topic}/{partition}: another took it",
            )


def bind_log(
    connection: Connection, consumer: str, log_id: str, ends: Mapping[tuple[str, int], int]
) -> None:
    """Make sure that a consumer's positions belong to this log.

    `ends`: the end of each partition now. A position of another log, or past the end, refuses:
    `StoreError` ("another_log", "log_too_short"); missing positions begin at 0.
    """
    table = tables.positions
    _one_at_a_time(connection)
    for (topic, partition), end in ends.items():
        row = connection.execute(
            select(table.c.log_id, table.c.next_offset).where(
                table.c.consumer == consumer,
                table.c.topic == topic,
                table.c.partition == partition,
            )
        ).first()
        if row is None:
            connection.execute(
                insert(table),
                [
                    {
                        "consumer": consumer,
                        "topic": topic,
                        "partition": partition,
                        "log_id": log_id,
                        "next_offset": 0,
                    }
                ],
            )
        elif row.log_id != log_id:
            raise StoreError(
                "another_log",
                f"the store was written from log {row.log_id}, this is log {log_id}; "
                "give each store the log it belongs to",
            )
        elif row.next_offset > end:
            raise StoreError(
                "log_too_short",
                f"{topic}/{partition} ends at {end}, the store has read up to {row.next_offset}: "
                "records were lost from the log, or it is an older copy",
            )
