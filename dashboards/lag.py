"""How far the agents are behind the log: what waits, and since when."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sqlalchemy import Connection

from schemas.envelope import CANARY, decode_changes, records_in
from schemas.record import STREAMS
from streams.log.base import Log
from streams.settings import CHANGES, CONSUMERS, DETECT
from streams.store.store import stored_positions

_AT_A_TIME = 64
_CONSUMERS: dict[str, str] = {**CONSUMERS, CHANGES: DETECT}


@dataclass(frozen=True, slots=True)
class Behind:
    """One partition past its consumer's stored position; canaries count nowhere.

    `waiting`: entries (records, or changes) to be read; `received`: those of them that are records
    received for the first time (a replay is not); `since`: when the oldest of them was appended.
    """

    topic: str
    partition: int
    consumer: str
    position: int
    end: int
    waiting: int
    received: int
    since: float | None


class Lag:
    """Reads the log past the stored positions; each message is opened once only."""

    def __init__(self, log: Log, partitions: int) -> None:
        self._log = log
        self._partitions = {topic: 1 if topic == CHANGES else partitions for topic in _CONSUMERS}
        self._counted: dict[tuple[str, int], dict[int, tuple[int, int, float]]] = {}
        self._lock = threading.Lock()

    def read(self, connection: Connection) -> list[Behind]:
        """Every partition that is consumed, as the store's snapshot and the log say; `LogError`."""
        with self._lock:
            return [
                self._behind(topic, partition, consumer, held.get((topic, partition), 0))
                for topic, consumer in _CONSUMERS.items()
                for held in [stored_positions(connection, consumer)]
                for partition in range(self._partitions[topic])
            ]

    def _behind(self, topic: str, partition: int, consumer: str, position: int) -> Behind:
        end = max(self._log.end(topic, partition), position)
        known = self._counted.setdefault((topic, partition), {})
        if known and min(known) > position:
            known.clear()  # this snapshot is older than the one before, which let go of some
        for offset in [offset for offset in known if offset < position]:
            del known[offset]
        offset = max(known, default=position - 1) + 1
        while offset < end:
            messages = self._log.read(topic, partition, offset, _AT_A_TIME)
            if not messages:
                break
            for message in messages:
                if message.offset < end:
                    known[message.offset] = (*_count(topic, message.value), message.at)
            offset = messages[-1].offset + 1
        return Behind(
            topic,
            partition,
            consumer,
            position,
            end,
            sum(waiting for waiting, _, _ in known.values()),
            sum(received for _, received, _ in known.values()),
            known[min(known)][2] if known else None,
        )


def in_flight(behind: list[Behind]) -> dict[str, int]:
    """Records received and not disposed of yet, by stream: what `conservation` asks for."""
    return {
        stream: sum(part.received for part in behind if part.topic == stream) for stream in STREAMS
    }


def _count(topic: str, value: bytes | None) -> tuple[int, int]:
    if topic == CHANGES:
        if value is None:
            return 0, 0
        return sum(change.kind != CANARY for change in decode_changes(value).changes), 0
    return records_in(value)
