"""Three brokers: with two of them work goes on; with one nothing is confirmed, and nothing lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import httpx
import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from schemas.errors import LogError
from streams.log import Topic
from streams.log.kafka import KafkaLog
from streams.log.kafka_access import KafkaAccess
from tests.deployment import eventually, report
from tests.faults.harness import LACKING, Broken, broken_cluster
from tests.kafka_server import DROPPED

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.postgresql, DROPPED]
TOPICS = ("reports", "followups", "changes", "signals")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    try:
        with broken_cluster(tmp_path_factory.mktemp("brokers"), seed=11, workers=1) as running:
            yield running
    except LACKING as lacking:
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(lacking))


def log_of(broken: Broken, copies: int) -> KafkaLog:
    return KafkaLog(broken.cluster.broker, KafkaAccess(copies=copies))


def test_each_topic_has_three_copies_of_which_two_must_have_a_message(broken: Broken) -> None:
    addresses = [broker.address for broker in broken.brokers]
    with KafkaAdminClient(bootstrap_servers=addresses) as admin:
        described = admin.describe_topics(list(TOPICS))
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in TOPICS]
        configs = admin.describe_configs(resources, config_filter="all")["topic"]
    assert sorted(topic["name"] for topic in described) == sorted(TOPICS)
    for topic in described:
        assert {len(one["replica_nodes"]) for one in topic["partitions"]} == {3}
        assert configs[topic["name"]]["min.insync.replicas"]["value"] == "2"
        assert configs[topic["name"]]["unclean.leader.election.enable"]["value"] == "false"


def test_topics_with_fewer_copies_are_refused(broken: Broken) -> None:
    log = log_of(broken, copies=1)
    log.ensure_topics([Topic("one-copy", 2)])
    log.close()
    log = log_of(broken, copies=3)
    with pytest.raises(LogError) as told:
        log.ensure_topics([Topic("one-copy", 2)])
    log.close()
    assert told.value.code == "topic_differs"
    assert str(told.value) == (
        "the topic one-copy is partitions 2, compacted False, copies 1, in sync 1,"
        " not partitions 2, compacted False, copies 3, in sync 2"
    )


def test_more_copies_than_brokers_are_waited_for_in_plain_words(broken: Broken) -> None:
    log = log_of(broken, copies=4)
    with pytest.raises(LogError, match="fewer brokers than the 4 copies asked for") as told:
        log.ensure_topics([Topic("four-copies", 1)])
    log.close()
    assert told.value.code == "log_away"


def push(broken: Broken, number: int) -> httpx.Response:
    sender = broken.senders[0]
    batch = [report(sender.sender, f"T-{number}-{n}") for n in range(40)]
    return broken.cluster.push(sender.key, batch)


def test_one_broker_of_three_confirms_nothing_and_nothing_is_lost(broken: Broken) -> None:
    for broker in broken.brokers[1:]:
        broker.kill()
    began = time.monotonic()
    answer = push(broken, 1)
    took = time.monotonic() - began
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "not_confirmed"
    assert answer.json()["message"]
    assert took < 30  # and not when the sender gives up
    eventually(
        lambda: broken.cluster.readiness("web").get("status") != "ready", "web to miss its log"
    )
    for broker in broken.brokers[1:]:
        broker.start(wait=False)
    for broker in broken.brokers[1:]:
        broker.answers()
    eventually(lambda: push(broken, 1).status_code == 202, "the log to take again", 60)
    after = broken.strike(3, "none", lambda _: "nothing")
    assert after.harmless
    wanted = {f"T-1-{n}" for n in range(40)}
    held = broken.cluster.rows(
        "SELECT report_id FROM cases WHERE report_id = ANY(%s)", sorted(wanted)
    )
    assert {name for (name,) in held} == wanted


@pytest.mark.parametrize("number", [0, 1, 2])
def test_work_goes_on_while_one_broker_is_away(broken: Broken, number: int) -> None:
    """kill -9 of it, then a pause; what comes meanwhile is confirmed and scored meanwhile."""
    broker = broken.brokers[number]
    for sender in broken.senders:
        sender.go_on()
    broker.kill()
    broken.recovered()
    assert broker.process is not None
    assert broker.process.poll() is not None
    broker.start()
    broker.signal(signal.SIGSTOP)
    try:
        broken.recovered()
    finally:
        broker.signal(signal.SIGCONT)
    assert [sender.unexpected for sender in broken.senders] == [[], [], []]
