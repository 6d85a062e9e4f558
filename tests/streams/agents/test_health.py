"""A worker says whether it works, and does not hang where what it asks does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.errors import InputError, LogError
from streams.agents import health as module
from streams.agents.health import Health, serving
from streams.log import Log, open_log
from streams.settings import Settings
from streams.store.store import Store, open_store


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Log, Store]]:
    settings = Settings.read(data=tmp_path)
    log, store = open_log(settings.broker), open_store(settings.store)
    log.ensure_topics(settings.topics())
    yield log, store
    log.close()
    store.close()


@pytest.fixture
def served() -> Iterator[tuple[Health, str]]:
    health = Health()
    with serving(health, "127.0.0.1", 0) as port:
        yield health, f"http://127.0.0.1:{port}"


def ready(url: str) -> tuple[int, dict[str, Any]]:
    answer = httpx.get(f"{url}/readyz", timeout=30)
    return answer.status_code, answer.json()


def test_a_worker_tells_prometheus_the_same(
    served: tuple[Health, str], opened: tuple[Log, Store]
) -> None:
    health, url = served
    health.look_at(*opened)
    health.assigned = {"b": ["changes/0"], "a": ["reports/1", "reports/2"]}
    answer = httpx.get(f"{url}/metrics", timeout=30)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples[("ketavigil_worker_taking",)] == 0
    assert samples[("ketavigil_worker_reachable", "log")] == 1
    assert samples[("ketavigil_worker_reachable", "store")] == 1
    assert samples[("ketavigil_worker_partitions", "changes")] == 1
    assert samples[("ketavigil_worker_partitions", "reports")] == 2
    assert samples[("process_resident_memory_bytes",)] > 1e6
    health.taking = True
    assert "ketavigil_worker_taking 1.0" in httpx.get(f"{url}/metrics", timeout=30).text


def test_a_worker_is_ready_while_it_takes_what_comes(
    served: tuple[Health, str], opened: tuple[Log, Store]
) -> None:
    health, url = served
    said = {"status": "not ready", "taking": False, "log": False, "store": False, "assigned": []}
    assert ready(url) == (503, said)
    health.look_at(*opened)
    assert ready(url) == (503, said | {"log": True, "store": True})
    health.taking = True
    health.assigned = {"b": ["changes/0"], "a": ["reports/1"]}
    assert ready(url) == (
        200,
        {
            "status": "ready",
            "taking": True,
            "log": True,
            "store": True,
            "assigned": ["changes/0", "reports/1"],
        },
    )
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{url}/elsewhere").status_code == 404


def test_a_log_that_is_away_or_hangs_is_no_log(
    served: tuple[Health, str], opened: tuple[Log, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    health, url = served
    log, store = opened
    hangs = threading.Event()

    def away(*_: Any) -> int:
        raise LogError("log_away", "no broker")

    def hang(*_: Any) -> int:
        hangs.wait(30)
        return 0

    health.look_at(log, store)
    health.taking = True
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    for answer in (away, hang):
        monkeypatch.setattr(log, "end", answer)
        status, said = ready(url)
        assert (status, said["log"], said["taking"]) == (503, False, True)
    hangs.set()


def test_a_port_that_is_taken_is_said(served: tuple[Health, str]) -> None:
    _, url = served
    with (
        pytest.raises(InputError) as told,
        serving(Health(), "127.0.0.1", int(url.rpartition(":")[2])),
    ):
        pass
    assert told.value.code == "port_in_use"
