"""The intake agent: reports from the log into the store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from schemas.envelope import decode_envelope
from streams.agents.disposal import Disposal
from streams.agents.items import Taken
from streams.agents.outbox import drain
from streams.agents.reader import Reader
from streams.log.base import Log
from streams.store.store import Store

ENVELOPES = 64  # taken at once: small ones must share what a run of the quality suite costs
RECORDS = 4_000  # of full envelopes as many as hold so many records
WITHIN = 0.02  # seconds to wait for that many
FEW = 200  # records; after fewer the agent rests, or the suite's fixed cost would fill a core
REST = 0.15  # seconds


def register(
    app: Any, disposal: Disposal, reader: Reader, *, store: Store, log: Log, owners: Sequence[str]
) -> None:
    """Let the app dispose of the records of a stream and publish what they change."""

    def work(taken: list[Taken]) -> None:
        for batch in batches(taken):
            disposal.dispose(batch)
            drain(store, log, owners)
        reader.trim(log)

    topic = app.topic(reader.topic, value_type=bytes, value_serializer="raw")

    @app.agent(topic, name=disposal.consumer)  # type: ignore[untyped-decorator]
    async def intake(stream: Any) -> None:
        async for events in stream.take_events(ENVELOPES, within=WITHIN):
            taken = [
                Taken(partition, offset, decode_envelope(value))
                for partition, offset, value in reader.fresh(events)
            ]
            if taken:
                await asyncio.to_thread(work, taken)
                if sum(len(one.envelope.records) for one in taken) < FEW:
                    await asyncio.sleep(REST)


def batches(taken: Sequence[Taken]) -> Iterator[list[Taken]]:
    """Whole envelopes in order, as many at once as hold `RECORDS` records, at least one."""
    batch: list[Taken] = []
    records = 0
    for one in taken:
        size = len(one.envelope.records)
        if batch and records + size > RECORDS:
            yield batch
            batch, records = [], 0
        batch.append(one)
        records += size
    if batch:
        yield batch
