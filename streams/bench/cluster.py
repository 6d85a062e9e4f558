"""The import on Kafka and PostgreSQL, one worker against two, and a detector's start.

On brokers and a server that are there. Every run has topics of its own, which are deleted after
it, and a database of its own, which is dropped; brokers that hold topics of a deployment are
refused. All run on one machine where the servers do, so that they share its processors: what each
took of them is printed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import httpx
import psycopg
from kafka import KafkaAdminClient
from sqlalchemy import func, select
from tqdm import tqdm

from schemas.errors import InputError, KetavigilError
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.settling import ends, wait_until
from streams.bench.pipeline import (
    SENDER,
    bare_seconds,
    environment,
    free_port,
    import_once,
    on_files,
    write,
)
from streams.bench.processors import busy, seconds
from streams.bench.rows import Row, at_least
from streams.importing.running import open_files
from streams.importing.sending import Sending
from streams.log import open_log
from streams.log.kafka_access import brokers_of
from streams.master_key import load_sealer
from streams.settings import CONSUMERS, Settings
from streams.store import tables
from streams.store.store import open_store, stored_positions

FEWEST = 20_000  # records: with fewer, all wait in one or two steps of each partition
_PATIENCE = 600.0
# a rate is that from the first to the last of these shares of the records, without start and end
_FROM, _TO = 0.1, 0.9


@dataclass(frozen=True, slots=True)
class Intake:
    """How fast workers took in what waited for them, and the processors' seconds meanwhile.

    `seconds` passed; `workers` and `others` are seconds of CPU, of a machine with `processors`.
    """

    rate: float
    seconds: float
    workers: float
    others: float
    processors: int = os.cpu_count() or 1

    @property
    def bound(self) -> float:
        """How many times as fast any number of workers can be: until no processor is idle."""
        return self.processors * self.seconds / max(self.workers + self.others, 1e-9)


def run(folder: Path, settings: Settings, records: int, seed: int, repeats: int) -> list[Row]:
    """Import on the cluster, embedded and in the bare loop in turns; workers; starts."""
    if records < FEWEST:
        raise InputError("too_few_records", f"workers take in {records} at once: {FEWEST} or more")
    refuse_used(settings)
    file = folder / "reports.ndjson"
    cluster: list[float] = []
    embedded: list[float] = []
    bare: list[float] = []
    one: list[Intake] = []
    two: list[Intake] = []
    with tqdm(total=5 * repeats + 2, desc="cluster", unit="step", disable=None) as bar:
        write(file, records, seed)
        bar.update()
        for n in range(repeats):
            embedded.append(records / import_once(file, on_files(folder / f"file-{n}"), records))
            bar.update()
            with fresh(settings, folder / f"cluster-{n}") as own, workers(own, 1):
                cluster.append(records / import_once(file, own, records))
            bar.update()
            with fresh(settings, folder / f"bare-{n}") as own:
                took = bare_seconds(
                    "streams.bench.bare_kafka", str(file), own.broker, own.store, SENDER
                )
                bare.append(records / took)
            bar.update()
            for count, found in ((1, one), (2, two)):
                with fresh(settings, folder / f"workers-{count}-{n}") as own:
                    found.append(intake(file, own, count))
                bar.update()
        loads = {"sqlite": _start(on_files(folder / "file-0"), records)}
        with fresh(settings, folder / "start") as own:
            with workers(own, 1):
                import_once(file, own, records)
            loads["postgresql"] = _start(own, records)
        bar.update()
    return [
        *_import_rows(cluster, embedded, bare),
        *_worker_rows(one, two),
        *(Row(f"start_{name}", rate, "cases/s", None, None, None) for name, rate in loads.items()),
    ]


def refuse_used(settings: Settings) -> None:
    """`InputError` unless brokers and server are there and no deployment's."""
    if not (settings.broker.startswith("kafka:") and settings.store.startswith("postgresql")):
        raise InputError("not_a_cluster", "give --broker kafka://... and --store postgresql+...")
    if held := _topics(settings):
        raise InputError("topics_in_use", f"the brokers hold {', '.join(sorted(held))} already")


@contextmanager
def fresh(settings: Settings, data: Path) -> Iterator[Settings]:
    """A deployment with topics and a database of its own, both gone at the end."""
    data.mkdir()
    name = f"ketavigil_bench_{uuid.uuid4().hex[:12]}"
    base, _, _ = settings.store.rpartition("/")
    server = settings.store.replace("+psycopg", "", 1)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    try:
        own = replace(settings, data=data, store=f"{base}/{name}")
        log = open_log(own.broker)
        try:
            log.ensure_topics(own.topics())
        finally:
            log.close()
        yield own
    finally:
        _forget(settings)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def workers(settings: Settings, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """That many workers, each ready."""
    open_store(settings.store).close()  # the tables, once
    with ExitStack() as stack:
        started = []
        for _ in range(count):
            port = free_port()
            process = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker", "--port", str(port)],
                env=environment(settings),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(_end, process)
            started.append((process, port))
        for process, port in started:
            wait_until(
                lambda process=process, port=port: _ready(process, port),  # type: ignore[misc]
                timeout=120,
                what="a worker to be ready",
            )
        yield [process for process, _ in started]


def intake(file: Path, settings: Settings, count: int) -> Intake:
    """What waits in the topics, taken in by a number of workers that start on it."""
    assert settings.data is not None
    log = open_log(settings.broker)
    try:
        sending = Sending(log, load_sealer(settings.data), settings.partitions())
        for reading in open_files([file], "auto", SENDER):
            sending.send(reading, lambda: None)
        target = sum(ends(settings, log).values())
        with workers(settings, count) as processes:
            store = open_store(settings.store)
            try:

                def done() -> float:
                    with store.read() as connection:
                        held = stored_positions(connection, CONSUMERS["reports"])
                    return sum(held.values()) / target

                # a position moves by some envelopes at once: from one such step to another
                ready = max(done(), _FROM)
                wait_until(
                    lambda: done() > ready or ready >= _TO,
                    timeout=_PATIENCE,
                    what="the first records",
                )
                share, at, before = done(), time.perf_counter(), busy()
                own = sum(map(seconds, processes))
                wait_until(lambda: done() >= _TO, timeout=_PATIENCE, what="the last records")
                taken, passed = (done() - share) * sending.records, time.perf_counter() - at
                used = sum(map(seconds, processes)) - own
                return Intake(taken / passed, passed, used, busy() - before - used)
            finally:
                store.close()
    finally:
        log.close()


def _import_rows(
    cluster: Sequence[float], embedded: Sequence[float], bare: Sequence[float]
) -> list[Row]:
    unit = "reports/s"
    rate, alone, loop = median(cluster), median(embedded), median(bare)
    ratios = [a / b for a, b in zip(cluster, bare, strict=True)]
    return [
        Row(
            "cluster_import",
            rate,
            unit,
            f"embedded at {alone:,.0f} {unit}",
            rate / alone,
            (min(cluster), max(cluster)),
        ),
        Row(
            "cluster_import_ratio",
            median(ratios),
            f"of a bare aiokafka loop at {loop:,.0f} {unit}",
            None,
            None,
            (min(ratios), max(ratios)),
            **at_least(0.7, "", median(ratios)),
        ),
    ]


def _worker_rows(one: Sequence[Intake], two: Sequence[Intake]) -> list[Row]:
    """Two workers against one, and where the processors' time went."""
    ratios = [b.rate / a.rate for a, b in zip(one, two, strict=True)]
    rows = [
        Row(
            "two_workers",
            median(i.rate for i in two),
            "reports/s",
            f"one at {median(i.rate for i in one):,.0f}",
            median(ratios),
            (min(i.rate for i in two), max(i.rate for i in two)),
            **at_least(1.6, "times", median(ratios)),
        )
    ]
    rows.append(
        Row(
            "two_workers_bound",
            median(i.bound for i in one),
            f"times one, where no part of {one[0].processors} processors is idle",
        )
    )
    for name, found in (("one", one), ("two", two)):
        own, others = median(i.workers for i in found), median(i.others for i in found)
        rows += [
            Row(f"cpu_workers_{name}", own, "s of CPU of the workers"),
            Row(f"cpu_others_{name}", others, "s of CPU of broker, database and the rest"),
        ]
    return rows


def _start(settings: Settings, records: int) -> float:
    """Cases a second that a detector counts when it starts on a store."""
    store = open_store(settings.store, create=False)
    try:
        with store.read() as connection:
            cases = connection.scalar(select(func.count()).select_from(tables.cases)) or 0
            log_id = connection.scalar(select(tables.positions.c.log_id).limit(1))
        began = time.perf_counter()
        Detector(store, Configuration.load(), str(log_id))
        return float(cases) / (time.perf_counter() - began)
    finally:
        store.close()


def _topics(settings: Settings) -> set[str]:
    names = {topic.name for topic in settings.topics()}
    with KafkaAdminClient(bootstrap_servers=brokers_of(settings.broker)) as admin:
        return names & set(admin.list_topics())


def _forget(settings: Settings) -> None:
    """Delete the topics of a run, and wait until they are gone."""
    with KafkaAdminClient(bootstrap_servers=brokers_of(settings.broker)) as admin:
        admin.delete_topics(sorted(_topics(settings)))
    wait_until(lambda: not _topics(settings), timeout=60, what="topics to be deleted")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=60)
    process.kill()
    process.wait()


def _ready(process: subprocess.Popen[bytes], port: int) -> bool:
    if process.poll() is not None:
        raise KetavigilError("worker_failed", "a worker could not be started")
    with suppress(httpx.TransportError):
        url = f"http://127.0.0.1:{port}/readyz"
        return httpx.get(url, timeout=12, trust_env=False).status_code == 200
    return False
