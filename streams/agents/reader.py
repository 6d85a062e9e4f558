"""The place of one consumer in the log: what was taken is skipped, a gap is read again."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiokafka.errors import IllegalStateError
from faust.types import TP

from schemas.errors import LogError
from streams.log.base import Log

TRIM_AFTER = 200  # messages of a partition
REWINDS = 20  # of a partition in which nothing comes that should


class Reader:
    """Next offsets by partition, as stored; a message is taken once and in order.

    >>> reader = Reader("reports")
    >>> reader.reset({0: 5})
    >>> reader.is_next(0, 4), reader.is_next(0, 7), reader.is_next(0, 5)
    (False, False, True)
    """

    def __init__(self, topic: str, keep: float = 0.0) -> None:
        self.topic = topic
        self._keep = keep
        self._next: dict[int, int] = {}
        self._trimmed: dict[int, int] = {}
        self._missed: set[int] = set()
        self._rewinds: dict[int, int] = {}

    def reset(self, positions: dict[int, int]) -> None:
        """Stand where the store says."""
        self._next = dict(positions)
        self._missed.clear()

    def is_next(self, partition: int, offset: int) -> bool:
        """Whether to take a message.

        None is taken of a partition that is not ours: it came before it was given to another. Where
        one before it is missing, `rewind` has it sent again.
        """
        expected = self._next.get(partition, offset + 1)
        if offset > expected:
            self._missed.add(partition)
        if offset != expected:
            return False
        self._next[partition] = offset + 1
        self._missed.discard(partition)
        self._rewinds.pop(partition, None)
        return True

    async def rewind(self, consumer: Any) -> None:
        """Let a consumer of Faust send again what is missing.

        After a rebalance Faust can give out what it had fetched before it, and then drops what it
        was told to begin with. Raises `LogError` ("gap") where it does not come all the same.
        """
        missed, self._missed = self._missed, set()
        for partition in missed:
            expected = self._next[partition]
            self._rewinds[partition] = self._rewinds.get(partition, 0) + 1
            if self._rewinds[partition] > REWINDS:
                raise LogError("gap", f"{self.topic}/{partition}: {expected} does not come")
        wanted = {TP(self.topic, partition): self._next[partition] for partition in missed}
        ours = consumer.assignment()
        if wanted := {tp: offset for tp, offset in wanted.items() if tp in ours}:
            # taken from us meanwhile, it is another's to read
            with suppress(IllegalStateError):
                await consumer.seek_wait(wanted)

    def trim(self, log: Log, *, now: bool = False) -> None:
        """Let the log go of what is stored and old, now and then: the store holds every record.

        What is younger than `keep` seconds stays, so that an older copy of the store can read it
        again. A log that is away is left for the next time. `now`: of all that is stored, at once.
        """
        for partition, offset in self._next.items():
            if now:
                log.trim(self.topic, partition, offset)
                self._trimmed[partition] = offset
            if offset - self._trimmed.get(partition, 0) < TRIM_AFTER:
                continue
            with suppress(LogError):
                before = self._older(log, partition, offset)
                log.trim(self.topic, partition, before)
                self._trimmed[partition] = offset

    def _older(self, log: Log, partition: int, offset: int) -> int:
        """The first message before an offset that is to stay; the offset where all are old."""
        if not self._keep:
            return offset
        moment = time.time() - self._keep

        def old(at: int) -> bool:
            found = log.read(self.topic, partition, at, 1)
            return bool(found) and found[0].at < moment

        low, high = log.start(self.topic, partition), offset
        if low >= high or not old(low):
            return low
        while high - low > 1:  # what is at `low` is old, what is at `high` is not
            middle = (low + high) // 2
            low, high = (middle, high) if old(middle) else (low, middle)
        return high

    def fresh(self, events: Iterable[Any]) -> list[Any]:
        """The messages of Faust's events that have not been taken yet."""
        return [
            event.message
            for event in events
            if self.is_next(event.message.partition, event.message.offset)
        ]
