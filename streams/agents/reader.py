"""The place of one consumer in the log: what was taken is skipped, a gap is an error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.errors import LogError
from streams.log.base import Log

TRIM_AFTER = 200  # messages of a partition


class Reader:
    """Next offsets by partition, as stored; a message is taken once and in order.

    >>> reader = Reader("reports")
    >>> reader.reset({0: 5})
    >>> reader.is_next(0, 4), reader.is_next(0, 5)
    (False, True)
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._next: dict[int, int] = {}
        self._trimmed: dict[int, int] = {}

    def reset(self, positions: dict[int, int]) -> None:
        """Stand where the store says."""
        self._next = dict(positions)

    def is_next(self, partition: int, offset: int) -> bool:
        """Whether to take a message; `LogError` ("gap") where one before it is missing.

        None is taken of a partition that is not ours: it came before it was given to another.
        """
        expected = self._next.get(partition, offset + 1)
        if offset > expected:
            raise LogError(
                "gap", f"{self.topic}/{partition}: {expected} should come next, {offset} came"
            )
        if offset < expected:
            return False
        self._next[partition] = offset + 1
        return True

    def trim(self, log: Log) -> None:
        """Let the log go of what is stored, now and then: the store holds every record itself."""
        for partition, offset in self._next.items():
            if offset - self._trimmed.get(partition, 0) >= TRIM_AFTER:
                log.trim(self.topic, partition, offset)
                self._trimmed[partition] = offset

    def fresh(self, events: Iterable[Any]) -> list[Any]:
        """The messages of Faust's events that have not been taken yet."""
        return [
            event.message
            for event in events
            if self.is_next(event.message.partition, event.message.offset)
        ]
