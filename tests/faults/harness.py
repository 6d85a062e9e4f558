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
from tempfile import TemporaryDirectory
from typing import Any

from schemas.errors import KetavigilError
from streams.agents.configuration import Configuration
from streams.agents.rebuild import rebuild
from streams.agents.settling import settle
from streams.agents.verification import verify
from streams.log import open_log
from streams.master_key import load_sealer
from streams.settings import Settings
from streams.store.retrying import AWAY
from streams.store.store import open_store
from tests import kafka_server, postgres_server, small_disk
from tests.cluster import Cluster
from tests.deployment import eventually
from tests.faults.load import Sender
from tests.faults.proxy import Proxy, proxy
from tests.small_disk import Disk

PATIENCE = 240.0  # seconds; a machine that others use too is slow
LACKING = (kafka_server.Unavailable, postgres_server.Unavailable, small_disk.Unavailable)
_DATABASE, _BROKER = 768, 512  # megabytes of the disk of each


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done and what came of it; seconds from the first moment of the fault.

    `recovered`: until a record that was sent after it was scored; `in_flight`: records that were
    confirmed to their senders and not in the store when it struck; `differences`: of `verify` (live
    and batch) and of `rebuild` (live and the records as received); `missing`: confirmed records
    that the store does not have.
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
    """Brokers, a database, the web process, workers and senders, and what strikes them."""

    def __init__(
        self,
        cluster: Cluster,
        brokers: Sequence[kafka_server.Broker],
        database: postgres_server.Server,
        proxy: Proxy,
        disks: dict[str, Disk],
        *,
        seed: int,
    ) -> None:
        self.cluster, self.brokers, self.database = cluster, brokers, database
        self.proxy, self.disks = proxy, disks
        self.chance = random.Random(seed)
        self._turn = self.chance.randrange(len(brokers))
        self.senders = [
            Sender(cluster, "clinic-a", "reports", seed),
            Sender(cluster, "registry-b", "reports", seed),
            Sender(cluster, "registry-b", "followups", seed),
        ]

    def next_broker(self) -> int:
        """The number of one of the brokers, each in turn."""
        self._turn = (self._turn + 1) % len(self.brokers)
        return self._turn

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
        recovered = self.recovered() - began
        for sender in self.senders:
            sender.rest()
        eventually(lambda: all(one.rests() for one in self.senders), "senders to rest", PATIENCE)
        failed, differences = self._verified(time.monotonic() + PATIENCE)
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

    def recovered(self) -> float:
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

    def _verified(self, until: float) -> tuple[list[str], int]:
        """What `verify` and `rebuild` find, once log and store answer whoever asks."""
        while True:
            try:
                return self._verified_now()
            except KetavigilError as error:
                if error.code not in AWAY or time.monotonic() > until:
                    raise

    def _verified_now(self) -> tuple[list[str], int]:
        cluster = self.cluster
        settings = Settings.read(cluster.data, cluster.broker, cluster.store)
        sealer = load_sealer(cluster.data)
        store = open_store(cluster.store, create=False, sealer=sealer)
        log = open_log(cluster.broker)
        try:
            settle(settings, store, log, reason="verify", timeout=PATIENCE)
            configuration = Configuration.load(settings)
            with store.read() as connection, TemporaryDirectory() as folder:
                checks = verify(connection, settings, log, configuration, sealer=sealer)
                checks += rebuild(connection, configuration, sealer, Path(folder))
        finally:
            log.close()
            store.close()
            kafka_server.collect_dropped()
        failed = [check.name for check in checks if not check.holds]
        failed += [text for sender in self.senders for text in sender.unexpected]
        return failed, sum(check.differences for check in checks)


@contextmanager
def broken_cluster(
    folder: Path, *, seed: int, workers: int = 2, brokers: int = 3
) -> Iterator[Broken]:
    """Everything of its own, on free ports of loopback, and gone at the end.

    The database and the brokers have small disks; processes reach the database through a proxy.
    """
    with ExitStack() as stack:
        # not in pytest's own folder, which only its user can enter
        mounts = Path(stack.enter_context(TemporaryDirectory(prefix="ketavigil-disks-")))
        mounts.chmod(0o755)
        names = {f"kafka-{n}": _BROKER for n in range(1, brokers + 1)} | {"postgresql": _DATABASE}
        disks = {
            name: stack.enter_context(small_disk.mounted(mounts / name, size))
            for name, size in names.items()
        }
        logs = [disk.folder for name, disk in disks.items() if name != "postgresql"]
        running = stack.enter_context(kafka_server.cluster(logs))
        database = stack.enter_context(
            postgres_server.running(fsync=True, folder=disks["postgresql"].folder)
        )
        between = stack.enter_context(proxy(database.port))
        url = "kafka://" + ";".join(broker.address for broker in running)
        copies = {"KETAVIGIL_KAFKA_COPIES": str(brokers)}
        cluster = stack.enter_context(Cluster(folder / "data", url, database.url, **copies))
        cluster.environment["KETAVIGIL_STORE"] = postgres_server.url_at(between.port)
        cluster.errors = folder
        cluster.up(workers, web=True)
        broken = Broken(cluster, running, database, between, disks, seed=seed)
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
