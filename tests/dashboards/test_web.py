"""The web process as it is put together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from dashboards import people
from dashboards.access import ANYONE, BY_KEY, TABLE
from dashboards.web import create_web
from schemas.envelope import CANARY, decode_envelope
from streams.gateway.keys import create_key
from streams.gateway.limits import Limits
from streams.gateway.openapi import document
from streams.log import open_log
from streams.settings import Settings
from streams.store.store import open_store
from tests.deployment import eventually
from tests.streams.gateway.serving import SENDER, report, running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An empty deployment."""
    return Settings.read(data=tmp_path)


@pytest.fixture
def app(settings: Settings) -> Starlette:
    """Its web process."""
    assert settings.data
    return create_web(settings, demo=settings.data / "demo.json")


@pytest.fixture
def url(app: Starlette) -> Iterator[str]:
    """Its address."""
    with running(app) as found:
        yield found


def _patterns(app: Starlette) -> list[str]:
    assert all(isinstance(route, (Route, Mount)) for route in app.routes)
    return [route.path for route in app.routes if isinstance(route, (Route, Mount))]


def test_every_route_is_in_the_table_of_who_may(app: Starlette, url: str) -> None:
    patterns = _patterns(app)
    assert len(patterns) >= 10
    assert [pattern for pattern in patterns if pattern not in TABLE] == []


def test_only_these_routes_are_open_without_key_or_session() -> None:
    assert {pattern for pattern, who in TABLE.items() if who == ANYONE} == {
        "/healthz",
        "/readyz",
        "/sign-in/oidc",
        "/sign-in/oidc/answer",
        "/metrics",
        "/metrics/parts",
        "/static",
        "/language",
        "/sign-in",
        "/sign-in/{token}",
        "/v1/openapi.json",
    }
    assert all(p.startswith("/v1/") for p, who in TABLE.items() if who == BY_KEY)


def test_every_route_of_the_gateway_is_documented(app: Starlette, url: str) -> None:
    documented = set(document(Limits())["paths"])
    patterns = {p.replace(":int}", "}") for p in _patterns(app) if p.startswith("/v1/")}
    assert patterns | {"/healthz", "/readyz"} == documented


def test_no_route_of_people_answers_a_stranger(app: Starlette, url: str) -> None:
    for pattern in _patterns(app):
        if isinstance(TABLE[pattern], frozenset):
            path = re.sub(r"\{[^}]*\}", "1", pattern)
            for method in ("GET", "POST", "DELETE"):
                assert httpx.request(method, url + path).status_code in (401, 405), pattern


def test_no_route_of_keys_answers_without_one(app: Starlette, url: str) -> None:
    for method, path in (
        ("POST", "/v1/reports"),
        ("POST", "/v1/followups"),
        ("GET", "/v1/receipts/x"),
    ):
        assert httpx.request(method, url + path).status_code == 401
    assert httpx.get(f"{url}/v1/reports").json()["code"] == "method_not_allowed"
    assert httpx.get(f"{url}/v1/other").json()["code"] == "no_such_route"


def test_a_pushed_report_is_in_the_log_of_the_deployment(settings: Settings, url: str) -> None:
    store = open_store(settings.store)
    key = create_key(store, SENDER)
    store.close()
    answer = httpx.post(
        f"{url}/v1/reports", json=report(), headers={"authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 202
    log = open_log(settings.broker)
    found = [
        entry.record_id
        for partition in range(settings.partitions())
        for message in log.read("reports", partition, 0, 10)
        for entry in decode_envelope(message.value or b"").records
        if entry.origin != CANARY
    ]
    log.close()
    assert found == ["A-1"]


def test_a_session_is_no_key_and_a_key_no_session(settings: Settings, url: str) -> None:
    store = open_store(settings.store)
    key, link = create_key(store, SENDER), people.create_link(store, "Ann")
    store.close()
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert client.post(link).status_code == 303
        assert client.post("/v1/reports", json=report()).status_code == 401
    assert httpx.get(url, headers={"authorization": f"Bearer {key}"}).status_code == 401


def test_a_person_sees_the_board_and_a_stranger_only_how_it_looks(
    settings: Settings, url: str
) -> None:
    store = open_store(settings.store)
    link = people.create_link(store, "Ann")
    store.close()
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/static/board.css").status_code == 200
        assert client.get("/static/../web.py").status_code in (401, 404)
        assert client.get("/", headers={"accept": "text/html"}).status_code == 303
        assert client.post(link).status_code == 303
        for path in ("/", "/health"):
            page = client.get(path)
            assert page.status_code == 200
            assert "unsafe" not in page.headers["content-security-policy"]
            assert page.headers["cache-control"] == "no-store"
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", page.text)
        assert client.get("/signals/1").status_code == 404
        (csrf,) = re.findall(r'name="csrf" value="([0-9a-f]{64})"', client.get("/").text)
        assert client.post("/sign-out", data={"csrf": csrf}).status_code == 303
        assert client.get("/").status_code == 401


def test_metrics_are_served_to_prometheus_and_name_the_refusals(url: str) -> None:
    assert httpx.post(f"{url}/v1/reports", json=report()).status_code == 401
    answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    assert 'ketavigil_refusals_total{reason="no_key"} 1.0' in answer.text
    assert "ketavigil_records_received{" in answer.text


def test_health_and_readiness(url: str) -> None:
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    whole = {"status": "ready", "log": True, "store": True, "board": True}
    eventually(lambda: httpx.get(f"{url}/readyz").json() == whole, "the cases to have been read")
