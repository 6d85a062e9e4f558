"""The detect agent: changed cases from the log into scores and signals.

One is active, the one to which `changes` is assigned; others stand by, without a detector. A new
one is made from the store at each assignment, since the last may have been another worker's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from schemas.envelope import decode_changes
from streams.agents.detector import Detector
from streams.agents.outbox import drain
from streams.agents.reader import Reader
from streams.agents.signals import OWNER
from streams.log.base import Log
from streams.store.retrying import retried
from streams.store.store import Store

MESSAGES = 8
WITHIN = 0.005  # seconds


class Active:
    """The detector of this worker, where it is the one that is active."""

    def __init__(self, make: Callable[[], Detector]) -> None:
        self._make = make
        self.detector: Detector | None = None

    def begin(self) -> Detector:
        """Make it from the store as it is now."""
        self.detector = None
        self.detector = self._make()
        return self.detector

    def end(self) -> None:
        """Let go of it."""
        self.detector = None


def register(app: Any, active: Active, reader: Reader, store: Store, log: Log) -> None:
    """Let the app apply changes and publish signals."""

    def apply(batch: list[tuple[int, bytes]]) -> None:
        detector = active.detector or active.begin()
        rest = [(at, decode_changes(value)) for at, value in batch if at >= detector.position]
        try:
            if rest:
                detector.apply(rest)
        except BaseException:
            active.end()  # its counts may be ahead of the store
            raise
        drain(store, log, [OWNER])

    def work(batch: list[tuple[int, bytes]]) -> None:
        retried(lambda: apply(batch))
        reader.trim(log)

    topic = app.topic(reader.topic, value_type=bytes, value_serializer="raw")

    @app.agent(topic, name="detect")  # type: ignore[untyped-decorator]
    async def detect(stream: Any) -> None:
        async for events in stream.take_events(MESSAGES, within=WITHIN):
            batch = [(message.offset, message.value) for message in reader.fresh(events)]
            if batch:
                await asyncio.to_thread(work, batch)
            await reader.rewind(app.consumer)
