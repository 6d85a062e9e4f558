"""What is refused whole: the sender is told so, and nothing of it is in the log."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import update

from streams.gateway.keys import KeyRole, create_key, list_keys, revoke_key
from streams.gateway.limits import Limits, TokenBuckets
from streams.store import tables
from tests.streams.gateway.serving import SENDER, Serving, report, serving

JSON = {"content-type": "application/json"}
MEBIBYTE = 1 << 20


def refused(gateway: Serving, answer: httpx.Response, status: int, code: str) -> None:
    """Assert that a request was refused, said so, was counted, and left nothing behind."""
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]
    assert gateway.stored("reports") == []
    assert gateway.stored("followups") == []
    assert gateway.refused(code) == 1


@pytest.mark.parametrize("given", [None, "", "Basic YTpi", "Bearer", "Token x"])
def test_no_key(gateway: Serving, given: str | None) -> None:
    headers = {} if given is None else {"authorization": given}
    answer = httpx.post(f"{gateway.url}/v1/reports", json=report(), headers=headers)
    refused(gateway, answer, 401, "no_key")
    assert "nothing was stored" in answer.json()["message"]
    assert answer.headers["www-authenticate"] == "Bearer"


def test_an_unknown_key(gateway: Serving) -> None:
    headers = {"authorization": "Bearer kv_made-up"}
    answer = httpx.post(f"{gateway.url}/v1/reports", json=report(), headers=headers)
    refused(gateway, answer, 401, "unknown_key")
    assert "kv_made-up" not in answer.text


def test_a_key_that_is_revoked_is_refused_within_five_seconds(gateway: Serving) -> None:
    with gateway.client() as client:
        assert client.post("/v1/reports?validate=true", json=report()).status_code == 202
        revoke_key(gateway.store, list_keys(gateway.store)[0].id)
        revoked = time.monotonic()
        while (answer := client.post("/v1/reports?validate=true", json=report())).is_success:
            assert time.monotonic() - revoked < 5
            time.sleep(0.1)
    refused(gateway, answer, 401, "unknown_key")


def test_a_key_that_has_expired_is_told_so(gateway: Serving) -> None:
    key = create_key(gateway.store, SENDER, days=1)
    with gateway.store.write() as connection:
        connection.execute(update(tables.keys).values(expires_at=time.time() - 1))
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.post(f"{gateway.url}/v1/reports", json=report(), headers=headers)
    refused(gateway, answer, 401, "expired_key")
    assert "nothing was stored" in answer.json()["message"]


@pytest.mark.parametrize("role", ["officer", "regulator", "admin"])
def test_only_a_registry_pushes(gateway: Serving, role: KeyRole) -> None:
    with gateway.client(role=role) as client:
        refused(gateway, client.post("/v1/followups", json={}), 403, "wrong_role")


@pytest.mark.parametrize(
    "content_type", ["text/xml", "text/plain", "application/jsonp", "", "application/fhir"]
)
def test_a_content_type_that_is_not_read(gateway: Serving, content_type: str) -> None:
    with gateway.client() as client:
        answer = client.post("/v1/reports", content=b"<x/>", headers={"content-type": content_type})
    refused(gateway, answer, 415, "unsupported_type")


def test_a_charset_that_is_not_read(gateway: Serving) -> None:
    headers = {"content-type": "application/json; charset=iso-8859-1"}
    with gateway.client() as client:
        answer = client.post("/v1/reports", content=b"{}", headers=headers)
    refused(gateway, answer, 415, "unsupported_charset")


def test_an_encoding_that_is_not_read(gateway: Serving) -> None:
    with gateway.client() as client:
        answer = client.post("/v1/reports", json={}, headers={"content-encoding": "br"})
    refused(gateway, answer, 415, "unsupported_encoding")


@pytest.mark.parametrize("body", [b"", b"[]", b" [ ]\n", b"\xef\xbb\xbf", b" \n"])
def test_a_body_without_a_record(gateway: Serving, body: bytes) -> None:
    with gateway.client() as client:
        answer = client.post("/v1/reports", content=body, headers=JSON)
    refused(gateway, answer, 400, "empty_body")


@pytest.mark.parametrize("query", ["valdiate=true", "validate=yes", "validate=true&x=1"])
def test_a_slip_in_the_query_is_not_taken_for_a_push(gateway: Serving, query: str) -> None:
    with gateway.client() as client:
        answer = client.post(f"/v1/reports?{query}", json=report())
    refused(gateway, answer, 400, "unknown_parameter")


def test_a_body_over_sixteen_mebibytes(gateway: Serving) -> None:
    with gateway.client() as client:
        answer = client.post("/v1/reports", content=b" " * (16 * MEBIBYTE + 1), headers=JSON)
    refused(gateway, answer, 413, "body_too_large")
    assert "nothing was stored" in answer.json()["message"]


def test_a_body_of_sixteen_mebibytes_is_read(gateway: Serving) -> None:
    record = json.dumps(report()).encode()
    body = record + b" " * (16 * MEBIBYTE - len(record))
    with gateway.client() as client:
        assert client.post("/v1/reports", content=body, headers=JSON).status_code == 202


def test_a_chunked_body_is_cut_off_at_the_limit(gateway: Serving) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(20):
            sent += MEBIBYTE
            yield b" " * MEBIBYTE

    with gateway.client() as client:
        answer = client.post("/v1/reports", content=endless(), headers=JSON)
    refused(gateway, answer, 413, "body_too_large")


def test_a_body_that_never_ends_is_answered_and_the_connection_closed(gateway: Serving) -> None:
    with gateway.client() as client:
        key = client.headers["authorization"]
    with _connection(gateway) as wire:
        wire.sendall(_head(key, "transfer-encoding: chunked"))
        chunk = b"%x\r\n" % MEBIBYTE + b" " * MEBIBYTE + b"\r\n"
        answer = b""
        try:
            for _ in range(200):
                wire.sendall(chunk)
        except OSError:
            pass
        else:
            pytest.fail("200 MiB were read")
        # the answer was sent, but a sender that does not listen may lose it
        with contextlib.suppress(ConnectionResetError):
            answer = wire.recv(65536)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")
    assert gateway.stored() == []
    assert gateway.refused("body_too_large") == 1


def test_a_length_that_is_a_lie_is_answered_before_the_body(gateway: Serving) -> None:
    with gateway.client() as client:
        key = client.headers["authorization"]
    with _connection(gateway) as wire:
        wire.sendall(_head(key, "content-length: 99999999999"))
        answer = wire.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer.lower()
    assert gateway.stored() == []


def test_a_body_that_is_shorter_than_its_length_leaves_nothing(gateway: Serving) -> None:
    record = json.dumps(report()).encode()
    with gateway.client() as client:
        key = client.headers["authorization"]
    with _connection(gateway) as wire:
        wire.sendall(_head(key, f"content-length: {len(record) + 10}") + record)
    until = time.monotonic() + 5
    while gateway.refused("broken_off") is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert gateway.stored() == []


def test_a_bomb_of_gzip_is_refused(gateway: Serving) -> None:
    bomb = gzip.compress(b" " * (200 * MEBIBYTE), 1)
    with gateway.client() as client:
        answer = client.post(
            "/v1/reports", content=bomb, headers=JSON | {"content-encoding": "gzip"}
        )
    refused(gateway, answer, 413, "body_too_large")


def test_too_many_records(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(max_records=3)) as gateway, gateway.client() as client:
        answer = client.post("/v1/reports", json=[report()] * 4)
        refused(gateway, answer, 413, "too_many_records")
        assert client.post("/v1/reports", json=[report()] * 3).status_code == 202


def test_too_fast_says_when_to_send_again(tmp_path: Path) -> None:
    limits = Limits(rate=0.5, burst=2)
    with serving(tmp_path, limits) as gateway, gateway.client() as client:
        answers = [client.post("/v1/reports?validate=true", json=report()) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        refused(gateway, answers[2], 429, "too_fast")
        assert answers[2].headers["retry-after"] == "2"
        # each key has a bucket of its own
        with gateway.client("clinic-b") as other:
            answer = other.post("/v1/reports?validate=true", json=report(sender="clinic-b"))
            assert answer.status_code == 202


def test_who_guesses_keys_is_slowed_down_and_who_has_one_is_not(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(page_rate=0.5, page_burst=2)) as gateway:
        headers = {"authorization": "Bearer kv_guessed"}
        answers = [
            httpx.post(f"{gateway.url}/v1/reports", json={}, headers=headers) for _ in range(3)
        ]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
        assert answers[2].json()["code"] == "too_fast"
        assert int(answers[2].headers["retry-after"]) >= 1
        with gateway.client() as client:
            assert client.post("/v1/reports?validate=true", json=report()).status_code == 202


def test_a_bucket_fills_again_and_never_over_its_burst() -> None:
    now = 0.0
    buckets = TokenBuckets(rate=2, burst=3, clock=lambda: now)
    assert [buckets.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    now = 0.5
    assert [buckets.wait("a") for _ in range(2)] == [0, 0.5]
    now = 100
    assert [buckets.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_a_body_that_is_too_slow(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(body_seconds=0.3)) as gateway:
        with gateway.client() as client:
            key = client.headers["authorization"]
        with _connection(gateway) as wire:
            wire.sendall(_head(key, "content-length: 100") + b"{")
            assert wire.recv(65536).startswith(b"HTTP/1.1 408 ")
        assert gateway.stored() == []
        assert gateway.refused("too_slow") == 1


def test_bodies_that_would_take_all_memory(tmp_path: Path) -> None:
    limits = Limits(waiting_bytes=MEBIBYTE)
    with serving(tmp_path, limits) as gateway, gateway.client() as client:
        answer = client.post("/v1/reports", content=b" " * (2 * MEBIBYTE), headers=JSON)
        refused(gateway, answer, 503, "busy")
        assert answer.headers["retry-after"] == "1"
        # and what was refused has given its memory back
        for _ in range(3):
            body = json.dumps(report()).encode().ljust(MEBIBYTE)
            assert client.post("/v1/reports", content=body, headers=JSON).status_code == 202


def test_when_the_log_is_away_nothing_is_said_to_be_stored(gateway: Serving) -> None:
    data = gateway.settings.data
    assert data is not None
    with gateway.client() as client:
        (data / "log.db").rename(data / "away.db")
        answer = client.post("/v1/reports", json=report())
        ready = httpx.get(f"{gateway.url}/readyz")
        (data / "away.db").rename(data / "log.db")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_confirmed")
        assert "send the same again, repeats are harmless" in answer.json()["message"]
        assert int(answer.headers["retry-after"]) > 0
        assert (ready.status_code, ready.json()["log"]) == (503, False)
        assert gateway.stored() == []
        assert gateway.refused("not_confirmed") == 1
        again = client.post("/v1/reports", json=report())
        assert again.status_code == 202
        assert httpx.get(f"{gateway.url}/readyz").status_code == 200
    assert len(gateway.entries()) == 1


def test_when_the_store_is_away_nothing_is_taken(gateway: Serving) -> None:
    with gateway.client() as client:
        gateway.store.close()
        data = gateway.settings.data
        assert data is not None
        for name in ("store.db", "store.db-wal", "store.db-shm"):
            (data / name).unlink(missing_ok=True)
        (data / "store.db").mkdir()
        answer = client.post("/v1/reports", json=report())
        refused(gateway, answer, 503, "store_away")
        assert httpx.get(f"{gateway.url}/readyz").json()["store"] is False
        (data / "store.db").rmdir()


def test_a_route_that_there_is_not(gateway: Serving) -> None:
    with gateway.client() as client:
        assert client.get("/v1/reports").status_code == 405
        assert client.post("/v1/report", json=report()).status_code == 404


def test_the_loop_answers_while_large_bodies_are_parsed(gateway: Serving) -> None:
    large = json.dumps([report(report_id=f"A-{i}") for i in range(20_000)]).encode()
    with gateway.client() as client, ThreadPoolExecutor(2) as pool:
        work = [
            pool.submit(client.post, "/v1/reports?validate=true", content=large, headers=JSON)
            for _ in range(2)
        ]
        answered = 0
        while not all(future.done() for future in work):
            assert httpx.get(f"{gateway.url}/healthz").status_code == 200
            answered += 1
        assert [future.result().status_code for future in work] == [202, 202]
    # a loop that parsed the two would answer before, between and after: three times
    assert answered > 3


def _connection(gateway: Serving) -> socket.socket:
    parts = urlsplit(gateway.url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def _head(key: str, length: str) -> bytes:
    return (
        "POST /v1/reports HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"authorization: {key}\r\n{length}\r\n\r\n"
    ).encode()
