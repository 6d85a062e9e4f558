"""From a file, and from HTTP, to scores: how fast, and how late."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import httpx
from sqlalchemy import func, select
from tqdm import tqdm

from schemas.envelope import decode_change
from schemas.errors import KetavigilError
from streams.agents.running import running_worker
from streams.agents.settling import wait_until
from streams.bench.rows import Row, at_least, at_most, quantile
from streams.gateway.keys import create_key
from streams.settings import Settings
from streams.simulate.clinic import Clinic
from streams.simulate.push import CLINICS, Pusher
from streams.store import tables
from streams.store.store import Store, open_store

SENDER = "bench"
RATE, SECONDS = 200, 30  # live: records a second, seconds
_LIST = 5  # records in one request: each clinic sends ten a second
_WARM_UP = 5  # seconds that are not counted


def run(folder: Path, records: int, seed: int, repeats: int) -> list[Row]:
    """Import `records` reports `repeats` times in turns with the bare loop, then push live."""
    file = folder / "reports.ndjson"
    imported, bare = [], []
    with tqdm(total=2 * repeats + 2, desc="pipeline", unit="step", disable=None) as bar:
        write(file, records, seed)
        bar.update()
        for repeat in range(repeats):
            imported.append(
                records / import_once(file, on_files(folder / f"import-{repeat}"), records)
            )
            bar.update()
            bare.append(records / _bare(file, folder / f"bare-{repeat}"))
            bar.update()
        live = asyncio.run(_live(on_files(folder / f"import-{repeats - 1}"), seed))
        bar.update()
    return [*import_rows(imported, bare), *live_rows(live)]


def write(file: Path, records: int, seed: int) -> None:
    """A clinic's records as NDJSON: versions, repeats, nullifications and slips among them."""
    clinic = Clinic(SENDER, seed, history=records)
    written = 0
    with file.open("wb") as out:
        while written < records:
            for raw in clinic.next(datetime.now(UTC))[: records - written]:
                out.write(raw + b"\n")
                written += 1


def import_rows(imported: list[float], bare: list[float]) -> list[Row]:
    """The rows of imports and bare loops that ran in turns, in reports a second."""
    rate, other = median(imported), median(bare)
    ratios = [a / b for a, b in zip(imported, bare, strict=True)]
    unit = "reports/s"
    return [
        Row(
            "import",
            rate,
            unit,
            f"a bare loop at {other:,.0f} reports/s",
            rate / other,
            (min(imported), max(imported)),
            **at_least(5000, unit, rate),
        ),
        Row(
            "import_ratio",
            median(ratios),
            "of the bare loop",
            None,
            None,
            (min(ratios), max(ratios)),
            **at_least(0.7, "", median(ratios)),
        ),
    ]


def live_rows(live: list[tuple[float, float]]) -> list[Row]:
    """The rows of what was pushed: (when it was taken, seconds from then to its scores)."""
    waits = [wait for _, wait in live]
    first = min(at for at, _ in live)
    tens: dict[int, list[float]] = {}
    for at, wait in live:
        tens.setdefault(int(at - first) // 10, []).append(wait)
    rows = []
    for share in (0.5, 0.99):
        value = quantile(waits, share)
        spread = [quantile(part, share) for part in tens.values()]
        goal = at_most(1, "s", value) if share == 0.99 else {}
        rows.append(
            Row(
                f"live_p{share * 100:g}", value, "s", None, None, (min(spread), max(spread)), **goal
            )
        )
    return [*rows, Row("live_records", len(live), "records scored")]


def on_files(data: Path) -> Settings:
    """A deployment of files in one folder."""
    return Settings(
        data=data, broker=f"sqlite:///{data}/log.db", store=f"sqlite:///{data}/store.db"
    )


def environment(settings: Settings) -> dict[str, str]:
    """Of a process of this deployment, and of no other's."""
    others = {k: v for k, v in os.environ.items() if not k.startswith("KETAVIGIL_")}
    return others | settings.environment()


def import_once(file: Path, settings: Settings, records: int) -> float:
    """The seconds that `ketavigil import` takes with a worker that is there already."""
    assert settings.data is not None
    settings.data.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "streams", "import", str(file), "--sender", SENDER]
    with running_worker(settings):
        began = time.perf_counter()
        done = subprocess.run(
            command, env=environment(settings), capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - began
    if done.returncode:
        raise KetavigilError("import_failed", f"the import failed: {done.stderr.strip()}")
    store = open_store(settings.store)
    try:
        with store.read() as connection:
            held = connection.scalar(select(func.count()).select_from(tables.records))
    finally:
        store.close()
    if held != records:
        raise KetavigilError("records_missing", f"{held} of {records} records are in the store")
    return seconds


def _bare(file: Path, data: Path) -> float:
    """The seconds that a bare loop takes, from its first record to its last score."""
    data.mkdir()
    return bare_seconds("streams.bench.bare", str(file), str(data), SENDER)


def bare_seconds(module: str, *arguments: str) -> float:
    """The seconds that a bare loop prints, in a process of its own."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KetavigilError("bare_failed", f"the bare loop failed: {done.stderr.strip()[-500:]}")
    return float(done.stdout)


async def _live(settings: Settings, seed: int) -> list[tuple[float, float]]:
    """Push to `up` at a steady rate, on top of what is there; when each was taken, and how long
    until it was scored.
    """
    store = open_store(settings.store)
    port = free_port()
    try:
        keys = {name: create_key(store, name) for name in CLINICS}
        with _up(settings, port) as url:
            began = time.time()
            await _push(url, keys, seed)
            wait_until(lambda: _scored(store, began) >= 1, timeout=60, what="scores")
            before = -1
            while (now := _scored(store, began)) != before:
                before = now
                await asyncio.sleep(1)
        with store.read() as connection:
            rows = connection.execute(
                select(tables.changes.c.body, tables.changes.c.applied_at).where(
                    tables.changes.c.applied_at >= began, tables.changes.c.kind == "case"
                )
            ).all()
    finally:
        store.close()
    taken = [(decode_change(body).taken_at, at) for body, at in rows]
    return [(at, scored - at) for at, scored in taken if at >= began + _WARM_UP]


def _scored(store: Store, since: float) -> int:
    with store.read() as connection:
        return int(
            connection.scalar(
                select(func.count())
                .select_from(tables.changes)
                .where(tables.changes.c.applied_at >= since)
            )
            or 0
        )


async def _push(url: str, keys: dict[str, str], seed: int) -> None:
    """Each clinic's share of the rate, by the clock and not by the answers."""
    answers: Counter[str] = Counter()
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:

        async def clinic(name: str) -> None:
            one, pusher = Clinic(name, seed), Pusher(client, keys[name], answers)
            due = asyncio.get_running_loop().time()
            waiting: list[bytes] = []
            sending: set[asyncio.Task[None]] = set()
            for _ in range((SECONDS + _WARM_UP) * RATE // len(CLINICS) // _LIST):
                while len(waiting) < _LIST:
                    waiting += one.next(datetime.now(UTC))
                sending.add(asyncio.create_task(pusher.push("reports", waiting[:_LIST])))
                waiting = waiting[_LIST:]
                due += _LIST * len(CLINICS) / RATE
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            await asyncio.gather(*sending)

        await asyncio.gather(*(clinic(name) for name in CLINICS))


@contextmanager
def _up(settings: Settings, port: int) -> Iterator[str]:
    """`ketavigil up`, with its worker ready."""
    ready = Path(str(settings.data)) / "worker.ready"
    ready.unlink(missing_ok=True)
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "streams", "up", "--port", str(port)],
        env=environment(settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _answers(url) and ready.exists(), timeout=120, what="`up` to be ready")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
