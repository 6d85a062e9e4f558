"""Connections that ask or read too slowly, or are too many: none holds the server.

uvicorn waits for the head of a request as long as it takes, for the rest of a body that was
refused, and for a client that does not read what it asked for. Here each has a time. How long a
body may take that is read is for the gateway and the board to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST: Final = 1_000  # connections; one more is answered 503
_SPARE: Final = 256  # descriptors of log, store and all else
_REASONS = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}


class Connection(H11Protocol):
    """HTTP/1.1 as uvicorn has it, with times for the head of a request and for reading the answer.

    What is refused here has a code as everywhere: "too_slow", "busy", "not_http".
    """

    head_seconds = 20.0  # from the connection, or from the answer before
    write_seconds = 60.0  # in which a client has to read something of what waits for it
    most = MOST

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._late: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, or say that there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._refuse(503, "busy", "too many connections; try again", "retry-after: 1\r\n")
            return
        self._late = self.loop.call_later(self.head_seconds, self._too_late)

    def data_received(self, data: bytes) -> None:
        """Take what came; a head that is complete, and its answer not, waits for nothing more."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE and not self._answered():
            self._wait_no_more()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of a body that nobody reads."""
        super().on_response_complete()
        self._wait_no_more()
        if not self.transport.is_closing() and self._answered():
            self._late = self.loop.call_later(self.head_seconds, self._too_late)

    def pause_writing(self) -> None:
        """The client does not read: for a while."""
        super().pause_writing()
        self._unstick()
        self._stuck = self.loop.call_later(self.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        self._unstick()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, and no time runs any more."""
        self._wait_no_more()
        self._unstick()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP has a code too."""
        self._refuse(400, "not_http", "this is no request of HTTP/1.1, or its head is too large")

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _unstick(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _too_late(self) -> None:
        self._late = None
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE:
            self._refuse(408, "too_slow", "the head of the request took too long")
        elif self._answered():
            self.transport.close()

    def _refuse(self, status: int, code: str, message: str, more: str = "") -> None:
        body = json.dumps({"code": code, "message": f"{message}; nothing was stored"})
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\ncache-control: no-store\r\n"
            f"x-content-type-options: nosniff\r\n{more}\r\n"
        )
        self.transport.write(head.encode() + body.encode())
        self.transport.close()


def limited(most: int) -> type[Connection]:
    """The same for another number of connections.

    >>> limited(7).most
    7
    """
    return type("Limited", (Connection,), {"most": most})


def allowed(most: int = MOST) -> int:
    """How many connections fit, with as many descriptors as the process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + _SPARE
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(most, soft - _SPARE))
