"""A proxy between a deployment and its database, which can cut a connection as it commits."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_COMMIT = b"COMMIT\0"  # as libpq sends the statement
_CHUNK = 1 << 16
BEFORE, AFTER = "before", "after"


class Proxy:
    """Passes on what comes on a port of loopback; told to, it cuts the next commits.

    `BEFORE`: the database never hears of the commit. `AFTER`: it commits, and its answer is lost.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._when, self._left, self.cut = BEFORE, 0, 0
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def cut_commits(self, when: str, count: int) -> None:
        """Cut that many of the commits that come from now on; 0: no more."""
        with self._lock:
            self._when, self._left = when, count

    def close(self) -> None:
        """Take no more connections, and end those that are open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for a connection
        self._listener.close()
        for one in list(self._open):
            _end(one)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._to), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open |= {client, server}
            lost = threading.Event()
            for work, ends in ((self._ask, (client, server)), (self._answer, (server, client))):
                threading.Thread(target=work, args=(*ends, lost), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                when = self._cutting() if _COMMIT in data else None
                if when == BEFORE:
                    break
                if when == AFTER:
                    lost.set()  # the answer is not passed on
                server.sendall(data)
        if not lost.is_set():
            self._both(client, server)

    def _answer(self, server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(_CHUNK):
                if lost.is_set():
                    break
                client.sendall(data)
        self._both(client, server)

    def _cutting(self) -> str | None:
        with self._lock:
            if not self._left:
                return None
            self._left -= 1
            self.cut += 1
            return self._when

    def _both(self, *ends: socket.socket) -> None:
        for one in ends:
            _end(one)
            self._open.discard(one)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """A proxy to a port of loopback, closed at the end."""
    running = Proxy(port)
    try:
        yield running
    finally:
        running.close()
