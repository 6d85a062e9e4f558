"""What a log is: ordered, durable topics of partitions, behind one interface for every engine."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as this deployment needs it; an existing one that differs is refused."""

    name: str
    partitions: int
    compacted: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message to append."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in the log, at its offset; `at` is when it was appended (seconds since 1970)."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    at: float


class Log(Protocol):
    """An engine. All methods block; call them in a thread from a loop. Safe for several threads."""

    @property
    def url(self) -> str:
        """The URL it was opened by."""
        ...

    def log_id(self) -> str:
        """An id given at creation that no other log has."""
        ...

    def ensure_topics(self, topics: Sequence[Topic]) -> None:
        """Create what is missing; raise `LogError` ("topic_differs") where one exists otherwise."""
        ...

    def append(self, messages: Sequence[Message]) -> list[int]:
        """Append, and return the offsets once all of it is durable; else raise `LogError`."""
        ...

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Stored]:
        """Up to `limit` messages from `offset` on; compacted or trimmed ones are left out."""
        ...

    def end(self, topic: str, partition: int) -> int:
        """The offset that the next message will get."""
        ...

    def start(self, topic: str, partition: int) -> int:
        """The offset of the oldest message that is still held (the end where there is none)."""
        ...

    def trim(self, topic: str, partition: int, before: int) -> None:
        """Let go of what lies before an offset that every reader has passed."""
        ...

    def overwrite(self) -> None:
        """See to it that what was trimmed cannot be read from the medium, where we can.

        Kafka lets go of files by itself, by whole segments (`segment.ms` of the topic).
        """
        ...

    def close(self) -> None:
        """Let go of files and connections; a second call does nothing."""
        ...


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: CRC-32 modulo the number of partitions, the same on every engine.

    >>> partition_of(b"clinic-a\\x00R-1", 4)
    2
    """
    return zlib.crc32(key) % partitions
