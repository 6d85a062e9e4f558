"""What a restored store leaves behind of the changes that it published before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from schemas.envelope import VERSION, Change, Changes, decode_changes, encode
from schemas.errors import StoreError
from streams.agents.former_life import leave_behind
from streams.log import Log, open_log
from streams.log.base import Message, Topic
from streams.settings import CHANGES, DETECT
from streams.store import tables
from streams.store.store import Store, bind_log, open_store, stored_positions

AT = (CHANGES, 0)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    opened = open_log(f"sqlite:///{tmp_path}/log.db")
    opened.ensure_topics([Topic(CHANGES, 1)])
    yield opened
    opened.close()


@pytest.fixture
def store(store_url: str, log: Log) -> Iterator[Store]:
    """It knows case 1 in its second revision and course 1 in its first, and has read nothing."""
    opened = open_store(store_url)
    with opened.write() as connection:
        bind_log(connection, DETECT, log.log_id(), {AT: 0})
        connection.execute(
            insert(tables.cases),
            [
                {
                    "id": 1,
                    "key": "reports\x1fa\x1f1",
                    "stream": "reports",
                    "sender": "a",
                    "report_id": "1",
                    "newest": 1,
                    "revision": 2,
                }
            ],
        )
        connection.execute(
            insert(tables.courses),
            [
                {
                    "id": 1,
                    "key": "k",
                    "registry": "r",
                    "patient": "p",
                    "course": "c",
                    "revision": 1,
                    "state": b"",
                }
            ],
        )
    yield opened
    opened.close()


def published(log: Log, *changes: Change) -> None:
    """One message each."""
    log.append([Message(CHANGES, 0, b"", encode(Changes(VERSION, (one,)))) for one in changes])


def begun(store: Store, log: Log) -> tuple[int, int, list[tuple[str, int, int]]]:
    """How many were left, the position, and what is in the outbox."""
    with store.write() as connection:
        left = leave_behind(connection, log)
    with store.read() as connection:
        position = stored_positions(connection, DETECT)[AT]
        values = connection.scalars(select(tables.outbox.c.value).order_by(tables.outbox.c.id))
        sent = [one for value in values for one in decode_changes(value).changes]
    return left, position, [(one.kind, one.case_id, one.revision) for one in sent]


KNOWN = (Change("case", 1, 1), Change("course", 1, 1), Change("checkpoint"), Change("case", 1, 2))


def test_a_store_that_knows_all_that_was_published_reads_on_where_it_was(
    store: Store, log: Log
) -> None:
    published(log, *KNOWN)
    assert begun(store, log) == (0, 0, [])


@pytest.mark.parametrize(
    "unknown", [Change("case", 2, 1), Change("case", 1, 3), Change("course", 1, 2)]
)
def test_a_store_that_does_not_leaves_it_and_publishes_what_it_knows_anew(
    store: Store, log: Log, unknown: Change
) -> None:
    published(log, KNOWN[0], unknown, *KNOWN[1:])
    sent = [("case", 1, 1), ("course", 1, 1), ("case", 1, 2)]
    assert begun(store, log) == (1, 5, sent)
    assert begun(store, log) == (0, 5, sent)  # and only once


def test_a_store_that_has_yet_to_read_what_the_log_let_go_of_is_refused(
    store: Store, log: Log
) -> None:
    published(log, *KNOWN)
    log.trim(CHANGES, 0, 1)
    with store.write() as connection, pytest.raises(StoreError, match="older than") as told:
        leave_behind(connection, log)
    assert told.value.code == "log_trimmed"
