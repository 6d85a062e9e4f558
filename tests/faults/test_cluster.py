"""Faults on Kafka and PostgreSQL: nothing is lost, nothing is doubled, and scores are as in batch.

`python -m tests.faults.run` does any number of them, of every kind.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.faults.faults import FAULTS
from tests.faults.harness import LACKING, broken_cluster, written
from tests.faults.run import line, order
from tests.kafka_server import DROPPED

SEED = 20261126
# those that take the least time, so that the run can be part of every other; `test_brokers` kills
# and pauses each broker, `test_workers` pauses a worker until others have its partitions
NAMES = (
    "cut_before_commit",
    "kill_web",
    "kill_broker",
    "cut_after_commit",
    "kill_database",
    "nap_broker",
    "cut_transactions",
    "pause_web",
    "fill_database",
    "kill_detector",
    "nap_worker",
    "fill_broker",
    "restart_database",
    "cut_commits",
    "kill_worker",
)


@pytest.mark.faults
@pytest.mark.kafka
@pytest.mark.postgresql
@DROPPED
def test_whatever_dies_every_record_has_its_effect_once(tmp_path: Path) -> None:
    done = []
    try:
        with broken_cluster(tmp_path, seed=SEED) as broken:
            for number, name in enumerate(NAMES, 1):
                done.append(broken.strike(number, name, FAULTS[name]))
                sys.stdout.write(line(done[-1]))
    except LACKING as lacking:
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(lacking))
    written(done, tmp_path / "faults.ndjson", seed=SEED)
    assert [one for one in done if not one.harmless] == []
    assert [one.fault for one in done] == list(NAMES)
    assert done[-1].records > 500


def test_a_long_run_has_every_kind_and_the_same_order_from_the_same_seed() -> None:
    names = order(3 * len(FAULTS), 5)
    assert {name: names.count(name) for name in FAULTS} == dict.fromkeys(FAULTS, 3)
    assert order(3 * len(FAULTS), 5) == names != order(3 * len(FAULTS), 6)
