"""A broker or a database that goes away: what uses it says so, waits, and goes on by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from schemas.errors import LogError
from streams.log import Message, Topic, open_log
from tests.deployment import eventually
from tests.faults.harness import LACKING, Broken, broken_cluster
from tests.kafka_server import DROPPED

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.postgresql, DROPPED]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    try:
        with broken_cluster(
            tmp_path_factory.mktemp("away"), seed=7, workers=1, brokers=1
        ) as running:
            yield running
    except LACKING as lacking:
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(lacking))


def test_a_log_takes_again_once_its_broker_is_back(broken: Broken) -> None:
    log = open_log(f"kafka://{broken.brokers[0].address}")
    log.ensure_topics([Topic("again", 1)])
    confirmed = [b"before"]
    log.append([Message("again", 0, b"", b"before")])
    broken.brokers[0].kill()
    with pytest.raises(LogError) as told:
        log.append([Message("again", 0, b"", b"while")])
    assert told.value.code == "log_away"
    broken.brokers[0].start()

    def taken() -> bool:
        try:
            log.append([Message("again", 0, b"", b"after")])
        except LogError:
            return False
        return True

    eventually(taken, "the log to take again")
    confirmed.append(b"after")
    values: list[bytes | None] = []

    def found() -> bool:
        try:
            values[:] = [stored.value for stored in log.read("again", 0, 0, 10)]
        except LogError:
            return False
        return bool(values)

    eventually(found, "the log to be read again")
    log.close()
    # what was not confirmed may be there or not, and not behind what was
    assert [value for value in values if value in confirmed] == confirmed
    assert values[-1] == b"after"


def worker_says(broken: Broken, **expected: bool) -> bool:
    found = broken.cluster.readiness("worker-1")
    return all(found.get(name) is value for name, value in expected.items())


def test_a_worker_says_that_its_store_is_away_and_goes_on_when_it_is_back(broken: Broken) -> None:
    process = broken.cluster.processes["worker-1"]
    eventually(lambda: worker_says(broken, store=True, log=True, taking=True), "the worker")
    broken.database.kill()
    eventually(lambda: worker_says(broken, store=False), "the worker to miss its store")
    assert broken.cluster.readiness("worker-1")["status"] == "not ready"
    broken.database.start()
    eventually(lambda: worker_says(broken, store=True, log=True, taking=True), "the worker")
    after = broken.strike(1, "none", lambda _: "nothing")
    assert after.harmless
    assert process.poll() is None


def test_a_worker_says_that_its_broker_is_away_and_goes_on_when_it_is_back(broken: Broken) -> None:
    process = broken.cluster.processes["worker-1"]
    broken.brokers[0].kill()
    eventually(lambda: worker_says(broken, log=False), "the worker to miss its broker")
    assert broken.cluster.readiness("worker-1")["status"] == "not ready"
    broken.brokers[0].start()
    eventually(lambda: worker_says(broken, store=True, log=True, taking=True), "the worker")
    after = broken.strike(2, "none", lambda _: "nothing")
    assert after.harmless
    assert process.poll() is None
