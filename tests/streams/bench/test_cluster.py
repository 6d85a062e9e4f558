"""The benchmark on Kafka and PostgreSQL: it does the same work as the import, and cleans up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from schemas.errors import InputError
from streams.bench import cluster, pipeline
from streams.log import open_log
from streams.log.kafka_access import brokers_of
from streams.settings import Settings
from tests.kafka_server import DROPPED, TOPICS
from tests.streams.bench.stored import held

pytestmark = [pytest.mark.kafka, pytest.mark.postgresql, DROPPED]
RECORDS = 1500


def topics(broker: str) -> set[str]:
    with KafkaAdminClient(bootstrap_servers=brokers_of(broker)) as admin:
        return set(TOPICS) & set(admin.list_topics())


def test_the_bare_loop_stores_and_scores_the_same_as_an_import_and_workers_take_in_all(
    kafka: str, postgresql: str, tmp_path: Path
) -> None:
    file = tmp_path / "reports.ndjson"
    pipeline.write(file, RECORDS, 3)
    settings = Settings(data=tmp_path, broker=kafka, store=postgresql)
    cluster.refuse_used(settings)
    with cluster.fresh(settings, tmp_path / "import") as own:
        with cluster.workers(own, 1):
            assert pipeline.import_once(file, own, RECORDS) > 0
        imported = held(own.store, RECORDS)
    assert topics(kafka) == set()
    with cluster.fresh(settings, tmp_path / "bare") as own:
        command = [sys.executable, "-m", "streams.bench.bare_kafka", str(file), own.broker]
        subprocess.run([*command, own.store, pipeline.SENDER], check=True, timeout=120)
        assert held(own.store, RECORDS) == imported
    with cluster.fresh(settings, tmp_path / "two") as own:
        found = cluster.intake(file, own, 2)
        assert found.workers >= 0
    assert topics(kafka) == set()


def test_brokers_with_topics_of_a_deployment_are_refused(kafka: str, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, broker=kafka, store="postgresql+psycopg://nobody@nowhere/x")
    log = open_log(kafka)
    log.ensure_topics(settings.topics())
    log.close()
    with pytest.raises(InputError) as refused:
        cluster.refuse_used(settings)
    assert refused.value.code == "topics_in_use"


def test_two_workers_are_at_most_so_fast_as_idle_processors_let_them() -> None:
    one = cluster.Intake(rate=1000.0, seconds=10.0, workers=8.0, others=4.5, processors=2)
    assert one.bound == 1.6


def test_few_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        cluster.run(tmp_path, Settings.read(tmp_path), cluster.FEWEST - 1, 1, 1)
    assert refused.value.code == "too_few_records"


def test_an_embedded_deployment_is_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        cluster.refuse_used(Settings.read(tmp_path))
    assert refused.value.code == "not_a_cluster"
