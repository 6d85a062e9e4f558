"""The canary in a real deployment: it comes through, again after restarts, and leaves no trace."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from streams.settings import Settings
from streams.store import tables
from streams.store.store import open_store
from tests.deployment import Deployment, eventually, report

Figures = dict[tuple[str, str], float]


def canaries(running: Deployment) -> Figures:
    """(name of the metric, stream): value."""
    answer = httpx.get(f"{running.url}/metrics", timeout=30)
    return {
        (sample.name.removeprefix("ketavigil_canary_"), sample.labels["stream"]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name.startswith("ketavigil_canary_")
    }


def came_through(running: Deployment, within: float) -> bool:
    found = canaries(running)
    return all(
        found.get(("age_seconds", stream), within) < within for stream in ("reports", "followups")
    )


def test_it_survives_restarts_and_is_counted_nowhere(tmp_path: Path) -> None:
    with Deployment(tmp_path, KETAVIGIL_CANARY_SECONDS="0.5") as running:
        running.up()
        eventually(lambda: came_through(running, 30), "a canary of each stream")
        found = canaries(running)
        assert found["interval_seconds", "reports"] == 0.5
        assert 0 < found["seconds", "reports"] < 30
        key = running.key("clinic")
        records = [report("clinic", f"R-{i}") for i in range(40)]
        given = running.push(key, records).json()["receipt_id"]
        eventually(
            lambda: running.receipt(key, given)["summary"]["counted"] == 40, "records to be counted"
        )
        running.kill("worker", signal.SIGKILL)
        eventually(lambda: canaries(running)["age_seconds", "reports"] > 2, "the newest to age")
        assert canaries(running)["seconds", "reports"] < 30
        running.kill("web", signal.SIGKILL)
        running.up()
        eventually(lambda: came_through(running, 2), "a canary after the restart")
        verified = running.verify()
        running.stop()
    assert sum(check["differences"] for check in verified["checks"]) == 0
    by_name = {check["name"]: check for check in verified["checks"]}
    assert by_name["conservation of reports"]["figures"]["received"] == 40
    assert by_name["conservation of followups"]["figures"]["received"] == 0
    store = open_store(Settings.read(data=tmp_path).store)
    with store.read() as connection:
        assert set(connection.scalars(select(tables.records.c.sender))) == {"clinic"}
        assert set(connection.scalars(select(tables.changes.c.kind))) == {"case", "checkpoint"}
        n = connection.scalars(select(tables.scores.c.n_total)).all()
        assert set(n) == {40}
    store.close()
