"""A consumer's place in the log."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from faust.types import TP

from schemas.errors import LogError
from streams.agents.reader import REWINDS, TRIM_AFTER, Reader
from streams.log import open_log
from streams.log.base import Message, Topic


class Consumer:
    """Faust's, as far as it is asked here."""

    def __init__(self, *ours: int) -> None:
        self.ours = {TP("reports", partition) for partition in ours}
        self.sought: list[dict[TP, int]] = []

    def assignment(self) -> set[TP]:
        return self.ours

    async def seek_wait(self, partitions: dict[TP, int]) -> None:
        self.sought.append(partitions)


def test_what_was_taken_is_skipped() -> None:
    reader = Reader("reports")
    reader.reset({0: 3, 1: 0})
    assert not reader.is_next(0, 2)
    assert reader.is_next(0, 3)
    assert not reader.is_next(0, 3)
    assert reader.is_next(1, 0)


def test_what_is_missing_is_sent_again_and_nothing_is_taken_before_it() -> None:
    reader, consumer = Reader("reports"), Consumer(0, 1)
    reader.reset({0: 3, 1: 0})
    asyncio.run(reader.rewind(consumer))
    assert consumer.sought == []
    assert not reader.is_next(0, 6)
    assert not reader.is_next(0, 7)
    assert reader.is_next(1, 0)
    asyncio.run(reader.rewind(consumer))
    asyncio.run(reader.rewind(consumer))
    assert consumer.sought == [{TP("reports", 0): 3}]
    assert [reader.is_next(0, offset) for offset in (3, 4, 5, 6)] == [True] * 4


def test_what_never_comes_is_a_gap() -> None:
    reader, consumer = Reader("reports"), Consumer(0)
    reader.reset({0: 3})

    async def again() -> None:
        assert not reader.is_next(0, 6)
        await reader.rewind(consumer)

    for _ in range(REWINDS):
        asyncio.run(again())
    with pytest.raises(LogError, match="reports/0: 3 does not come"):
        asyncio.run(again())


def test_a_partition_that_is_not_ours_is_left_to_its_owner() -> None:
    reader, consumer = Reader("reports"), Consumer(1)
    reader.reset({0: 5})
    assert not reader.is_next(1, 0)
    assert not reader.is_next(1, 7)
    assert not reader.is_next(0, 7)  # it was taken from us meanwhile
    asyncio.run(reader.rewind(consumer))
    assert consumer.sought == []


def test_the_log_lets_go_of_what_is_stored_and_of_nothing_else(tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    log.ensure_topics([Topic("reports", 1)])
    log.append([Message("reports", 0, b"", b"x")] * (TRIM_AFTER + 5))
    reader = Reader("reports")
    reader.reset({0: TRIM_AFTER - 1})
    reader.trim(log)
    assert log.start("reports", 0) == 0
    assert reader.is_next(0, TRIM_AFTER - 1)
    reader.trim(log)
    assert log.start("reports", 0) == TRIM_AFTER
    assert len(log.read("reports", 0, TRIM_AFTER, 10)) == 5
    log.close()


def test_what_is_younger_than_it_is_to_be_kept_stays_for_an_older_copy_of_the_store(
    tmp_path: Path,
) -> None:
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    log.ensure_topics([Topic("reports", 1)])
    log.append([Message("reports", 0, b"", b"x")] * 150)
    time.sleep(0.6)
    log.append([Message("reports", 0, b"", b"x")] * (TRIM_AFTER - 100))
    for keep, start in ((3600.0, 0), (0.5, 150), (0.0, TRIM_AFTER)):
        reader = Reader("reports", keep)
        reader.reset({0: TRIM_AFTER})
        reader.trim(log)
        assert log.start("reports", 0) == start
    log.close()


def test_a_log_that_is_away_is_let_go_of_nothing_and_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = open_log(f"sqlite:///{path}")
    log.ensure_topics([Topic("reports", 1)])
    log.append([Message("reports", 0, b"", b"x")] * TRIM_AFTER)
    reader = Reader("reports")
    reader.reset({0: TRIM_AFTER})
    path.rename(tmp_path / "away")
    reader.trim(log)
    (tmp_path / "away").rename(path)
    assert log.start("reports", 0) == 0
    reader.trim(log)
    assert log.start("reports", 0) == TRIM_AFTER
    log.close()
