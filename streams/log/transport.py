"""A Faust transport over `SqliteLog`, under the URL scheme `sqlite`.

One process is assigned every partition of what it subscribes to. There is no group of consumers:
who runs a second worker on the same file keeps them apart by other means.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any, TypeVar

from faust.assignor.client_assignment import ClientAssignment
from faust.exceptions import ProducerSendError
from faust.transport import base, consumer, producer
from faust.types import TP, ConsumerMessage, RecordMetadata

from schemas.errors import LogError
from streams.log.base import Message, Stored, Topic, partition_of
from streams.log.offsets import StoredOffsets
from streams.log.sqlite import SqliteLog

_FIRST_LOOK, _LAST_LOOK = 0.001, 0.008  # seconds between looks for news: at first, and when idle
_FETCH_RECORDS = 500
_FETCH_BYTES = 8 << 20  # of one partition in one fetch

T = TypeVar("T")


class FileConsumer(consumer.Consumer):
    """Takes messages from the file. Its state lives on the loop; the file is read in threads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._log: SqliteLog = self.transport.log
        self._assigned: set[TP] = set()
        self._next: dict[TP, int] = {}
        self._ends: dict[TP, int] = {}
        self._moves = 0  # counts seeks, since a fetch that was under way belongs elsewhere
        self._wake = threading.Event()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="log-consumer")

    async def subscribe(self, topics: Iterable[str]) -> None:
        wanted = {topic: self._partitions_wanted(topic) for topic in topics}
        tps = await self._call(partial(self._find, wanted))
        if tps != self._assigned:
            # In a task: the assignment waits for the end of the subscription.
            self.add_future(self._assign(tps))

    async def _assign(self, tps: set[TP]) -> None:
        self.app.on_rebalance_start()
        self._wake.set()
        if self._assigned:
            await self.on_partitions_revoked(self._assigned)
        self._assigned = tps
        self._next = {}
        self._moves += 1
        actives: dict[str, list[int]] = {}
        for tp in sorted(tps):
            actives.setdefault(tp.topic, []).append(tp.partition)
        # What a broker's group protocol would have told the assignor; tables recover by it.
        self.app.assignor._assignment = ClientAssignment(actives=actives, standbys={})
        self.app.assignor._active_tps = set(tps)
        # Messages of another generation than the app's are dropped without a word.
        self.app.consumer_generation_id += 1
        await self.on_partitions_assigned(set(tps), self.app.consumer_generation_id)

    def _partitions_wanted(self, topic: str) -> int:
        declared = (c.partitions for c in self.app.topics if topic in c.topics)
        wanted: int = next(filter(None, declared), self.app.conf.topic_partitions)
        return wanted

    def _find(self, wanted: Mapping[str, int]) -> set[TP]:
        missing = [Topic(t, n) for t, n in wanted.items() if not self._log.partitions(t)]
        self._log.ensure_topics(missing)
        return {TP(t, n) for t in wanted for n in range(self._log.partitions(t))}

    async def _getmany(
        self, active_partitions: set[TP] | None, timeout: float
    ) -> Mapping[TP, list[Stored]]:
        active = self._assigned if active_partitions is None else active_partitions
        wants = {tp: self._next[tp] for tp in active if tp in self._next}
        moves = self._moves
        self._wake.clear()
        records, ends = await self._call(partial(self._fetch, wants, timeout))
        if moves != self._moves:
            return {}
        self._ends.update(ends)
        self._next.update({tp: found[-1].offset + 1 for tp, found in records.items()})
        return records

    def _fetch(
        self, wants: Mapping[TP, int], timeout: float
    ) -> tuple[dict[TP, list[Stored]], dict[TP, int]]:
        deadline = time.monotonic() + timeout
        pause = _FIRST_LOOK
        limit = self.app.conf.broker_max_poll_records or _FETCH_RECORDS
        while True:
            version = self._log.version()
            ends = {TP(*tp): end for tp, end in self._log.ends().items()}
            records = {
                tp: found
                for tp, offset in wants.items()
                if offset < ends[tp]
                and (found := self._log.read(tp.topic, tp.partition, offset, limit, _FETCH_BYTES))
            }
            while not records and self._log.version() == version:
                if time.monotonic() >= deadline or self._wake.wait(pause):
                    return {}, ends
                pause = min(pause * 1.5, _LAST_LOOK)
            if records or self._wake.is_set():
                return records, ends

    def _to_message(self, tp: TP, record: Stored) -> ConsumerMessage:
        return ConsumerMessage(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=record.at,
            timestamp_type=1,  # the time of the append
            headers=None,
            key=record.key,
            value=record.value,
            checksum=None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def seek_to_committed(self) -> Mapping[TP, int]:
        kept = await self._call(partial(self._log.committed, self.app.conf.id))
        offsets = {tp: kept.get(tuple(tp), 0) for tp in self._assigned}
        await self.seek_wait(offsets)
        return offsets

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        for tp, offset in partitions.items():
            await self.seek(tp, offset)

    async def _seek(self, partition: TP, offset: int) -> None:
        self._next[partition] = offset
        self._moves += 1
        self._wake.set()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        await self._call(partial(self._log.commit, self.app.conf.id, offsets))
        return True

    async def position(self, tp: TP) -> int | None:
        return self._next.get(tp)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        return await self._call(lambda: {tp: self._log.start(*tp) for tp in partitions})

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        return await self._call(lambda: {tp: self._log.end(*tp) for tp in partitions})

    def highwater(self, tp: TP) -> int:
        return self._ends.get(tp, 0)

    def assignment(self) -> set[TP]:
        return set(self._assigned)

    def topic_partitions(self, topic: str) -> int | None:
        return self._log.partitions(topic) or None

    def key_partition(
        self, topic: str, key: bytes | None, partition: int | None = None
    ) -> int | None:
        return (
            partition_of(key or b"", self._log.partitions(topic))
            if partition is None
            else partition
        )

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        await self.app.producer.create_topic(*args, **kwargs)

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def on_stop(self) -> None:
        self._wake.set()
        await super().on_stop()
        self._wake.set()
        self._threads.shutdown(wait=False, cancel_futures=True)


class Consumer(StoredOffsets, FileConsumer):
    """Starts at the offsets of the app's store where it has any."""


class Producer(producer.Producer):
    """Appends in order; what is sent while a commit is under way goes in the next one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._log: SqliteLog = self.transport.log
        self._unsent: list[tuple[Message, asyncio.Future[RecordMetadata]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def send(  # noqa: PLR0917
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        if headers:
            raise ProducerSendError("the sqlite log keeps no headers")
        if partition is None:
            partition = self.key_partition(topic, key or b"").partition
        sent: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        self._unsent.append((Message(topic, partition, key or b"", value), sent))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_unsent())
        return sent

    async def _send_unsent(self) -> None:
        while self._unsent:
            batch, self._unsent = self._unsent, []
            messages = [message for message, _ in batch]
            try:
                offsets = await asyncio.to_thread(self._log.append, messages)
            except LogError as error:
                for _, sent in batch:
                    if not sent.done():
                        sent.set_exception(ProducerSendError(str(error)))
                continue
            for (message, sent), offset in zip(batch, offsets, strict=True):
                tp = TP(message.topic, message.partition)
                if not sent.done():
                    sent.set_result(RecordMetadata(*tp, tp, offset, None, 1))

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> RecordMetadata:
        return await (await self.send(*args, **kwargs))

    async def flush(self) -> None:
        await self.buffer.flush()
        if self._sending is not None:
            await self._sending

    async def create_topic(
        self, topic: str, partitions: int, *args: Any, compacting: bool | None = None, **kwargs: Any
    ) -> None:
        wanted = Topic(topic, partitions, bool(compacting))
        await asyncio.to_thread(self._log.ensure_topics, [wanted])

    def key_partition(self, topic: str, key: bytes) -> TP:
        return TP(topic, partition_of(key, self._log.partitions(topic)))

    async def on_stop(self) -> None:
        await super().on_stop()
        await self.flush()
        self._log.close()  # the producer stops last


class Transport(base.Transport):
    """What Faust finds under `sqlite://`."""

    Consumer = Consumer
    Producer = Producer
    driver_version = "sqlite"

    @cached_property
    def log(self) -> SqliteLog:
        return SqliteLog(str(self.url[0]))
