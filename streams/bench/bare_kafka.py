"""The same work in one bare loop on Kafka: aiokafka alone, no Faust, no outbox, one process.

It checks, seals and sends as the import does, and takes, judges, stores and counts as the agents
do, with their functions: `python -m streams.bench.bare_kafka FILE BROKER STORE SENDER`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.envelope import VERSION, Envelope, decode_envelope, encode, split
from streams.agents.items import Taken
from streams.bench.bare import BATCH, Counting
from streams.gateway.bodies import Body
from streams.gateway.taking import judge
from streams.log.base import partition_of
from streams.log.kafka import MAX_MESSAGE
from streams.log.kafka_access import brokers_of
from streams.master_key import load_sealer
from streams.sealing import Sealer
from streams.settings import REPORTS, Settings

_ENVELOPE = 500  # records of one message, as an import sends them
_WAIT = 100  # milliseconds that a fetch waits for more


async def run(file: Path, settings: Settings, sender: str) -> float:
    """Send a file of NDJSON and take it in; the seconds from its first byte to the last score."""
    assert settings.data is not None
    sealer = load_sealer(settings.data)
    partitions = settings.partitions()
    every = [TopicPartition(REPORTS, n) for n in range(partitions)]
    ends = {(REPORTS, n): 0 for n in range(partitions)}
    brokers = brokers_of(settings.broker)
    producer = AIOKafkaProducer(
        bootstrap_servers=brokers,
        enable_idempotence=True,
        acks="all",
        max_request_size=MAX_MESSAGE,
    )
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_MESSAGE,
    )
    counting = Counting(settings.store, ends, sealer)
    await producer.start()
    await consumer.start()
    consumer.assign(every)
    try:
        began = time.perf_counter()
        sending = asyncio.create_task(_send(file, producer, partitions, sender, sealer))
        taken = 0
        while not sending.done() or taken < sending.result():
            found = await consumer.getmany(timeout_ms=_WAIT, max_records=BATCH // _ENVELOPE)
            batch = [
                Taken(tp.partition, message.offset, decode_envelope(message.value))
                for tp, messages in found.items()
                for message in messages
            ]
            if batch:
                counting.take(batch)
                taken += sum(len(one.envelope.records) for one in batch)
        counting.end()
        return time.perf_counter() - began
    finally:
        await consumer.stop()
        await producer.stop()
        counting.close()


async def _send(
    file: Path, producer: AIOKafkaProducer, partitions: int, sender: str, sealer: Sealer
) -> int:
    """The records sent, each in the partition of its case."""
    sent, waiting = 0, {n: list[Any]() for n in range(partitions)}

    async def close(partition: int) -> None:
        for run_ in split(waiting[partition]):
            value = encode(Envelope(VERSION, "reports", run_))
            await producer.send_and_wait(REPORTS, value, sender.encode(), partition)
        waiting[partition].clear()

    with file.open("rb") as lines:
        while raw := [line.rstrip(b"\n") for line in islice(lines, _ENVELOPE)]:
            body: Any = Body(raw)
            for one in judge("reports", body, sender=sender, taken_at=time.time(), sealer=sealer):
                partition = partition_of(one.key, partitions)
                waiting[partition].append(one.entry)
                sent += 1
                if len(waiting[partition]) == _ENVELOPE:
                    await close(partition)
            await asyncio.sleep(0)
    for partition in waiting:
        await close(partition)
    return sent


if __name__ == "__main__":
    _file, _broker, _store, _sender = sys.argv[1:]
    with tempfile.TemporaryDirectory() as _data:
        _settings = Settings(data=Path(_data), broker=_broker, store=_store)
        print(asyncio.run(run(Path(_file), _settings, _sender)))
