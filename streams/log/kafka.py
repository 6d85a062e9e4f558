"""The log on Apache Kafka: for several machines."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

from schemas.errors import InputError, LogError
from streams.log.base import Message, Stored, Topic

MAX_MESSAGE = 4 << 20  # bytes; an envelope is at most half of it
_PATIENCE = 10.0  # seconds until a broker that does not answer is away
_POLL = 200  # milliseconds


def brokers_of(url: str) -> list[str]:
    """The brokers of a `kafka://` URL, separated by commas or semicolons as in Faust.

    >>> brokers_of("kafka://a:9092,b:9092;kafka://c")
    ['a:9092', 'b:9092', 'c:9092']
    """
    if not url.startswith("kafka://"):
        raise InputError("unknown_log", f"a log's URL is sqlite:///path or kafka://host, not {url}")
    hosts = [host.removeprefix("kafka://").rstrip("/") for host in url.replace(";", ",").split(",")]
    return [host if ":" in host else f"{host}:9092" for host in hosts]


class KafkaLog:
    """A log on the brokers of `kafka://host:9092`.

    An append is durable when all in-sync replicas have it, which is as much as the cluster's
    `min.insync.replicas` makes of it. An append to several partitions that fails may be there in
    part. Raises `LogError` ("log_away") where no broker answers within ten seconds.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        common = {
            "bootstrap_servers": brokers_of(url),
            "bootstrap_timeout_ms": int(_PATIENCE * 1000),
            "request_timeout_ms": int(_PATIENCE * 500),
        }
        self._partitions: dict[str, int] = {}
        self._asking = threading.Lock()
        self._reading = threading.Lock()
        self._closed = False
        with self._reporting(), ExitStack() as opened:
            self._admin = KafkaAdminClient(**common)
            opened.callback(self._admin.close)
            self._id = f"kafka:{self._admin.describe_cluster()['cluster_id']}"
            self._sending = threading.Lock()
            self._settings = common
            self._producer: KafkaProducer | None = self._made()
            opened.callback(self._producer.close, timeout=0)
            self._consumer = KafkaConsumer(
                **common,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                max_partition_fetch_bytes=MAX_MESSAGE,
            )
            opened.pop_all()

    @property
    def url(self) -> str:
        return self._url

    def log_id(self) -> str:
        return self._id

    def ensure_topics(self, topics: Sequence[Topic]) -> None:
        with self._asking, self._reporting():
            for topic in topics:
                if not self._found(topic.name):
                    self._create(topic)
                self._compare(topic)

    def append(self, messages: Sequence[Message]) -> list[int]:
        for message in messages:
            self._check(message.topic, message.partition)
        with self._reporting():
            with self._sending:
                if self._producer is None:
                    self._producer = self._made()
                producer = self._producer
            try:
                sent = [
                    producer.send(m.topic, value=m.value, key=m.key, partition=m.partition)
                    for m in messages
                ]
                return [future.get(timeout=2 * _PATIENCE).offset for future in sent]
            except KafkaError:
                self._forget(producer)
                raise

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Stored]:
        tp = self._check(topic, partition)
        found: list[Stored] = []
        deadline = time.monotonic() + _PATIENCE
        with self._reading, self._reporting():
            end = self._consumer.end_offsets([tp])[tp]
            start = self._consumer.beginning_offsets([tp])[tp]
            self._consumer.assign([tp])
            self._consumer.seek(tp, max(offset, start))
            while len(found) < limit and self._consumer.position(tp) < end:
                if time.monotonic() > deadline:
                    raise LogError("log_away", f"{self._url} does not give {topic}/{partition}")
                records = self._consumer.poll(_POLL, max_records=limit - len(found)).get(tp, ())
                found.extend(
                    Stored(topic, partition, r.offset, r.key or b"", r.value, r.timestamp / 1000)
                    for r in records
                )
        return found

    def end(self, topic: str, partition: int) -> int:
        tp = self._check(topic, partition)
        with self._reading, self._reporting():
            return int(self._consumer.end_offsets([tp])[tp])

    def start(self, topic: str, partition: int) -> int:
        tp = self._check(topic, partition)
        with self._reading, self._reporting():
            return int(self._consumer.beginning_offsets([tp])[tp])

    def trim(self, topic: str, partition: int, before: int) -> None:
        before = min(before, self.end(topic, partition))
        if before > self.start(topic, partition):
            with self._asking, self._reporting():
                self._admin.delete_records({TopicPartition(topic, partition): before})

    def overwrite(self) -> None:
        """Nothing that a client can do: brokers remove whole segments in their own time."""

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            with self._asking, self._reading, self._sending:
                if self._producer is not None:
                    self._producer.close(timeout=_PATIENCE)
                self._consumer.close()
                self._admin.close()

    def _made(self) -> KafkaProducer:
        return KafkaProducer(
            **self._settings,
            enable_idempotence=True,
            acks="all",
            delivery_timeout_ms=int(_PATIENCE * 1000),
            max_block_ms=int(_PATIENCE * 1000),
            max_request_size=MAX_MESSAGE,
            allow_auto_create_topics=False,
        )

    def _forget(self, producer: KafkaProducer) -> None:
        """Let the next append make a new one: kafka-python 3.0.12 does not send again after a batch
        of an idempotent producer has expired, and nothing of it may come late and out of order.
        """
        with self._sending:
            if self._producer is producer:
                self._producer = None
        with suppress(KafkaError, OSError):
            producer.close(timeout=0)

    def _check(self, topic: str, partition: int) -> TopicPartition:
        if topic not in self._partitions:
            with self._asking, self._reporting():
                self._partitions[topic] = self._found(topic)
        if not 0 <= partition < self._partitions[topic]:
            del self._partitions[topic]
            raise LogError("no_such_topic", f"the log has no partition {partition} of {topic}")
        return TopicPartition(topic, partition)

    def _found(self, topic: str) -> int:
        """How many partitions a topic has; 0 where there is no such topic."""
        (described,) = self._admin.describe_topics([topic])
        if described["error_code"] == UnknownTopicOrPartitionError.errno:
            return 0
        return len(described["partitions"])

    def _create(self, topic: Topic) -> None:
        configs = {"max.message.bytes": str(MAX_MESSAGE)}
        if topic.compacted:
            configs["cleanup.policy"] = "compact"
        else:
            # Only `trim` lets go of messages: no clock knows what has been read.
            configs |= {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
        wanted = {topic.name: {"num_partitions": topic.partitions, "configs": configs}}
        # Where another process was first, `_compare` looks at what it made.
        with suppress(TopicAlreadyExistsError):
            self._admin.create_topics(wanted)
        self._admin.wait_for_topics([topic.name])

    def _compare(self, topic: Topic) -> None:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic.name)
        described: Any = self._admin.describe_configs([resource], config_filter="all")
        policy = described[ConfigResourceType.TOPIC.name.lower()][topic.name]["cleanup.policy"]
        found = (self._found(topic.name), "compact" in policy["value"])
        wanted = (topic.partitions, topic.compacted)
        if found != wanted:
            raise LogError(
                "topic_differs",
                f"the topic {topic.name} is (partitions, compacted) = {found} in the log,"
                f" not {wanted}",
            )

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except (KafkaError, OSError) as error:
            raise LogError("log_away", f"{self._url} does not answer: {error}") from error
