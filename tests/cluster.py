"""A deployment for tests on Kafka and PostgreSQL: web and any number of workers as processes."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.deployment import Deployment, eventually, free_port
from tests.postgres_server import dsn


class Cluster(Deployment):
    """Processes on one log and one store; `data` holds their master key alone.

    Workers are named `worker-1`, `worker-2` and so on; each answers `/readyz` on a port of its own.
    """

    patience = 180.0  # several start at once, and a broker makes its first groups

    def __init__(self, data: Path, broker: str, store: str, **environment: str) -> None:
        super().__init__(data, KETAVIGIL_BROKER=broker, KETAVIGIL_STORE=store, **environment)
        self.broker, self.store = broker, store
        self.errors = data.parent
        self._ports: dict[str, int] = {}

    def start(self, name: str) -> None:
        """Start `web`, or a worker."""
        if name == "web":
            super().start(name)
            return
        self._ports.setdefault(name, free_port())
        self.launch(name, ["worker", "--port", str(self._ports[name])])

    def launch(self, name: str, arguments: list[str]) -> None:
        """Start a command; what it says goes to a file, where many faults make it say much."""
        with (self.errors / f"{name}.err").open("ab") as err:
            self.processes[name] = subprocess.Popen(
                self.command(*arguments),
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=err,
            )

    def is_ready(self, name: str) -> bool:
        """Whether a process does its work."""
        return self.readiness(name).get("status") == "ready"

    def readiness(self, name: str) -> dict[str, Any]:
        """What a process says on `/readyz`; nothing where it does not answer."""
        port = self.port if name == "web" else self._ports[name]
        try:
            found: dict[str, Any] = httpx.get(
                f"http://127.0.0.1:{port}/readyz", timeout=12, trust_env=False
            ).json()
        except (httpx.TransportError, ValueError):
            return {}
        return found

    def up(self, workers: int = 1, *, web: bool = False) -> Cluster:
        """Start that many workers and wait for all of them."""
        names = [f"worker-{n}" for n in range(1, workers + 1)] + ["web"] * web
        for name in names:
            self.start(name)
        for name in names:
            self.ready(name)
        return self

    def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """What the store says, read past the program."""
        with psycopg.connect(dsn(self.store)) as connection:
            return connection.execute(query.encode(), arguments).fetchall()

    def scalar(self, query: str, *arguments: Any) -> Any:
        """The one value that a query gives."""
        ((value,),) = self.rows(query, *arguments)
        return value

    def settled(self, records: int, *, timeout: float = 120.0) -> None:
        """Wait until that many records are disposed of and their changes are scored."""

        def reached() -> bool:
            if self.scalar("SELECT count(*) FROM records") < records:
                return False
            return not self.rows("SELECT 1 FROM outbox LIMIT 1")

        eventually(reached, f"{records} records", timeout)

    def differing(self) -> Sequence[Any]:
        """The checks of `verify` that do not hold."""
        return [check for check in self.verify()["checks"] if not check["holds"]]
