"""A real PostgreSQL server for tests: on loopback, from the system's package, data in a folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

_STARTING, _STOPPING = 60.0, 30.0  # seconds
_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 60
shared_buffers = 64MB
max_wal_size = 96MB
fsync = {fsync}
"""


class Unavailable(Exception):
    """This machine lacks what the server needs; the message says what."""


class Server:
    """One server, which can be killed, paused and started again; its data stay."""

    def __init__(self, folder: Path, *, fsync: bool) -> None:
        self._folder, self._port = folder, _free_port()
        self._bin = binaries()
        self._user = _user()
        if self._user is not None:
            shutil.chown(folder, self._user)
        data = folder / "data"
        self._run("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        with (data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS.format(port=self._port, fsync="on" if fsync else "off"))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Of loopback."""
        return self._port

    @property
    def url(self) -> str:
        """Of the store in its database `postgres`; `database` makes others."""
        return url_at(self._port)

    def start(self) -> None:
        """Start, and wait until it answers."""
        with (self._folder / "server.out").open("a") as out:
            self.process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._folder / "data"],
                stdout=out,
                stderr=out,
                user=self._user,
                cwd=self._folder,
            )
        deadline = time.monotonic() + _STARTING
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(psycopg.OperationalError), psycopg.connect(dsn(self.url)):
                return
            time.sleep(0.05)
        said = (self._folder / "server.out").read_text()[-2000:]
        raise RuntimeError(f"no PostgreSQL on {self._port}: {said}")

    def signal(self, number: int) -> None:
        """Send a signal to the server and to every process of it."""
        assert self.process is not None
        for pid in [self.process.pid, *_children(self.process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """As a machine does that fails: nothing is written any more."""
        assert self.process is not None
        self.signal(signal.SIGKILL)
        self.process.wait(_STOPPING)

    def stop(self) -> None:
        """End it in order."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)  # "fast": transactions are rolled back
        try:
            self.process.wait(_STOPPING)
        except subprocess.TimeoutExpired:
            self.kill()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._bin / program, *arguments],
            user=self._user,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr[-2000:]}")


@contextmanager
def running(*, fsync: bool = False, folder: Path | None = None) -> Iterator[Server]:
    """A server on a free port, gone with its data at the end; they are in `folder` where given.

    Without `fsync` it is quicker, and as safe against everything but a fall of the whole machine.
    """
    # not in pytest's own folder, which only its user can enter
    with tempfile.TemporaryDirectory(prefix="ketavigil-postgres-") as temporary:
        server = Server(folder or Path(temporary), fsync=fsync)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def database(url: str, template: str = "template1") -> Iterator[str]:
    """The URL of a new database on a server, dropped at the end."""
    name = f"t_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(dsn(url), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield f"{url.rpartition('/')[0]}/{name}"
    finally:
        with psycopg.connect(dsn(url), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def url_at(port: int) -> str:
    """Of a store in the database `postgres` on a port of loopback."""
    return f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"


def dsn(url: str) -> str:
    """The URL of a store as libpq reads it."""
    return url.replace("+psycopg", "", 1)


def binaries() -> Path:
    """Where the newest server of the system's packages is."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if not found and (path := shutil.which("postgres")):
        found = [Path(path)]
    if not found:
        raise Unavailable("no PostgreSQL server is installed, so there is none to test with")
    return max(found, key=lambda path: path.parts).parent


def _user() -> str | None:
    """Who runs it: the server refuses to be root."""
    if os.geteuid() != 0:
        return None
    names = {one.pw_name for one in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _children(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(pid) for pid in children.read_text().split()] if children.exists() else []


def _free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
