"""A copy of the store is put back: it reads on from its positions, and nothing is lost."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cluster import Cluster
from tests.deployment import Deployment, eventually, report
from tests.kafka_server import DROPPED
from tests.postgres_server import binaries, dsn

SCORES = (
    "SELECT dataset, product, event, n, n_product, n_event, n_total, prr, ic, ic025, ebgm, eb05"
    " FROM scores ORDER BY dataset, product, event"
)
CASES = (
    "SELECT c.stream, c.sender, c.report_id, v.version, v.status FROM cases c"
    " JOIN versions v ON v.case_id = c.id ORDER BY 1, 2, 3, 4"
)


class Patient(Deployment):
    """Processes that start anew while others run tests beside."""

    patience = 180.0


def push(deployment: Deployment, key: str, numbers: range, **fields: Any) -> None:
    """Reports of many partitions, in small requests, so that many envelopes hold them."""
    for first in range(numbers.start, numbers.stop, 10):
        some = range(first, min(first + 10, numbers.stop))
        batch = [
            report("clinic", f"R-{n}", reactions=[{"term": f"Term {n % 13}"}], **fields)
            for n in some
        ]
        assert deployment.push(key, batch).status_code == 202


def follow(deployment: Deployment, key: str, numbers: range) -> None:
    """Follow-up records of some patients."""
    batch = [
        {
            "registry": "clinic",
            "record_id": f"F-{n}",
            "version": 1,
            "patient": f"p-{n % 7}",
            "course": "c",
            "at": f"2025-{1 + n % 12:02d}-10",
            "kind": "urinary",
            "instrument": "OABSS",
            "score": n % 16,
        }
        for n in numbers
    ]
    assert deployment.push(key, batch, stream="followups").status_code == 202


def before(deployment: Deployment, key: str) -> None:
    """What the copy has."""
    push(deployment, key, range(100))
    follow(deployment, key, range(40))


def after(deployment: Deployment, key: str) -> None:
    """What comes after it: new cases, in another order of partitions, and new versions of old."""
    push(deployment, key, range(150, 220))
    push(deployment, key, range(0, 60, 1), version=2, received_at="2025-07-09")
    push(deployment, key, range(100, 150))
    push(deployment, key, range(20), version=3, status="nullified")
    follow(deployment, key, range(40, 90))


def differing(deployment: Deployment, *, rebuild: bool = False) -> list[str]:
    """The checks of `verify` that do not hold; and `rebuild` exits 1 where it differs."""
    found = [check["name"] for check in deployment.verify()["checks"] if not check["holds"]]
    if rebuild:
        deployment.run("rebuild")
    return found


def select(path: Path, query: str) -> Sequence[Any]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def copied(source: Path, target: Path) -> None:
    """A copy of a database in use, as `VACUUM INTO` of the operations page makes it."""
    with sqlite3.connect(source) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def put_back(copy: Path, store: Path) -> None:
    for path in store.parent.glob(f"{store.name}*"):
        path.unlink()
    shutil.copy(copy, store)


def test_an_older_copy_of_an_embedded_store_reads_on_to_the_same_scores(tmp_path: Path) -> None:
    with Patient(tmp_path / "data") as deployment:
        deployment.up()
        key = deployment.key("clinic")
        before(deployment, key)
        assert differing(deployment) == []
        store, copy = deployment.data / "store.db", tmp_path / "copy.db"
        copied(store, copy)
        after(deployment, key)
        assert differing(deployment) == []
        cases, scores = select(store, CASES), select(store, SCORES)
        deployment.stop()

        put_back(copy, store)
        assert select(store, CASES) != cases
        deployment.up()
        assert differing(deployment, rebuild=True) == []
        assert select(store, CASES) == cases
        assert select(store, SCORES) == scores
        assert select(store, "SELECT count(*) FROM records") == [(390,)]

        push(deployment, key, range(220, 240))  # and it goes on
        assert differing(deployment) == []
        assert select(store, "SELECT count(*) FROM records") == [(410,)]


def test_a_log_that_is_older_than_the_store_is_refused_and_so_is_one_that_let_go_of_too_much(
    tmp_path: Path,
) -> None:
    with Patient(tmp_path / "data", KETAVIGIL_LOG_DAYS="0") as deployment:
        deployment.up()
        key = deployment.key("clinic")
        before(deployment, key)
        assert differing(deployment) == []
        store, log = deployment.data / "store.db", deployment.data / "log.db"
        copied(store, tmp_path / "store-copy.db")
        copied(log, tmp_path / "log-copy.db")
        # more than the log holds on to at once, of one partition
        for version in range(2, 260):
            push(deployment, key, range(1), version=version)
        assert differing(deployment) == []
        deployment.stop()
        whole = tmp_path / "log-whole.db"
        copied(log, whole)

        put_back(tmp_path / "log-copy.db", log)
        said = deployment.run("worker", status=2).stderr.splitlines()[-1]
        assert "log_too_short" in said
        assert "records were lost from the log, or it is an older copy" in said

        put_back(whole, log)
        put_back(tmp_path / "store-copy.db", store)
        said = deployment.run("worker", status=2).stderr.splitlines()[-1]
        assert "log_trimmed" in said
        assert "the store has seen it only up to" in said


def test_a_log_of_another_deployment_is_refused(tmp_path: Path) -> None:
    with Patient(tmp_path / "a") as one, Patient(tmp_path / "b") as other:
        for each in (one, other):
            each.up()
            each.stop()
        put_back(other.data / "log.db", one.data / "log.db")
        said = one.run("worker", status=2).stderr.splitlines()[-1]
        assert "another_log" in said
        assert "give each store the log it belongs to" in said


@pytest.mark.kafka
@pytest.mark.postgresql
@DROPPED
def test_a_dump_of_postgresql_reads_on_from_kafka_to_the_same_scores(
    tmp_path: Path, kafka: str, postgresql: str
) -> None:
    dump = tmp_path / "store.dump"

    def run(program: str, *arguments: str) -> None:
        subprocess.run([binaries() / program, *arguments], check=True, timeout=120)

    with Cluster(tmp_path / "data", kafka, postgresql) as cluster:
        cluster.up(2, web=True)
        key = cluster.key("clinic")
        before(cluster, key)
        assert differing(cluster) == []
        run("pg_dump", "--format=custom", f"--file={dump}", dsn(postgresql))
        after(cluster, key)
        assert differing(cluster) == []
        cases, scores = cluster.rows(CASES), cluster.rows(SCORES)
        cluster.stop()

        with psycopg.connect(dsn(postgresql), autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        run("pg_restore", f"--dbname={dsn(postgresql)}", "--no-owner", str(dump))
        assert cluster.rows(CASES) != cases
        cluster.up(2, web=True)
        eventually(lambda: cluster.rows(CASES) == cases, "the records to be read again", 120)
        assert differing(cluster, rebuild=True) == []
        assert cluster.rows(SCORES) == scores
        assert cluster.scalar("SELECT count(*) FROM records") == 390

        with psycopg.connect(dsn(postgresql), autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
