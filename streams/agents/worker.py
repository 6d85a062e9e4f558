"""The worker: the three agents in one process, one worker to an embedded store."""

from __future__ import annotations

import asyncio
import gc
import logging
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from schemas.errors import LogError, StoreError
from schemas.record import STREAMS
from streams.agents import detect, follow_up, intake
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.disposal import Disposal
from streams.agents.outbox import drain, owner
from streams.agents.reader import Reader
from streams.agents.running import lock, mark_ready, unmark_ready
from streams.agents.signals import OWNER
from streams.app import create_app, run_app
from streams.log import open_log
from streams.log.base import Log
from streams.settings import CHANGES, CONSUMERS, DETECT, Settings
from streams.store.store import (
    LostPartition,
    Store,
    bind_log,
    open_store,
    stored_positions,
)

_log = logging.getLogger("ketavigil.worker")
# what goes away by itself; anything else needs a person
_PASSING = frozenset({"gap", "lost_partition", "store_away", "log_away"})
_LONGEST_PAUSE = 30.0


class Worker:
    """What a worker holds open, and one run of its app."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.settings = settings
        self._say = say
        if settings.data is not None:
            settings.data.mkdir(parents=True, exist_ok=True)
        self.log: Log = open_log(settings.broker)
        self.log.ensure_topics(settings.topics())
        self.store: Store = open_store(settings.store)
        self._configuration = Configuration.load(settings)

    def close(self) -> None:
        """Let go of log and store."""
        self.log.close()
        self.store.close()

    def _owners(self, consumer: str, topic: str) -> list[str]:
        return [owner(consumer, topic, p) for p in range(self.settings.partitions())]

    async def run(self, ready: Callable[[], None], stop: asyncio.Event | None = None) -> None:
        """Take what comes until SIGTERM, or until something fails."""
        log_id = await asyncio.to_thread(self._bind)
        consumers = {CONSUMERS[stream]: stream for stream in STREAMS}
        readers = {name: Reader(topic) for name, topic in consumers.items()}
        readers[DETECT] = Reader(CHANGES)

        def positions() -> dict[tuple[str, int], int]:
            found: dict[tuple[str, int], int] = {}
            with self.store.read() as connection:
                for name in readers:
                    found |= stored_positions(connection, name)
            return found

        async def stored(tps: set[Any]) -> Mapping[Any, int]:
            held = await asyncio.to_thread(positions)
            for reader in readers.values():
                reader.reset({p: at for (topic, p), at in held.items() if topic == reader.topic})
            return {tp: held.get((tp.topic, tp.partition), 0) for tp in tps}

        async def assigned(_: frozenset[Any]) -> None:
            owners = [one for name, topic in consumers.items() for one in self._owners(name, topic)]
            await asyncio.to_thread(drain, self.store, self.log, [*owners, OWNER])
            ready()

        with tempfile.TemporaryDirectory(prefix="ketavigil-faust-") as scratch:
            app = create_app(
                name="ketavigil",
                broker=self.settings.broker,
                datadir=Path(scratch),
                stored_positions=stored,
                on_assigned=assigned,
            )
            for stream in STREAMS:
                module = intake if stream == "reports" else follow_up
                name = CONSUMERS[stream]
                disposal = Disposal(stream, self.store, self._configuration.vocabulary, log_id)
                owners = self._owners(name, stream)
                module.register(
                    app, disposal, readers[name], store=self.store, log=self.log, owners=owners
                )
            detector = await asyncio.to_thread(Detector, self.store, self._configuration, log_id)
            for line in detector.lines():
                self._say(line)
            _tune_collector()
            detect.register(app, detector, readers[DETECT], self.store, self.log)
            await run_app(app, stop)

    def _bind(self) -> str:
        """Refuse a log that is not the one the store was written from."""
        log_id = self.log.log_id()
        streams = {CONSUMERS[stream]: stream for stream in STREAMS}
        with self.store.write() as connection:
            for name, topic in {**streams, DETECT: CHANGES}.items():
                partitions = 1 if topic == CHANGES else self.settings.partitions()
                ends = {(topic, p): self.log.end(topic, p) for p in range(partitions)}
                bind_log(connection, name, log_id, ends)
        return log_id


def run(settings: Settings, say: Callable[[str], None] = lambda line: None) -> None:
    """Run a worker until SIGTERM; what passes by itself is waited for, the rest is raised.

    `say` is told, at the start, each family of sequential evidence with its size. Raises
    `StoreError` ("worker_running") where another worker has this store.
    """
    with lock(settings):
        worker = Worker(settings, say)
        pause = 0.1
        try:
            while True:
                began = time.monotonic()
                try:
                    asyncio.run(worker.run(lambda: mark_ready(settings)))
                    return
                except (LostPartition, LogError, StoreError) as error:
                    if error.code not in _PASSING:
                        raise
                    _log.warning("%s: %s; again in %.1f s", error.code, error, pause)
                if time.monotonic() - began > _LONGEST_PAUSE:
                    pause = 0.1
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            unmark_ready(settings)
            worker.close()


def _tune_collector() -> None:
    """Batches are thousands of small objects without cycles: a full collection finds nothing.

    Measured: with the defaults, collections are 40 % of the time of intake.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
