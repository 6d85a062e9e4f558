"""Several workers on Kafka and PostgreSQL: who has what, who may write, who takes over."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Cluster
from tests.deployment import eventually, report
from tests.kafka_server import DROPPED

pytestmark = [pytest.mark.kafka, pytest.mark.postgresql, DROPPED]
EVERY = {f"{topic}/{n}" for topic in ("reports", "followups") for n in range(12)} | {"changes/0"}


@pytest.fixture
def cluster(tmp_path: Path, kafka: str, postgresql: str) -> Iterator[Cluster]:
    with Cluster(tmp_path / "data", kafka, postgresql) as running:
        yield running


def assigned(cluster: Cluster) -> dict[str, set[str]]:
    """What each worker says is its own."""
    workers = [name for name in cluster.processes if name.startswith("worker")]
    return {name: set(cluster.readiness(name).get("assigned", ())) for name in workers}


def shared(cluster: Cluster) -> bool:
    """Whether every partition is one worker's, and each worker has some of the records."""
    found = assigned(cluster)
    records = [{tp for tp in tps if tp != "changes/0"} for tps in found.values()]
    return (
        all(records)
        and sum(map(len, found.values())) == len(EVERY)
        and set().union(*found.values()) == EVERY
    )


def push(cluster: Cluster, key: str, numbers: range) -> None:
    """Reports that spread over the partitions."""
    for start in range(numbers.start, numbers.stop, 50):
        some = range(start, min(start + 50, numbers.stop))
        batch = [report("clinic", f"W-{n}", reactions=[{"term": f"Term {n % 23}"}]) for n in some]
        answer = cluster.push(key, batch)
        assert answer.status_code == 202, answer.text


def detecting(cluster: Cluster) -> str | None:
    """The worker that detects."""
    found = [name for name, tps in assigned(cluster).items() if "changes/0" in tps]
    return found[0] if len(found) == 1 else None


def test_workers_share_the_partitions_and_each_goes_on_where_the_last_one_was(
    cluster: Cluster,
) -> None:
    cluster.up(1, web=True)
    key = cluster.key("clinic")
    assert assigned(cluster) == {"worker-1": EVERY}
    push(cluster, key, range(400))
    cluster.start("worker-2")
    cluster.ready("worker-2")
    eventually(lambda: shared(cluster), "both workers to have partitions")
    push(cluster, key, range(400, 800))
    cluster.settled(800)
    cluster.kill("worker-1", signal.SIGTERM)
    push(cluster, key, range(800, 1_000))
    eventually(lambda: assigned(cluster) == {"worker-2": EVERY}, "the other to have all")
    cluster.settled(1_000)
    assert cluster.scalar("SELECT count(*) FROM cases") == 1_000
    assert cluster.scalar("SELECT count(*) FROM duplicates") == 0
    assert cluster.differing() == []


def test_a_worker_that_wakes_up_after_its_partitions_moved_on_writes_nothing(
    cluster: Cluster,
) -> None:
    cluster.up(2, web=True)
    key = cluster.key("clinic")
    eventually(lambda: shared(cluster), "both workers to have partitions")
    paused = cluster.processes["worker-1"]
    push(cluster, key, range(300))  # it has some of them in hand
    paused.send_signal(signal.SIGSTOP)
    try:
        push(cluster, key, range(300, 900))
        # without the paused one, which nobody can ask
        eventually(
            lambda: set(cluster.readiness("worker-2").get("assigned", ())) == EVERY,
            "the other to have all",
        )
        cluster.settled(900)
    finally:
        paused.send_signal(signal.SIGCONT)
    eventually(lambda: shared(cluster), "the one that woke up to have partitions again")
    push(cluster, key, range(900, 1_200))
    cluster.settled(1_200)
    assert paused.poll() is None
    assert cluster.scalar("SELECT count(*) FROM records") == 1_200
    assert cluster.scalar("SELECT count(*) FROM cases") == 1_200
    assert cluster.differing() == []


def scores(cluster: Cluster) -> list[tuple[Any, ...]]:
    return cluster.rows("SELECT * FROM scores ORDER BY dataset, product, event")


def test_a_standby_takes_over_with_the_same_scores(cluster: Cluster) -> None:
    """The first is killed; what it left is verified, and scored on as if it went on."""
    cluster.up(2, web=True)
    key = cluster.key("clinic")
    push(cluster, key, range(1_000))
    cluster.settled(1_000)
    assert cluster.differing() == []
    before = scores(cluster)
    first = detecting(cluster)
    assert first is not None
    os.kill(cluster.processes[first].pid, signal.SIGKILL)
    killed = time.monotonic()
    cluster.kill(first)
    eventually(lambda: detecting(cluster) is not None, "the standby to detect")
    applied = cluster.scalar("SELECT max(position) FROM changes")
    push(cluster, key, range(2_000, 2_001))
    eventually(lambda: cluster.scalar("SELECT max(position) FROM changes") > applied, "a new score")
    sys.stdout.write(f"taken over and scored within {time.monotonic() - killed:.1f} s\n")
    later = scores(cluster)
    # one case more, of events that were there: the totals moved, and nothing was counted anew
    assert [row[:3] for row in later] == [row[:3] for row in before]
    assert cluster.differing() == []
    assert cluster.scalar("SELECT count(*) FROM cases") == 1_001
