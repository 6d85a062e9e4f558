"""What a worker says of itself over HTTP: `/healthz` that it lives, `/readyz` that it works.

`/metrics` says the same to Prometheus, with the memory and the processor's time of the process.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from schemas.errors import InputError, LogError, StoreError
from streams.log.base import Log
from streams.settings import REPORTS
from streams.store.store import Store

_PATIENCE = 5.0  # seconds until what does not answer is away


class Health:
    """Whether a worker takes what comes, and whether its log and its store can be used now.

    `assigned` tells which partitions are its own now; it detects where `changes/0` is one of them.
    """

    def __init__(self) -> None:
        self.taking = False
        self.assigned: dict[str, list[str]] = {}  # by group: topic/partition
        self._log: Log | None = None
        self._store: Store | None = None
        self._asking = ThreadPoolExecutor(2, thread_name_prefix="health")
        self._lock = threading.Lock()

    def look_at(self, log: Log, store: Store) -> None:
        """Ask these from now on."""
        self._log, self._store = log, store

    def look(self) -> dict[str, bool]:
        """`taking`, `log` and `store`; one that does not answer within five seconds is away."""
        with self._lock:  # what hangs is asked once, not once for each who wants to know
            asked = {
                name: self._asking.submit(answers)
                for name, answers in (("log", self._log_answers), ("store", self._store_answers))
            }
            found = {"taking": self.taking}
            for name, answer in asked.items():
                try:
                    found[name] = answer.result(_PATIENCE)
                except TimeoutError:
                    found[name] = False
                    answer.cancel()
            return found

    def partitions(self) -> list[str]:
        """Those that are its own now, as topic/partition."""
        return sorted(one for group in self.assigned.values() for one in group)

    def _log_answers(self) -> bool:
        try:
            return self._log is not None and self._log.end(REPORTS, 0) >= 0
        except LogError:
            return False

    def _store_answers(self) -> bool:
        try:
            return self._store is not None and bool(self._store.id())
        except StoreError:
            return False


class _Metrics(Collector):
    """What a worker's own metrics are; what it takes and scores is told by the web process."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found = self._health.look()
        taking = found.pop("taking")
        yield GaugeMetricFamily(
            "ketavigil_worker_taking", "1 while this worker takes what comes.", value=taking
        )
        parts = GaugeMetricFamily(
            "ketavigil_worker_reachable", "1 where this worker reaches a part.", labels=["part"]
        )
        for part, answers in found.items():
            parts.add_metric([part], answers)
        yield parts
        held = GaugeMetricFamily(
            "ketavigil_worker_partitions",
            "Partitions of a topic that are this worker's now; it detects where it has changes.",
            labels=["topic"],
        )
        topics = Counter(one.rpartition("/")[0] for one in self._health.partitions())
        for topic, count in sorted(topics.items()):
            held.add_metric([topic], count)
        yield held


@contextmanager
def serving(health: Health, host: str, port: int) -> Iterator[int]:
    """Answer on a port (0: any that is free) until the end; yields it.

    Raises `InputError` ("port_in_use").
    """

    registry = CollectorRegistry()
    registry.register(_Metrics(health))
    ProcessCollector(registry=registry)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._answer(200, {"status": "ok"})
            elif self.path == "/readyz":
                found = health.look()
                ready = all(found.values())
                said: dict[str, Any] = {"status": "ready" if ready else "not ready", **found}
                said["assigned"] = health.partitions()
                self._answer(200 if ready else 503, said)
            elif self.path == "/metrics":
                self._send(200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry))
            else:
                self._answer(404, {"status": "not found"})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            self._send(status, "application/json", json.dumps(body).encode())

        def _send(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Requests are not logged."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise InputError("port_in_use", f"cannot listen on {host}:{port}: {error}") from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
