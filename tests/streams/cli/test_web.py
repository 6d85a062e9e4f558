"""`ketavigil web`: where it listens. How it ends is in tests/streams/gateway/test_durability."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.errors import InputError
from streams.cli.web import address, listen
from tests.streams.gateway.serving import running


def test_a_port_that_is_taken_and_one_that_there_is_not() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        for taken in (port, 70_000):
            with pytest.raises(InputError) as error:
                listen("127.0.0.1", taken)
            assert error.value.code == "port_taken"


def test_the_address_is_a_url() -> None:
    with listen("127.0.0.1", 0) as found:
        assert address(found) == f"http://127.0.0.1:{found.getsockname()[1]}/"
    if socket.has_ipv6:
        with listen("::1", 0) as found:
            assert address(found) == f"http://[::1]:{found.getsockname()[1]}/"


def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """Without TCP_NODELAY each answer on a connection that is kept takes 40 ms."""

    async def echo(request: Request) -> Response:
        return Response(await request.body())

    took = []
    with running(Starlette(routes=[Route("/", echo, methods=["POST"])])) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(40):
                began = time.monotonic()
                wire.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n")
                wire.sendall(b"x")
                answer = b""
                while not answer.endswith(b"\r\n\r\nx"):
                    answer += wire.recv(65536)
                took.append(time.monotonic() - began)
    assert statistics.median(took) < 0.03


_LISTENING = """
import asyncio, logging
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route
from streams.cli.web import address, listen, serve

async def news(request):
    async def stream():
        yield b": connected\\n\\n"
        await asyncio.sleep(600)
    return StreamingResponse(stream(), media_type="text/event-stream")

logging.basicConfig(level=logging.WARNING)
listening = listen("127.0.0.1", 0)
print(address(listening), flush=True)
serve(Starlette(routes=[Route("/", news)]), listening)
print("ended", flush=True)
"""


def test_a_page_that_listens_for_news_does_not_hold_up_the_end() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _LISTENING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            with httpx.stream("GET", url, timeout=10) as page:
                received = page.iter_bytes()
                assert next(received) == b": connected\n\n"
                process.terminate()
                asked = time.monotonic()
                assert list(received) == []  # ended, not broken off
            rest, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert time.monotonic() - asked < 3
    assert (process.returncode, rest, errors) == (0, "ended\n", "")
