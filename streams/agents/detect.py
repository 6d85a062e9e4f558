"""The detect agent: changed cases from the log into scores and signals."""

from __future__ import annotations

import asyncio
from typing import Any

from schemas.envelope import decode_changes
from streams.agents.detector import Detector
from streams.agents.outbox import drain
from streams.agents.reader import Reader
from streams.agents.signals import OWNER
from streams.log.base import Log
from streams.store.store import Store

MESSAGES = 8
WITHIN = 0.005  # seconds


def register(app: Any, detector: Detector, reader: Reader, store: Store, log: Log) -> None:
    """Let the app apply changes and publish signals."""

    def work(batch: list[tuple[int, bytes]]) -> None:
        detector.apply([(offset, decode_changes(value)) for offset, value in batch])
        drain(store, log, [OWNER])
        reader.trim(log)

    topic = app.topic(reader.topic, value_type=bytes, value_serializer="raw")

    @app.agent(topic, name="detect")  # type: ignore[untyped-decorator]
    async def detect(stream: Any) -> None:
        async for events in stream.take_events(MESSAGES, within=WITHIN):
            batch = [(offset, value) for _, offset, value in reader.fresh(events)]
            if batch:
                await asyncio.to_thread(work, batch)
