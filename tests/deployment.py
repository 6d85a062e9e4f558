"""A deployment for tests: real processes on loopback, to be pushed to, killed and verified."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import httpx

PATIENCE = 60.0  # seconds; two cores are shared with the rest of the test run


def eventually(
    reached: Callable[[], bool], what: str, timeout: float = PATIENCE, *, pause: float = 0.02
) -> None:
    """Wait for something, or fail saying what did not come."""
    until = time.monotonic() + timeout
    while not reached():
        assert time.monotonic() < until, f"waited {timeout:.0f} s for {what}"
        time.sleep(pause)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Deployment:
    """Web and worker as processes of their own on one data directory."""

    patience = PATIENCE  # for a process to be ready

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        clean = {k: v for k, v in os.environ.items() if not k.startswith("KETAVIGIL_")}
        self.environment = clean | {"KETAVIGIL_DATA": str(data)} | environment

    def command(self, *arguments: str) -> list[str]:
        """The command line of `ketavigil`."""
        return [sys.executable, "-m", "streams", *arguments]

    def run(
        self, *arguments: str, status: int = 0, timeout: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == status, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def start(self, name: str) -> None:
        """Start `web` or `worker`; `ready` waits for it."""
        if name == "worker":
            (self.data / "worker.ready").unlink(missing_ok=True)
        self.launch(name, ["web", "--port", str(self.port)] if name == "web" else [name])

    def launch(self, name: str, arguments: list[str]) -> None:
        """Start a command as the process of a name."""
        self.processes[name] = subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def ready(self, name: str) -> None:
        """Wait until a process does its work."""
        self.eventually_alive(name, self.is_ready)

    def eventually_alive(self, name: str, reached: Callable[[str], bool]) -> None:
        """Wait for a process to reach a state, or fail with what it said last."""

        def check() -> bool:
            process = self.processes[name]
            if process.poll() is not None:
                said = process.stderr.read().decode() if process.stderr else ""
                raise AssertionError(f"{name} ended: {said}")
            return reached(name)

        eventually(check, f"{name} to be ready", self.patience)

    def is_ready(self, name: str) -> bool:
        """Whether a process does its work."""
        if name == "worker":
            return (self.data / "worker.ready").exists()
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def up(self) -> Deployment:
        """Start both and wait for them."""
        for name in ("web", "worker"):
            self.start(name)
        for name in ("web", "worker"):
            self.ready(name)
        return self

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """End a process by a signal, and wait until it is gone."""
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait(timeout=PATIENCE)
        if process.stderr is not None:
            process.stderr.close()

    def stop(self) -> None:
        """End what runs, in order."""
        for name in list(self.processes):
            self.kill(name, signal.SIGTERM)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.kill(name)

    @property
    def url(self) -> str:
        """Where the web process listens."""
        return f"http://127.0.0.1:{self.port}"

    def key(self, name: str) -> str:
        """A new key for a sender."""
        return self.run("key", "create", "--name", name).stdout.strip()

    def push(
        self,
        key: str,
        records: Iterable[Any] | bytes,
        *,
        stream: str = "reports",
        kind: str = "application/json",
    ) -> httpx.Response:
        """Push records (a list, sent as JSON) or a body as it is."""
        body = records if isinstance(records, bytes) else json.dumps(list(records)).encode()
        return httpx.post(
            f"{self.url}/v1/{stream}",
            content=body,
            headers={"Authorization": f"Bearer {key}", "Content-Type": kind},
            timeout=30,
        )

    def receipt(self, key: str, receipt_id: str) -> Any:
        """What became of the records of a request."""
        answer = httpx.get(
            f"{self.url}/v1/receipts/{receipt_id}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def verify(self, status: int = 0) -> dict[str, Any]:
        """What `ketavigil verify` says."""
        found: dict[str, Any] = json.loads(self.run("verify", "--json", status=status).stdout)
        return found


def report(sender: str, report_id: str, **fields: Any) -> dict[str, Any]:
    """A report that is in order, but for what is given."""
    return {
        "sender": sender,
        "report_id": report_id,
        "received_at": "2025-07-03",
        "report_type": "spontaneous",
        "country": "US",
        "patient": {"age_years": 44, "sex": "female"},
        "products": [{"name": "Spravato", "role": "suspect", "route": "intranasal"}],
        "reactions": [{"term": "Dissociation"}],
    } | fields
