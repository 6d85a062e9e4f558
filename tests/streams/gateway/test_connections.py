"""Clients that are slow on purpose, or many: they are sent away, and others served meanwhile."""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from streams.cli.web import address, listen
from streams.gateway.connections import Connection, allowed, limited

LARGE = 64 << 20


class Impatient(Connection):
    """The same, in the time of a test."""

    head_seconds = 0.4
    write_seconds = 0.4


async def _hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def _large(request: Request) -> Response:
    return PlainTextResponse(b"x" * LARGE)


@contextmanager
def running(protocol: type[Connection]) -> Iterator[str]:
    """A server with that protocol; its URL."""
    app = Starlette(routes=[Route("/", _hello, methods=["GET", "POST"]), Route("/large", _large)])
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        app, http=protocol, ws="none", log_config=None, access_log=False, timeout_keep_alive=30
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.01)
    try:
        yield address(listening).rstrip("/")
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
    assert not thread.is_alive()


@pytest.fixture
def url() -> Iterator[str]:
    """A server that waits for nobody."""
    with running(Impatient) as found:
        yield found


def wire(url: str) -> socket.socket:
    """A connection of one's own."""
    to = urlsplit(url)
    made = socket.create_connection((to.hostname or "", to.port or 0), timeout=20)
    made.settimeout(20)
    return made


def read(connection: socket.socket) -> bytes:
    """All that comes until the server closes it."""
    found = b""
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            return found
        if not part:
            return found
        found += part


def said(answer: bytes) -> tuple[int, str]:
    """Status and code of an answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"x-content-type-options: nosniff" in head
    return int(head.split()[1]), json.loads(body)["code"]


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nhost: x\r\nx-more: y"])
def test_a_head_that_does_not_come_to_its_end_is_answered_and_closed(url: str, sent: bytes) -> None:
    with wire(url) as slow:
        slow.sendall(sent)
        assert said(read(slow)) == (408, "too_slow")


def test_a_head_that_drips_is_not_waited_for_and_others_are_served(url: str) -> None:
    slow = [wire(url) for _ in range(40)]
    for one in slow:
        one.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n")
    assert httpx.get(url, trust_env=False, timeout=20).text == "hello"
    answers: list[bytes] = []
    for one in slow:
        one.settimeout(0.05)
    until = time.monotonic() + 20
    while slow:
        assert time.monotonic() < until, f"{len(slow)} are still held"
        for one in list(slow):
            try:
                one.sendall(b"x-more: y\r\n")
                answer = one.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                answer = b""
            answers.append(answer)
            slow.remove(one)
            one.close()
    assert len(answers) == 40
    assert all(answer == b"" or said(answer) == (408, "too_slow") for answer in answers)


def test_a_second_head_that_drips_is_not_waited_for_either(url: str) -> None:
    with wire(url) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        first = slow.recv(65536)
        assert first.startswith(b"HTTP/1.1 200 ")
        slow.sendall(b"GET / HT")
        assert said(read(slow)) == (408, "too_slow")


def test_a_connection_in_use_is_not_cut_off(url: str) -> None:
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        for _ in range(6):
            assert client.get("/").text == "hello"
            time.sleep(0.15)


def test_the_rest_of_a_body_that_nobody_reads_is_not_waited_for(url: str) -> None:
    with wire(url) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")
        assert slow.recv(65536).startswith(b"HTTP/1.1 200 ")
        slow.settimeout(0.05)
        until = time.monotonic() + 20
        while True:
            assert time.monotonic() < until, "it is still held"
            try:
                slow.sendall(b"x")
                if slow.recv(10) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break


def test_who_does_not_read_the_answer_is_cut_off(url: str) -> None:
    with wire(url) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(1.5)
        assert len(read(slow)) < LARGE
    assert httpx.get(url, trust_env=False, timeout=20).text == "hello"


def test_who_reads_gets_all_of_a_large_answer() -> None:
    with running(Connection) as url:
        assert len(httpx.get(f"{url}/large", trust_env=False, timeout=60).content) == LARGE


def test_one_connection_too_many_is_told_so_and_place_is_free_again_later() -> None:
    with running(limited(3)) as url:
        held = [wire(url) for _ in range(3)]
        for one in held:
            one.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert one.recv(65536).startswith(b"HTTP/1.1 200 ")
        with wire(url) as more:
            answer = read(more)
            assert said(answer) == (503, "busy")
            assert b"retry-after: 1\r\n" in answer
        for one in held:
            one.close()
        until = time.monotonic() + 20
        while True:
            try:
                assert httpx.get(url, trust_env=False, timeout=20).text == "hello"
                break
            except (httpx.HTTPError, AssertionError):
                assert time.monotonic() < until
                time.sleep(0.05)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # TLS
        b"GET / HTTP/1.1\r\nhost: x\r\nx-large: " + b"y" * 300_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ],
    ids=["TLS", "head of 300 kB", "no header", "two lengths"],
)
def test_what_is_no_request_is_answered_with_a_code(url: str, sent: bytes) -> None:
    with wire(url) as broken:
        broken.sendall(sent)
        answer = read(broken)
    # closed while more was on its way, an answer may be lost
    assert answer == b"" or said(answer) == (400, "not_http")


def test_as_many_connections_are_allowed_as_there_are_descriptors_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = [(1024, 1024)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, given: limits.append(given))
    assert allowed(1_000) == 1024 - 256  # no more are to be had
    limits.append((1024, 4096))
    assert allowed(1_000) == 1_000
    assert limits[-1] == (1_256, 4096)
    limits.append((64, 64))
    assert allowed(1_000) == 16
