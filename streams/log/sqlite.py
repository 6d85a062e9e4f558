"""The log in one SQLite file: for one machine, with no server to install.

Each message is a row whose integer id is its partition's slot and its offset, so reading a
partition is one range of the table. Next offsets are rows too: any number of processes append.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.errors import LogError
from streams.log.base import Message, Stored, Topic
from streams.log.file import LogFile, path_of

_SLOT = 1 << 40  # offsets that a partition can ever give out
_LINGER = 0.002  # seconds that a commit waits for company
_HOSPITABLE = 16  # commits that do so after one that had company; a lone writer never waits
_TOMBSTONE_AGE = 86_400.0  # seconds in which every reader can see that a key was deleted
_TRIM_AT_ONCE = 256  # messages let go in one transaction, so that appends get their turn


class _Partition(NamedTuple):
    slot: int
    compacted: bool


@dataclass(slots=True, eq=False)
class _Append:
    """One call of `append`, waiting for a commit that it may share with others."""

    messages: list[tuple[_Partition, Message]]
    offsets: list[int] = field(default_factory=list)
    error: BaseException | None = None
    done: bool = False


class SqliteLog:
    """A log at `sqlite:///relative/log.db` or `sqlite:////absolute/log.db` (as SQLAlchemy has it).

    Opening makes the file where there is none; what a `LogFile` raises, this raises. A compacted
    topic is compacted as it is written: an older value of a key goes with the append of the newer.

    >>> import tempfile
    >>> log = SqliteLog(f"sqlite:///{tempfile.mkdtemp()}/log.db")
    >>> log.ensure_topics([Topic("reports", partitions=4)])
    >>> log.append([Message("reports", 2, b"clinic-a", b"envelope")])
    [0]
    >>> [stored.value for stored in log.read("reports", 2, 0, 10)]
    [b'envelope']
    >>> log.close()
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._file = LogFile(path_of(url))
        self._partitions: dict[tuple[str, int], _Partition] = {}
        self._waiting: list[_Append] = []
        self._turn = threading.Condition()
        self._committing = False
        self._company = 0  # commits that still linger

    @property
    def url(self) -> str:
        return self._url

    def log_id(self) -> str:
        return self._file.log_id

    def ensure_topics(self, topics: Sequence[Topic]) -> None:
        with self._file.transaction() as db:
            for topic in topics:
                wanted = (topic.partitions, int(topic.compacted))
                found = db.execute(
                    "SELECT partitions, compacted FROM topics WHERE name = ?", (topic.name,)
                ).fetchone()
                if found is None:
                    db.execute("INSERT INTO topics VALUES (?, ?, ?)", (topic.name, *wanted))
                    db.executemany(
                        "INSERT INTO partitions (topic, partition) VALUES (?, ?)",
                        [(topic.name, partition) for partition in range(topic.partitions)],
                    )
                elif found != wanted:
                    raise LogError(
                        "topic_differs",
                        f"the topic {topic.name} is (partitions, compacted) = {found} in the log,"
                        f" not {wanted}",
                    )

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0 where there is no such topic."""
        rows = self._file.select("SELECT partitions FROM topics WHERE name = ?", topic)
        return int(rows[0][0]) if rows else 0

    def append(self, messages: Sequence[Message]) -> list[int]:
        if not messages:
            return []
        call = _Append([(self._partition(m.topic, m.partition), m) for m in messages])
        # Whoever finds nobody committing does so, for all that wait by then.
        with self._turn:
            self._waiting.append(call)
            self._turn.wait_for(lambda: call.done or not self._committing)
            leads = not call.done
            self._committing = self._committing or leads
        if leads:
            self._commit_waiting()
        if isinstance(call.error, LogError):
            raise LogError(call.error.code, str(call.error)) from call.error
        if call.error is not None:
            raise LogError("log_away", "not confirmed: the commit was broken off") from call.error
        return call.offsets

    def read(
        self, topic: str, partition: int, offset: int, limit: int, max_bytes: int | None = None
    ) -> list[Stored]:
        """As `Log.read`; stops after the message that reaches `max_bytes`."""
        base = self._partition(topic, partition).slot * _SLOT
        found: list[Stored] = []
        size = 0
        with self._file.reading() as db:
            rows = db.execute(
                "SELECT id, at, key, value FROM messages WHERE id >= ? AND id < ?"
                " ORDER BY id LIMIT ?",
                (base + max(offset, 0), base + _SLOT, limit),
            )
            for row, at, key, value in rows:
                found.append(Stored(topic, partition, row - base, key, value, at))
                size += len(value or b"")
                if max_bytes is not None and size >= max_bytes:
                    break
            rows.close()
        return found

    def end(self, topic: str, partition: int) -> int:
        slot = self._partition(topic, partition).slot
        return int(self._file.select("SELECT next FROM partitions WHERE slot = ?", slot)[0][0])

    def ends(self) -> dict[tuple[str, int], int]:
        """The end of every partition of every topic, at one moment."""
        rows = self._file.select("SELECT topic, partition, next FROM partitions")
        return {(topic, partition): end for topic, partition, end in rows}

    def start(self, topic: str, partition: int) -> int:
        slot = self._partition(topic, partition).slot
        return int(self._file.select("SELECT first FROM partitions WHERE slot = ?", slot)[0][0])

    def trim(self, topic: str, partition: int, before: int) -> None:
        slot = self._partition(topic, partition).slot
        before = min(before, self.end(topic, partition))
        ids = (slot * _SLOT, slot * _SLOT + before)
        with self._file.transaction() as db:
            db.execute("UPDATE partitions SET first = max(first, ?) WHERE slot = ?", (before, slot))
            db.execute("DELETE FROM newest WHERE slot = ? AND id < ?", (slot, ids[1]))
        gone = _TRIM_AT_ONCE
        while gone == _TRIM_AT_ONCE:
            with self._file.transaction() as db:
                gone = db.execute(
                    "DELETE FROM messages WHERE id IN (SELECT id FROM messages"
                    " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?)",
                    (*ids, _TRIM_AT_ONCE),
                ).rowcount

    def overwrite(self) -> None:
        self._file.vacuum()

    def commit(self, reader: str, offsets: Mapping[tuple[str, int], int]) -> None:
        """Keep the next offset that a group of readers takes from each (topic, partition)."""
        rows = [(reader, self._partition(*tp).slot, offset) for tp, offset in offsets.items()]
        with self._file.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", rows)

    def committed(self, reader: str) -> dict[tuple[str, int], int]:
        """The offsets that `commit` kept for a group of readers."""
        rows = self._file.select(
            "SELECT topic, partition, offset FROM positions JOIN partitions USING (slot)"
            " WHERE reader = ?",
            reader,
        )
        return {(topic, partition): offset for topic, partition, offset in rows}

    def version(self) -> int:
        """A number that changes when anyone, in any process, has written to the log."""
        return self._file.version()

    def close(self) -> None:
        self._file.close()

    def _partition(self, topic: str, partition: int) -> _Partition:
        found = self._partitions.get((topic, partition))
        if found is None:
            rows = self._file.select(
                "SELECT slot, compacted FROM partitions JOIN topics ON name = topic"
                " WHERE topic = ? AND partition = ?",
                topic,
                partition,
            )
            if not rows:
                raise LogError("no_such_topic", f"the log has no partition {partition} of {topic}")
            found = self._partitions[topic, partition] = _Partition(rows[0][0], bool(rows[0][1]))
        return found

    def _commit_waiting(self) -> None:
        calls: list[_Append] = []
        try:
            if self._company:
                time.sleep(_LINGER)
            with self._turn:
                calls, self._waiting = self._waiting, []
            self._company = _HOSPITABLE if len(calls) > 1 else max(self._company - 1, 0)
            with self._file.transaction() as db:
                for call in calls:
                    call.offsets = _write(db, call.messages)
        except BaseException as error:
            for call in calls:
                call.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            with self._turn:
                for call in calls:
                    call.done = True
                self._committing = False
                self._turn.notify_all()


def _write(db: sqlite3.Connection, messages: list[tuple[_Partition, Message]]) -> list[int]:
    now = time.time()
    offsets: list[int] = []
    following: dict[int, int] = {}
    compacted: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
    for partition, message in messages:
        slot = partition.slot
        if slot not in following:
            select = "SELECT next FROM partitions WHERE slot = ?"
            following[slot] = db.execute(select, (slot,)).fetchone()[0]
        offset = following[slot]
        following[slot] = offset + 1
        offsets.append(offset)
        db.execute(
            "INSERT INTO messages VALUES (?, ?, ?, ?)",
            (slot * _SLOT + offset, now, message.key, message.value),
        )
        if partition.compacted:
            compacted[slot].append((slot * _SLOT + offset, message.key))
    db.executemany(
        "UPDATE partitions SET next = ? WHERE slot = ?",
        [(offset, slot) for slot, offset in following.items()],
    )
    for slot, written in compacted.items():
        _compact(db, slot, written, now)
    return offsets


def _compact(
    db: sqlite3.Connection, slot: int, written: list[tuple[int, bytes]], now: float
) -> None:
    for row, key in written:
        db.execute(
            "DELETE FROM messages WHERE id = (SELECT id FROM newest WHERE slot = ? AND key = ?)",
            (slot, key),
        )
        db.execute("INSERT OR REPLACE INTO newest VALUES (?, ?, ?)", (slot, key, row))
    # What was just written stays, so the last message, which a recovery waits for, is never gone.
    expired = db.execute(
        "SELECT id FROM messages WHERE value IS NULL AND at < ? AND id >= ? AND id < ?",
        (now - _TOMBSTONE_AGE, slot * _SLOT, written[0][0]),
    ).fetchall()
    db.executemany("DELETE FROM newest WHERE id = ?", expired)
    db.executemany("DELETE FROM messages WHERE id = ?", expired)
