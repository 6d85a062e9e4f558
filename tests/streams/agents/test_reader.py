"""A consumer's place in the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import LogError
from streams.agents.reader import TRIM_AFTER, Reader
from streams.log import open_log
from streams.log.base import Message, Topic


def test_what_was_taken_is_skipped_and_a_gap_is_an_error() -> None:
    reader = Reader("reports")
    reader.reset({0: 3, 1: 0})
    assert not reader.is_next(0, 2)
    assert reader.is_next(0, 3)
    assert not reader.is_next(0, 3)
    assert reader.is_next(1, 0)
    with pytest.raises(LogError, match="4 should come next, 6 came"):
        reader.is_next(0, 6)


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
