"""A gateway on loopback, and what it wrote to its log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.types import ASGIApp

from schemas.envelope import Entry, Envelope, decode_envelope
from streams.cli.web import address, listen
from streams.gateway.gateway import Gateway
from streams.gateway.keys import KeyRole, create_key
from streams.gateway.limits import Limits
from streams.log import Log, open_log
from streams.log.base import Stored
from streams.master_key import load_sealer
from streams.sealing import Sealer
from streams.settings import Settings
from streams.store.store import Store, open_store

SENDER = "clinic-a"


def report(**changes: Any) -> dict[str, Any]:
    """A report that is right, but for what is given."""
    return {
        "sender": SENDER,
        "report_id": "A-1",
        "received_at": "2025-07-03",
        "products": [{"name": "Spravato", "role": "suspect", "dose_mg": 56}],
        "reactions": [{"term": "Dissociation"}],
    } | changes


def dose(**changes: Any) -> dict[str, Any]:
    """A follow-up record that is right, but for what is given."""
    return {
        "registry": SENDER,
        "record_id": "F-1",
        "patient": "p-7",
        "course": "c-1",
        "at": "2025-07-03T10:15:00Z",
        "kind": "dose",
        "product": "Spravato",
        "dose_mg": 56,
    } | changes


@dataclass
class Serving:
    """A gateway that runs."""

    url: str
    settings: Settings
    store: Store
    log: Log
    sealer: Sealer
    registry: CollectorRegistry

    def client(
        self, name: str = SENDER, role: KeyRole = "registry", timeout: float = 30
    ) -> httpx.Client:
        """A client with a new key of that sender."""
        key = create_key(self.store, name, role)
        headers = {"authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=timeout, trust_env=False)

    def stored(self, stream: str = "reports") -> list[Stored]:
        """Every message of a topic."""
        return [
            message
            for partition in range(self.settings.partitions())
            for message in self.log.read(stream, partition, 0, 100_000)
        ]

    def envelopes(self, stream: str = "reports") -> list[Envelope]:
        """Every envelope of a topic."""
        return [decode_envelope(message.value or b"") for message in self.stored(stream)]

    def entries(self, stream: str = "reports") -> list[Entry]:
        """Every record of a topic, in the order of the request."""
        found = [entry for envelope in self.envelopes(stream) for entry in envelope.records]
        return sorted(found, key=lambda entry: (entry.taken_at, entry.index))

    def raw(self, entry: Entry) -> bytes:
        """The bytes of a record as they were sent."""
        return self.sealer.open(entry.sealed, entry.wrapped_key)

    def refused(self, reason: str) -> float | None:
        """How many requests were refused for a reason."""
        return self.registry.get_sample_value("ketavigil_refusals_total", {"reason": reason})


@contextmanager
def serving(data: Path, limits: Limits | None = None) -> Iterator[Serving]:
    """A gateway over the log and store of a directory."""
    settings = Settings.read(data=data)
    sealer = load_sealer(data)
    store = open_store(settings.store)
    log = open_log(settings.broker)
    log.ensure_topics(settings.topics())
    registry = CollectorRegistry()
    gateway = Gateway(
        store=store,
        log=log,
        sealer=sealer,
        partitions=settings.partitions(),
        registry=registry,
        limits=limits,
    )
    try:
        with running(Starlette(routes=gateway.routes())) as url:
            yield Serving(url, settings, store, log, sealer, registry)
    finally:
        gateway.close()
        log.close()
        store.close()


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """An application on a free port of loopback, in a thread; its URL."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(app, http="h11", ws="none", log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.01)
    try:
        yield address(listening).rstrip("/")
    finally:
        server.should_exit = True
        thread.join(15)
        listening.close()
    assert not thread.is_alive()
