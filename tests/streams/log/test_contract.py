"""What a log owes its readers and writers, on every engine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from schemas.errors import InputError, LogError
from streams.log import Log, Message, Topic, open_log, partition_of
from streams.log.kafka_access import brokers_of

ROOT = Path(__file__).parents[3]


def values(log: Log, topic: str, partition: int = 0, offset: int = 0) -> list[bytes | None]:
    return [stored.value for stored in log.read(topic, partition, offset, 10_000)]


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "still not so"
        time.sleep(0.1)


def appender(url: str, topic: str, name: str, count: int) -> subprocess.Popen[str]:
    module = ("-m", "tests.streams.log.appender", url, topic, name, str(count))
    return subprocess.Popen(
        (sys.executable, *module), cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def acknowledged(lines: list[str]) -> dict[tuple[int, int], bytes]:
    rows = (line.split() for line in lines)
    return {(int(row[0]), int(row[1])): row[2].encode() for row in rows if len(row) == 3}


def held(log: Log, topic: str) -> dict[tuple[int, int], bytes | None]:
    return {
        (partition, stored.offset): stored.value
        for partition in range(2)
        for stored in log.read(topic, partition, 0, 10_000)
    }


def test_offsets_count_up_without_a_gap_in_each_partition(log: Log, topic: str) -> None:
    log.ensure_topics([Topic(topic, 2)])
    before = time.time()
    given = [Message(topic, n % 2, b"k%d" % n, b"v%d" % n) for n in range(6)]
    assert log.append(given) == [0, 0, 1, 1, 2, 2]
    assert log.append(given[:1]) == [3]
    assert values(log, topic, 0) == [b"v0", b"v2", b"v4", b"v0"]
    found = log.read(topic, 1, 1, 1)
    assert [(m.topic, m.partition, m.offset, m.key, m.value) for m in found] == [
        (topic, 1, 1, b"k3", b"v3")
    ]
    assert before - 1 <= found[0].at <= time.time() + 1
    assert (log.start(topic, 0), log.end(topic, 0), log.end(topic, 1)) == (0, 4, 3)
    assert log.read(topic, 0, 4, 10) == []
    assert log.read(topic, 0, 99, 10) == []
    assert log.append([]) == []


def test_a_key_is_always_in_the_same_partition() -> None:
    keys = [f"clinic-{n}\x00R-{n}".encode() for n in range(1000)]
    spread = [partition_of(key, 4) for key in keys]
    assert spread == [partition_of(key, 4) for key in keys]
    assert min(spread.count(partition) for partition in range(4)) > 200


def test_a_topic_that_is_not_there_is_refused(log: Log, topic: str) -> None:
    log.ensure_topics([Topic(topic, 2)])
    for place in ((topic + "x", 0), (topic, 2)):
        with pytest.raises(LogError) as refused:
            log.append([Message(topic, 0, b"k", b"v"), Message(*place, b"k", b"v")])
        assert refused.value.code == "no_such_topic"
        with pytest.raises(LogError):
            log.end(*place)
    assert log.end(topic, 0) == 0


def test_a_topic_that_differs_is_refused(log: Log, topic: str) -> None:
    log.ensure_topics([Topic(topic, 2), Topic(topic + "c", 1, compacted=True)])
    log.ensure_topics([Topic(topic, 2), Topic(topic + "c", 1, compacted=True)])
    for differs in (Topic(topic, 3), Topic(topic, 2, compacted=True), Topic(topic + "c", 1)):
        with pytest.raises(LogError) as refused:
            log.ensure_topics([differs])
        assert refused.value.code == "topic_differs"


def test_an_envelope_of_the_greatest_size_passes(log: Log, topic: str) -> None:
    log.ensure_topics([Topic(topic, 1)])
    large = bytes(range(256)) * (2 << 20 >> 8)
    log.append([Message(topic, 0, b"k", large)])
    assert values(log, topic) == [large]


def test_what_was_trimmed_is_gone_and_offsets_stay(log: Log, topic: str) -> None:
    log.ensure_topics([Topic(topic, 1)])
    log.append([Message(topic, 0, b"k", b"%d" % n) for n in range(600)])
    log.trim(topic, 0, 590)
    assert (log.start(topic, 0), log.end(topic, 0)) == (590, 600)
    assert [m.offset for m in log.read(topic, 0, 0, 3)] == [590, 591, 592]
    log.trim(topic, 0, 10)
    assert log.start(topic, 0) == 590
    log.trim(topic, 0, 10_000)
    assert log.start(topic, 0) == log.end(topic, 0) == 600
    assert log.append([Message(topic, 0, b"k", b"next")]) == [600]


def test_everything_is_there_after_a_restart(url: str, log: Log, topic: str) -> None:
    log.ensure_topics([Topic(topic, 1)])
    log.append([Message(topic, 0, b"k", b"v")])
    log.close()
    log.close()
    again = open_log(url)
    again.ensure_topics([Topic(topic, 1)])  # on Kafka the id is that of the topics asked for, too
    assert again.log_id() == log.log_id() != ""
    assert again.url == url
    assert values(again, topic) == [b"v"]
    assert again.append([Message(topic, 0, b"k", b"w")]) == [1]
    again.close()


def test_two_processes_append_at_once(url: str, log: Log, topic: str) -> None:
    log.ensure_topics([Topic(topic, 2)])
    processes = [appender(url, topic, name, 200) for name in ("a", "b")]
    lines = [line for p in processes for line in p.communicate(timeout=120)[0].splitlines()]
    assert [p.returncode for p in processes] == [0, 0]
    found = held(log, topic)
    assert acknowledged(lines) == found
    assert len(found) == 400
    for partition in range(2):
        assert log.end(topic, partition) == 200
        for name in (b"a-", b"b-"):
            own = [v for v in values(log, topic, partition) if v is not None and v[:2] == name]
            assert own == [name + b"%d" % n for n in range(partition, 200, 2)]


def test_what_was_acknowledged_outlives_a_killed_process(url: str, log: Log, topic: str) -> None:
    log.ensure_topics([Topic(topic, 2)])
    process = appender(url, topic, "a", 1_000_000)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(100)]
    process.kill()
    rest, _ = process.communicate(timeout=60)
    told = acknowledged([*lines, *rest.splitlines()[:-1]])
    assert len(told) >= 100
    assert told.items() <= held(log, topic).items()
    assert log.append([Message(topic, 0, b"k", b"v")]) == [log.end(topic, 0) - 1]


def test_compaction_keeps_the_newest_value_of_each_key(url: str, log: Log, topic: str) -> None:
    log.ensure_topics([Topic(topic, 1, compacted=True)])
    if url.startswith("kafka"):
        _compact_at_once(url, topic)
    for n in range(3):
        log.append([Message(topic, 0, b"a", b"a%d" % n), Message(topic, 0, b"b", b"b%d" % n)])
    log.append([Message(topic, 0, b"b", None)])

    def compacted() -> bool:
        # Kafka compacts what lies before the segment that is being written.
        log.append([Message(topic, 0, b"filler", b"-")])
        return all(m.offset in {4, 6} for m in log.read(topic, 0, 0, 100) if m.key != b"filler")

    eventually(compacted)
    kept = {m.key: (m.offset, m.value) for m in log.read(topic, 0, 0, 100)}
    assert kept[b"a"] == (4, b"a2")
    assert kept[b"b"] == (6, None)
    assert log.end(topic, 0) == kept[b"filler"][0] + 1


def _compact_at_once(url: str, topic: str) -> None:
    settings = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.001"}
    with KafkaAdminClient(bootstrap_servers=brokers_of(url)) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=settings)])


@pytest.mark.parametrize(
    "unknown", ["", "redis://host", "sqlite://", "sqlite://host/log.db", "memory://"]
)
def test_an_unknown_log_is_refused(unknown: str) -> None:
    with pytest.raises(InputError) as refused:
        open_log(unknown)
    assert refused.value.code == "unknown_log"
