"""`ketavigil web`: the gateway and the board."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from pathlib import Path

import click
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import InputError
from streams.cli.options import deployment
from streams.gateway.connections import allowed, limited
from streams.gateway.limits import Limits
from streams.settings import Settings

_STOPPING = 5  # seconds that requests in work get at the end


@click.command(short_help="The gateway and the board.")
@deployment
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="0 takes a free one.")
@click.option(
    "--rate",
    default=Limits().rate,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Requests a second that one key may make.",
)
@click.option("--demo", type=click.Path(path_type=Path), hidden=True)
def command(settings: Settings, host: str, port: int, rate: float, demo: Path | None) -> None:
    """Take records over HTTP, and show the board.

    Runs until it is told to stop (SIGTERM or Ctrl-C), then finishes what it has begun.
    """
    from dashboards.web import create_web

    listening = listen(host, port)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("ketavigil").setLevel(logging.INFO)
    app = create_web(settings, Limits(rate=rate, burst=2 * rate), demo)
    print(f"ketavigil web: {address(listening)}", flush=True)
    serve(app, listening)


def listen(host: str, port: int) -> socket.socket:
    """A socket on this address; `InputError` ("port_taken") where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # said in full: for a socket of protocol 0, asyncio leaves out TCP_NODELAY, and every answer
    # then waits 40 ms for an acknowledgement
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError("port_taken", f"cannot listen on {host}:{port}: {reason}") from None
    listening.listen(1024)
    return listening


def address(listening: socket.socket) -> str:
    """The URL of a socket that listens."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Serve until a signal to stop, then end in order.

    The log of requests is the application's own: uvicorn's would hold paths and queries.
    """
    ending = _Ending(app)
    config = uvicorn.Config(
        ending,
        http=limited(allowed()),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOPPING,
    )
    # uvicorn raises the signal again when it has stopped, to whoever had it before
    before = {number: signal.signal(number, _nothing) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        _Server(config, ending).run(sockets=[listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(*_: object) -> None:
    pass


class _Ending:
    """Tells requests that were read to their end, and are still open when the process is asked to
    stop, that their client has gone: pages that listen for news would never end by themselves.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.asked = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read = begun = ended = False

        async def receiving() -> Message:
            nonlocal read
            if not read:
                message = await receive()
                read = not message.get("more_body")
                return message
            gone = asyncio.ensure_future(receive())
            asked = asyncio.ensure_future(self.asked.wait())
            try:
                await asyncio.wait({gone, asked}, return_when=asyncio.FIRST_COMPLETED)
                return gone.result() if gone.done() else {"type": "http.disconnect"}
            finally:
                gone.cancel()
                asked.cancel()

        async def sending(message: Message) -> None:
            nonlocal begun, ended
            begun = True
            ended = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        await self._app(scope, receiving, sending)
        if self.asked.is_set() and begun and not ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ending: _Ending) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending.asked.set()
        await super().shutdown(sockets)
