"""A cluster that is broken on purpose: one fault at a time, under load, all counted after each."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from streams.agents.configuration import Configuration
from streams.agents.settling import settle
from streams.agents.verification import verify
from streams.log import open_log
from streams.settings import Settings
from streams.store.store import open_store
from tests import kafka_server, postgres_server
from tests.cluster import Cluster
from tests.deployment import eventually
from tests.faults.load import Sender

PATIENCE = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done and what came of it; seconds from the first moment of the fault.

    `recovered`: until a record that was sent after it was scored; `in_flight`: records that were
    confirmed to their senders and not in the store when it struck; `differences`: of `verify`;
    `missing`: confirmed records that the store does not have.
    """

    number: int
    fault: str
    target: str
    seconds: float
    recovered: float
    in_flight: int
    records: int
    differences: int
    missing: int
    failed: Sequence[str]

    @property
    def harmless(self) -> bool:
        """Whether everything was as it should be afterwards."""
        return not (self.differences or self.missing or self.failed)


class Broken:
    """A broker, a database, the web process, workers and senders, and what strikes them."""

    def __init__(
        self,
        cluster: Cluster,
        broker: kafka_server.Broker,
        database: postgres_server.Server,
        *,
        seed: int,
    ) -> None:
        self.cluster, self.broker, self.database = cluster, broker, database
        self.chance = random.Random(seed)
        self.senders = [
            Sender(cluster, "clinic-a", "reports", seed),
            Sender(cluster, "registry-b", "reports", seed),
            Sender(cluster, "registry-b", "followups", seed),
        ]

    def workers(self) -> list[str]:
        """Those that run."""
        return sorted(name for name in self.cluster.processes if name.startswith("worker"))

    def detecting(self) -> str:
        """The worker that detects now."""
        found: list[str] = []

        def looked() -> bool:
            found[:] = [
                name
                for name in self.workers()
                if "changes/0" in self.cluster.readiness(name).get("assigned", ())
            ]
            return bool(found)

        eventually(looked, "a worker that detects", PATIENCE, pause=0.1)
        return found[0]

    def strike(self, number: int, name: str, fault: Callable[[Broken], str]) -> Fault:
        """Do one fault under load, wait until all is well, and count everything."""
        for sender in self.senders:
            sender.go_on()
        time.sleep(0.5 + self.chance.random())
        in_flight = self._missing()
        began = time.monotonic()
        target = fault(self)
        done = time.monotonic()
        recovered = self._recovered() - began
        for sender in self.senders:
            sender.rest()
        eventually(lambda: all(one.rests() for one in self.senders), "senders to rest", PATIENCE)
        failed, differences = self._verified()
        return Fault(
            number,
            name,
            target,
            round(done - began, 2),
            round(recovered, 2),
            in_flight,
            self._confirmed(),
            differences,
            self._missing(),
            failed,
        )

    def _recovered(self) -> float:
        """When a record that is sent from now on is scored."""
        confirmed = [sender.records for sender in self.senders]

        def confirmed_again() -> bool:
            return all(
                one.records > before or one.unexpected
                for one, before in zip(self.senders, confirmed, strict=True)
            )

        eventually(confirmed_again, "new receipts", PATIENCE, pause=0.1)
        wanted = self._confirmed_keys()
        stored = partial(self._missing, wanted)
        eventually(lambda: not stored(), "confirmed records to be stored", PATIENCE, pause=0.2)
        applied = "SELECT max(applied_at) FROM changes"
        before = self.cluster.scalar(applied) or 0.0
        eventually(
            lambda: (self.cluster.scalar(applied) or 0.0) > before, "scores", PATIENCE, pause=0.1
        )
        return time.monotonic()

    def _confirmed(self) -> int:
        return sum(sender.records for sender in self.senders)

    def _confirmed_keys(self) -> set[Any]:
        return {
            (stream, sender.sender, *rest)
            for sender in self.senders
            for stream, *rest in sender.confirmed.copy()
        }

    def _missing(self, wanted: set[Any] | None = None) -> int:
        """How many confirmed records the store does not have (yet)."""
        wanted = self._confirmed_keys() if wanted is None else wanted
        rows = self.cluster.rows(
            "SELECT c.stream, c.sender, c.report_id, v.version FROM cases c"
            " JOIN versions v ON v.case_id = c.id"
        )
        return len(wanted - set(rows))

    def _verified(self) -> tuple[list[str], int]:
        """What `ketavigil verify` finds, without the start of a process."""
        cluster = self.cluster
        settings = Settings.read(cluster.data, cluster.broker, cluster.store)
        store, log = open_store(cluster.store, create=False), open_log(cluster.broker)
        try:
            settle(settings, store, log, reason="verify", timeout=PATIENCE)
            with store.read() as connection:
                checks = verify(connection, settings, log, Configuration.load(settings))
        finally:
            log.close()
            store.close()
            kafka_server.collect_dropped()
        failed = [check.name for check in checks if not check.holds]
        failed += [text for sender in self.senders for text in sender.unexpected]
        return failed, sum(check.differences for check in checks)


@contextmanager
def broken_cluster(folder: Path, *, seed: int, workers: int = 2) -> Iterator[Broken]:
    """Everything of its own, on free ports of loopback, and gone at the end."""
    (folder / "kafka").mkdir()
    with ExitStack() as stack:
        broker = stack.enter_context(kafka_server.running(folder / "kafka"))
        database = stack.enter_context(postgres_server.running(fsync=True))
        url = f"kafka://{broker.address}"
        cluster = stack.enter_context(Cluster(folder / "data", url, database.url))
        cluster.errors = folder
        cluster.up(workers, web=True)
        broken = Broken(cluster, broker, database, seed=seed)
        for sender in broken.senders:
            sender.start()
        try:
            yield broken
        finally:
            for sender in broken.senders:
                sender.end()
            kafka_server.collect_dropped()


def written(faults: Sequence[Fault], path: Path, *, seed: int) -> None:
    """The report of a run: a line for each fault, and what they amount to."""
    recovered = sorted(one.recovered for one in faults)
    summary = {
        "seed": seed,
        "faults": len(faults),
        "records": faults[-1].records if faults else 0,
        "harmless": sum(one.harmless for one in faults),
        "differences": sum(one.differences for one in faults),
        "missing": sum(one.missing for one in faults),
        "recovered_median": recovered[len(recovered) // 2] if recovered else None,
        "recovered_max": recovered[-1] if recovered else None,
        "in_flight_max": max((one.in_flight for one in faults), default=0),
    }
    lines = [summary, *(asdict(one) for one in faults)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
