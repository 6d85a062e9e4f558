"""The log on Apache Kafka: for several machines."""

from __future__ import annotations

import logging
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    InvalidReplicationFactorError,
    KafkaError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from schemas.errors import LogError
from streams.log.base import Message, Stored, Topic
from streams.log.kafka_access import KafkaAccess, brokers_of

MAX_MESSAGE = 4 << 20  # bytes; an envelope is at most half of it
_PATIENCE = 10.0  # seconds until a broker that does not answer is away
_RETRYING = 3.0  # seconds until the next broker is asked to take a message
_REFUSED, _UNTRUSTED = "SaslAuthenticationFailed", "CERTIFICATE_VERIFY_FAILED"
_POLL = 200  # milliseconds
_ASKING = int(_PATIENCE * 1000)  # milliseconds for the ends of a partition


class _Heard(logging.Handler):
    """Which of two reasons was given."""

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        self.said.update(one for one in (_REFUSED, _UNTRUSTED) if one in message)


class KafkaLog:
    """A log on the brokers of `kafka://host:9092`.

    An append is durable when all in-sync replicas have it, which is as much as the cluster's
    `min.insync.replicas` makes of it, or `access.copies`. An append to several partitions that
    fails may be there in part. Raises `LogError`: "log_away" where no broker answers within ten
    seconds or too few have a copy; on opening "log_refused" where user or password is wrong, and
    "log_untrusted" where the authority of a broker's certificate is unknown.
    """

    def __init__(self, url: str, access: KafkaAccess | None = None) -> None:
        self._url = url
        self._access = KafkaAccess.read() if access is None else access
        self._hosts = brokers_of(url)
        common = {
            "bootstrap_timeout_ms": int(_PATIENCE * 1000),
            "request_timeout_ms": int(_PATIENCE * 500),
            **self._access.client(),
        }
        self._partitions: dict[str, int] = {}
        self._ids: dict[str, str] = {}
        self._asking = threading.Lock()
        self._reading = threading.Lock()
        self._closed = False
        with self._listening(), self._reporting(), ExitStack() as opened:
            hosts = self._access.answering(self._hosts)
            self._admin = KafkaAdminClient(bootstrap_servers=hosts, **common)
            opened.callback(self._admin.close)
            self._cluster = str(self._admin.describe_cluster()["cluster_id"])
            self._sending = threading.Lock()
            self._settings = common
            self._producer: KafkaProducer | None = self._made_producer()
            opened.callback(self._producer.close, timeout=0)
            self._consumer: KafkaConsumer | None = self._made_consumer()
            opened.pop_all()

    @property
    def url(self) -> str:
        return self._url

    def log_id(self) -> str:
        """The cluster's id, and those of the topics that `ensure_topics` was asked for.

        Many clusters have the id that an image ships; a topic that was made anew has another.
        """
        ids = "".join(self._ids[name] for name in sorted(self._ids))
        return f"kafka:{self._cluster}" + (f"/{zlib.crc32(ids.encode()):08x}" if ids else "")

    def ensure_topics(self, topics: Sequence[Topic]) -> None:
        with self._asking, self._reporting():
            for topic in topics:
                if not self._found(topic.name):
                    self._create(topic)
                self._ids[topic.name] = self._compare(topic)

    def append(self, messages: Sequence[Message]) -> list[int]:
        for message in messages:
            self._check(message.topic, message.partition)
        with self._reporting():
            with self._sending:
                if self._producer is None:
                    self._producer = self._made_producer()
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
        with self._consuming() as consumer:
            end = consumer.end_offsets([tp], _ASKING)[tp]
            start = consumer.beginning_offsets([tp], _ASKING)[tp]
            consumer.assign([tp])
            consumer.seek(tp, max(offset, start))
            while len(found) < limit and consumer.position(tp) < end:
                if time.monotonic() > deadline:
                    raise LogError("log_away", f"{self._url} does not give {topic}/{partition}")
                records = consumer.poll(_POLL, max_records=limit - len(found)).get(tp, ())
                found.extend(
                    Stored(topic, partition, r.offset, r.key or b"", r.value, r.timestamp / 1000)
                    for r in records
                )
        return found

    def end(self, topic: str, partition: int) -> int:
        tp = self._check(topic, partition)
        with self._consuming() as consumer:
            return int(consumer.end_offsets([tp], _ASKING)[tp])

    def start(self, topic: str, partition: int) -> int:
        tp = self._check(topic, partition)
        with self._consuming() as consumer:
            return int(consumer.beginning_offsets([tp], _ASKING)[tp])

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
                if self._consumer is not None:
                    self._consumer.close()
                self._admin.close()

    @contextmanager
    def _consuming(self) -> Iterator[KafkaConsumer]:
        """The one consumer, or a new one after it failed: the old one of kafka-python 3.0.12 asks a
        broker that leads a partition no more without end, and does not look who leads it now.
        """
        with self._reading, self._reporting():
            if self._consumer is None:
                self._consumer = self._made_consumer()
            try:
                yield self._consumer
            except (KafkaError, OSError, LogError):
                failed, self._consumer = self._consumer, None
                with suppress(KafkaError, OSError):
                    failed.close()
                raise

    def _made_consumer(self) -> KafkaConsumer:
        return KafkaConsumer(
            bootstrap_servers=self._access.answering(self._hosts),
            **self._settings,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            max_partition_fetch_bytes=MAX_MESSAGE,
        )

    def _made_producer(self) -> KafkaProducer:
        settings = self._settings | {"request_timeout_ms": int(_RETRYING * 1000)}
        return KafkaProducer(
            bootstrap_servers=self._access.answering(self._hosts),
            **settings,
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
        wanted: dict[str, Any] = {"num_partitions": topic.partitions, "configs": configs}
        if self._access.copies:
            wanted["replication_factor"] = self._access.copies
            configs["min.insync.replicas"] = str(self._access.in_sync)
        # Where another process was first, `_compare` looks at what it made.
        with suppress(TopicAlreadyExistsError):
            self._admin.create_topics({topic.name: wanted})
        self._admin.wait_for_topics([topic.name])

    def _compare(self, topic: Topic) -> str:
        """Refuse a topic that differs; the id of one that does not."""
        held, described = self._described(topic.name)
        found = {
            "partitions": len(described["partitions"]),
            "compacted": "compact" in held["cleanup.policy"]["value"],
        }
        wanted = {"partitions": topic.partitions, "compacted": topic.compacted}
        if self._access.copies:
            found["copies"] = min(len(one["replica_nodes"]) for one in described["partitions"])
            found["in sync"] = int(held["min.insync.replicas"]["value"])
            wanted |= {"copies": self._access.copies, "in sync": self._access.in_sync}
        if found != wanted:
            raise LogError(
                "topic_differs", f"the topic {topic.name} is {_told(found)}, not {_told(wanted)}"
            )
        self._partitions[topic.name] = topic.partitions
        return str(described["topic_id"])

    def _described(self, name: str) -> tuple[Any, Any]:
        """The settings of a topic and its partitions, once the broker that is asked knows of it."""
        resource = ConfigResource(ConfigResourceType.TOPIC, name)
        deadline = time.monotonic() + _PATIENCE
        while True:
            configs: Any = self._admin.describe_configs([resource], config_filter="all")
            held = configs.get(ConfigResourceType.TOPIC.name.lower(), {}).get(name, {})
            (described,) = self._admin.describe_topics([name])
            if held and described["partitions"]:
                return held, described
            if time.monotonic() > deadline:
                raise LogError("log_away", f"{self._url} does not tell of the topic {name}")
            time.sleep(_POLL / 1000)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """kafka-python says why a broker does not let it in to its log alone, and tries again."""
        heard = _Heard()
        logger = logging.getLogger("kafka")
        logger.addHandler(heard)
        try:
            yield
        except LogError as error:
            if _REFUSED in heard.said:
                told = (
                    f"{self._url} refuses the user {self._access.user}: user or password is wrong"
                )
                raise LogError("log_refused", told) from error
            if _UNTRUSTED in heard.said:
                told = f"the certificate of {self._url} is not trusted: KETAVIGIL_KAFKA_CA"
                raise LogError("log_untrusted", f"{told} names its authority") from error
            raise
        finally:
            logger.removeHandler(heard)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except InvalidReplicationFactorError as error:
            raise LogError(
                "log_away",
                f"{self._url} has fewer brokers than the {self._access.copies} copies asked for",
            ) from error
        except (KafkaError, OSError) as error:
            raise LogError("log_away", f"{self._url} does not answer: {error}") from error


def _told(topic: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in topic.items())
