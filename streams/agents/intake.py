"""The intake agent: records from the log into the store; the same for both streams of records."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from schemas.envelope import VERSION, Entry, Envelope, decode_envelope
from schemas.errors import KetavigilError, LogError
from streams.agents.disposal import Disposal
from streams.agents.items import Taken
from streams.agents.outbox import drain, owner
from streams.agents.reader import Reader
from streams.log.base import Log
from streams.store.retrying import retried
from streams.store.store import Store

ENVELOPES = 64  # taken at once: small ones must share what a run of the quality suite costs
RECORDS = 4_000  # of full envelopes as many as hold so many records
WITHIN = 0.02  # seconds to wait for that many
FEW = 200  # records; after fewer the agent rests, or the suite's fixed cost would fill a core
REST = 0.15  # seconds
PUBLISHING = 15.0  # seconds to try: an append that fails has taken ten of them
TRIES = 3  # of an envelope that raises, before it is held

_log = logging.getLogger("ketavigil.worker")


def register(app: Any, disposal: Disposal, reader: Reader, *, store: Store, log: Log) -> None:
    """Let the app dispose of the records of a stream and publish what they change."""

    def work(taken: list[Taken]) -> None:
        for batch in batches(taken):
            dispose(disposal, batch)
            partitions = sorted({one.partition for one in batch})
            owners = [owner(disposal.consumer, reader.topic, p) for p in partitions]
            retried(
                lambda owners=owners: drain(store, log, owners),  # type: ignore[misc]
                patience=PUBLISHING,
            )
        # what an erased patient sends again must not wait there
        reader.trim(log, now=disposal.refused)
        disposal.refused = False

    topic = app.topic(reader.topic, value_type=bytes, value_serializer="raw")

    @app.agent(topic, name=disposal.consumer)  # type: ignore[untyped-decorator]
    async def intake(stream: Any) -> None:
        async for events in stream.take_events(ENVELOPES, within=WITHIN):
            taken = [taken_from(message) for message in reader.fresh(events)]
            if taken:
                await asyncio.to_thread(work, taken)
                if sum(len(one.envelope.records) for one in taken) < FEW:
                    await asyncio.sleep(REST)
            await reader.rewind(app.consumer)


def taken_from(message: Any) -> Taken:
    """The envelope of a message of Faust; one that cannot be read is a record with that fault.

    Raises `LogError` ("envelope_version"): a newer program can read it.
    """
    value = message.value or b""
    try:
        envelope = decode_envelope(value)
    except LogError as error:
        if error.code != "envelope_damaged":
            raise
        fault = (error.code, "", str(error))
        hashed = hashlib.sha256(value).digest()
        whole = Entry(0, "", "push", message.timestamp, value, b"", hashed, None, faults=(fault,))
        envelope = Envelope(VERSION, message.topic, (whole,))
    return Taken(message.partition, message.offset, envelope)


def dispose(disposal: Disposal, batch: Sequence[Taken]) -> None:
    """Dispose of a batch; an envelope that raises whatever is tried is held in quarantine.

    What has a code of its own (the store is away, the partition is lost) is raised.
    """
    if _tried(lambda: disposal.dispose(batch)):
        return
    for one in batch:
        if not any(_tried(lambda one=one: disposal.dispose([one])) for _ in range(TRIES)):  # type: ignore[misc]
            disposal.hold(one)


def _tried(work: Callable[[], None]) -> bool:
    try:
        work()
    except KetavigilError:
        raise
    except Exception as error:
        # the message of an error can repeat what a record says
        _log.error("a batch of records raised %s", type(error).__name__)
        return False
    return True


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
