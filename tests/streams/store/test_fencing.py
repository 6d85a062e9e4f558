"""Two workers and one partition: only one of them can write, and neither waits for a dead one."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from schemas.errors import StoreError
from streams.store import tables
from streams.store.fencing import fence
from streams.store.store import (
    LostPartition,
    Store,
    bind_log,
    move_position,
    open_store,
    stored_positions,
)

HERE, OTHER = ("reports", 0), ("reports", 1)
pytestmark = pytest.mark.postgresql


@pytest.fixture
def workers(postgresql: str) -> Iterator[tuple[Store, Store]]:
    """Two workers on one store that has read nothing yet."""
    one, other = open_store(postgresql), open_store(postgresql)
    with one.write() as connection:
        bind_log(connection, "intake", "log", {HERE: 100, OTHER: 100})
    yield one, other
    one.close()
    other.close()


def take(store: Store, start: int, end: int) -> None:
    """What a worker writes of a partition."""
    with store.write() as connection:
        move_position(connection, "intake", "log", {HERE: (start, end)})


def position(store: Store) -> int:
    with store.read() as connection:
        return stored_positions(connection, "intake")[HERE]


def test_of_two_that_believe_to_own_a_partition_one_writes(workers: tuple[Store, Store]) -> None:
    one, other = workers
    waits = threading.Event()
    told: list[StoreError] = []

    def late() -> None:
        waits.set()
        try:
            take(other, 0, 7)
        except LostPartition as error:
            told.append(error)

    second = threading.Thread(target=late)
    with one.write() as connection:
        move_position(connection, "intake", "log", {HERE: (0, 5)})
        second.start()
        waits.wait(10)
    second.join(30)
    assert [error.code for error in told] == ["lost_partition"]
    assert position(one) == 5


def test_a_transaction_of_a_former_owner_is_ended(workers: tuple[Store, Store]) -> None:
    """It is paused in the middle: its connection is there, and it says nothing."""
    paused, owner = workers

    def half_way() -> None:
        with paused.write() as connection:
            move_position(connection, "intake", "log", {HERE: (0, 9)})
            assert fence(owner, "intake", [HERE]) == 1
            take(owner, 0, 4)
            connection.execute(select(tables.meta))

    with pytest.raises(StoreError) as told:
        half_way()
    assert told.value.code == "store_away"
    assert position(owner) == 4
    with pytest.raises(LostPartition):
        take(paused, 0, 9)
    take(paused, 4, 6)  # its connection is a new one, and nobody has moved the position since
    assert position(owner) == 6


def test_one_that_ends_by_itself_is_waited_for(workers: tuple[Store, Store]) -> None:
    one, owner = workers
    begun = threading.Event()
    done = threading.Event()

    def finishing() -> None:
        with one.write() as connection:
            move_position(connection, "intake", "log", {HERE: (0, 3)})
            begun.set()
            done.wait(0.3)

    former = threading.Thread(target=finishing)
    former.start()
    begun.wait(10)
    assert fence(owner, "intake", [HERE]) == 0
    former.join(10)
    assert position(owner) == 3


def test_another_partition_and_another_consumer_are_left_alone(
    workers: tuple[Store, Store],
) -> None:
    one, owner = workers
    with one.write() as connection:
        move_position(connection, "intake", "log", {HERE: (0, 3)})
        assert fence(owner, "intake", [OTHER]) == 0
        assert fence(owner, "follow_up", [HERE]) == 0
    assert position(owner) == 3
