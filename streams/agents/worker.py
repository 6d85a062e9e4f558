"""The worker: the agents in one process; one of them to an embedded store, many to a server."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from schemas.errors import KetavigilError, LogError, StoreError
from schemas.record import STREAMS
from streams.agents import detect, intake
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.disposal import Disposal
from streams.agents.former_life import leave_behind
from streams.agents.health import Health
from streams.agents.outbox import drain, owner
from streams.agents.reader import Reader
from streams.agents.running import lock, mark_ready, unmark_ready
from streams.app import App, create_app, run_app
from streams.log import open_log
from streams.log.base import Log
from streams.master_key import load_sealer
from streams.settings import CHANGES, CONSUMERS, DETECT, Settings
from streams.store.fencing import fence
from streams.store.store import LostPartition, Store, bind_log, open_store, stored_positions

_log = logging.getLogger("ketavigil.worker")
# what goes away by itself; anything else needs a person
_PASSING = frozenset({"gap", "lost_partition", "store_away", "store_conflict", "log_away"})
_LONGEST_PAUSE = 5.0
_SETTLED = 30.0  # seconds after which a run counts as good
# of the groups of workers on Kafka: the shortest session that a broker grants by default
_GROUP = {
    "broker_session_timeout": 6.0,
    "broker_heartbeat_interval": 1.0,
    "broker_rebalance_timeout": 20.0,  # what a worker has in hand may take so long
    "broker_request_timeout": 25.0,  # of a broker that says nothing; to join a group takes that
}
# seconds for apps to stop where one has failed: to end what they are at, or to leave their group
_FINISHING, _LEAVING = 35.0, 6.0


class BeginAnew(Exception):
    """Apps on Kafka failed. Their consumers may go on as members of the groups: the process ends.

    Kafka would give such a member partitions that nobody takes from (seen: for half a minute).
    """


class Worker:
    """What a worker holds open, and one run of its apps."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.settings = settings
        self._say = say
        self._said = False
        if settings.data is not None:
            settings.data.mkdir(parents=True, exist_ok=True)
        self._configuration = Configuration.load(settings)
        self.log: Log = open_log(settings.broker)
        try:
            self.log.ensure_topics(settings.topics())
            self.store: Store = open_store(settings.store, sealer=load_sealer(settings.data))
        except BaseException:
            self.log.close()
            raise

    def close(self) -> None:
        """Let go of log and store."""
        self.log.close()
        self.store.close()

    async def run(self, health: Health, stop: asyncio.Event) -> None:
        """Take what comes until `stop`, or until something fails."""
        log_id = await asyncio.to_thread(self._bind)
        _tune_collector()
        consumers = list(CONSUMERS.values())
        # on Kafka detect is a group of its own: where it goes is not moved by who joins intake
        groups = [[*consumers, DETECT]] if self.settings.embedded else [consumers, [DETECT]]
        with tempfile.TemporaryDirectory(prefix="ketavigil-faust-") as scratch:
            apps = []
            for group in groups:
                name = "ketavigil" if group[0] != DETECT else "ketavigil-detect"
                apps.append(self._app(name, group, Path(scratch), log_id, health))
            if self.settings.broker.startswith("sqlite:"):
                await _run_all(apps, stop, _FINISHING)
                return
            try:
                await _run_all(apps, stop, _LEAVING)
            except Exception as error:
                raise BeginAnew(str(error)) from error

    def _app(self, name: str, group: list[str], scratch: Path, log_id: str, health: Health) -> App:
        """An app whose agents are those of some consumers."""
        topics = {CONSUMERS[stream]: str(stream) for stream in STREAMS} | {DETECT: CHANGES}
        keep = self.settings.log_days * 86_400
        readers = {consumer: Reader(topics[consumer], keep) for consumer in group}
        active = detect.Active(lambda: Detector(self.store, self._configuration, log_id))

        def ours(consumer: str, tps: set[Any] | frozenset[Any]) -> list[tuple[str, int]]:
            return sorted((tp.topic, tp.partition) for tp in tps if tp.topic == topics[consumer])

        def begin(tps: frozenset[Any]) -> None:
            """Nobody else writes for these any more; what was left unsent goes first."""
            for consumer in group:
                mine = ours(consumer, tps)
                if ended := fence(self.store, consumer, mine):
                    _log.warning("%s: %d open transactions of others were ended", consumer, ended)
                drain(self.store, self.log, [owner(consumer, *one) for one in mine])
                if consumer == DETECT and mine:
                    self._tell(active.begin())

        def positions(tps: set[Any]) -> dict[Any, int]:
            found: dict[tuple[str, int], int] = {}
            with self.store.read() as connection:
                for consumer, reader in readers.items():
                    held = stored_positions(connection, consumer)
                    mine = ours(consumer, tps)
                    reader.reset({partition: held.get((topic, partition), 0)
                                  for topic, partition in mine})  # fmt: skip
                    found |= {one: held.get(one, 0) for one in mine}
            return {tp: found.get((tp.topic, tp.partition), 0) for tp in tps}

        async def stored(tps: set[Any]) -> Mapping[Any, int]:
            return await asyncio.to_thread(positions, tps)

        async def assigned(tps: frozenset[Any]) -> None:
            await asyncio.to_thread(begin, tps)
            health.assigned[name] = sorted(f"{tp.topic}/{tp.partition}" for tp in tps)
            if group[0] != DETECT:
                mark_ready(self.settings)
                health.taking = True

        async def revoked(_: frozenset[Any]) -> None:
            health.assigned[name] = []
            active.end()

        app = create_app(
            name=name,
            broker=self.settings.broker,
            datadir=scratch / name,
            stored_positions=stored,
            on_assigned=assigned,
            on_revoked=revoked,
            **({} if self.settings.broker.startswith("sqlite:") else _GROUP),
        )
        for stream in STREAMS:
            consumer = CONSUMERS[stream]
            if consumer in group:
                disposal = Disposal(stream, self.store, self._configuration.vocabulary, log_id)
                intake.register(app, disposal, readers[consumer], store=self.store, log=self.log)
        if DETECT in group:
            detect.register(app, active, readers[DETECT], self.store, self.log)
        return app

    def _tell(self, detector: Detector) -> None:
        if not self._said:
            for line in detector.lines():
                self._say(line)
        self._said = True

    def _bind(self) -> str:
        """Refuse a log that is not the one the store was written from."""
        log_id = self.log.log_id()
        streams = {CONSUMERS[stream]: stream for stream in STREAMS}
        with self.store.write() as connection:
            for name, topic in {**streams, DETECT: CHANGES}.items():
                partitions = 1 if topic == CHANGES else self.settings.partitions()
                ends = {(topic, p): self.log.end(topic, p) for p in range(partitions)}
                bind_log(connection, name, log_id, ends)
            if left := leave_behind(connection, self.log):
                _log.warning("the store is a copy: %d changes of its former life are left", left)
        return log_id


async def _run_all(apps: list[App], stop: asyncio.Event, patience: float) -> None:
    """Run apps until `stop`; where one fails all end, and its error is raised.

    One that does not let go within so many seconds is left behind, with a `TimeoutError`.
    """
    ending = asyncio.Event()
    running = [asyncio.create_task(run_app(app, ending)) for app in apps]
    failing = [asyncio.create_task(app.failed.wait()) for app in apps]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([*running, *failing, stopping], return_when=asyncio.FIRST_COMPLETED)
    ending.set()
    _, pending = await asyncio.wait(running, timeout=None if stop.is_set() else patience)
    for task in (*failing, stopping):
        task.cancel()
    failures = [task.exception() for task in running if task not in pending]
    failures += [app.failure for app in apps]
    found = next((failure for failure in failures if failure is not None), None)
    if isinstance(found, KafkaError):
        raise LogError("log_away", f"the log does not answer: {found}") from found
    if found is not None:
        raise found
    if pending:
        raise TimeoutError("an app does not stop")


def run(
    settings: Settings,
    say: Callable[[str], None] = lambda line: None,
    health: Health | None = None,
) -> None:
    """Run a worker until SIGTERM; what passes by itself is waited for, the rest is raised.

    `say` is told, at the start, each family of sequential evidence with its size; `health` what
    the worker holds open. Raises `StoreError` ("worker_running") where another worker has this
    SQLite store.
    """
    with lock(settings):
        asyncio.run(_keep(settings, say, health or Health()))


async def _keep(settings: Settings, say: Callable[[str], None], health: Health) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    pause, worker = 0.1, None

    try:
        while not stop.is_set():
            began = time.monotonic()
            try:
                if worker is None:
                    worker = await asyncio.to_thread(Worker, settings, say)
                    health.look_at(worker.log, worker.store)
                await worker.run(health, stop)
            except (LostPartition, LogError, StoreError) as error:
                if error.code not in _PASSING:
                    raise
                _log.warning("%s: %s; again in %.1f s", error.code, error, pause)
            except BeginAnew as error:
                if stop.is_set():
                    os._exit(0)  # what is left of an app would keep the process
                cause = error.__cause__
                if isinstance(cause, KetavigilError) and cause.code not in _PASSING:
                    raise cause from None
                if not isinstance(cause, KetavigilError | TimeoutError):
                    raise
                _log.warning("%s; the process begins anew", error)
                begin_anew()
            finally:
                health.taking, health.assigned = False, {}
            if time.monotonic() - began > _SETTLED:
                pause = 0.1
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
    finally:
        unmark_ready(settings)
        if worker is not None:
            worker.close()


def begin_anew() -> None:
    """Become a new process with the same command line; whatever was open is let go of."""
    os.execv(sys.executable, [sys.executable, "-m", "streams", *sys.argv[1:]])


def _tune_collector() -> None:
    """Batches are thousands of small objects without cycles: a full collection finds nothing.

    Measured: with the defaults, collections are 40 % of the time of intake.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
