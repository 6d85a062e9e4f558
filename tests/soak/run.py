"""A long run on Kafka and PostgreSQL: `python -m tests.soak.run --minutes 120 --rate 60`.

A web process and two workers under a steady load of reports and follow-up records. Prints a line
every few seconds: memory of each process, records that wait, freshness. At the end the lag has to
return to zero and `verify` to find nothing; memory is that of the last quarter of the time
against the second. Exit 1 where it is not flat.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from schemas.envelope import decode_change
from streams.bench.rows import quantile
from tests import kafka_server, postgres_server
from tests.cluster import Cluster
from tests.soak.steady import Steady

STREAMS = ("reports", "followups")
# what memory may have grown between the two quarters: a part, and what a start still adds
FLAT, START = 1.05, 8.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds since the start, MB of each process, records confirmed and not yet disposed of."""

    seconds: float
    memory: dict[str, float]
    waiting: int


@dataclass(slots=True)
class Soak:
    """What a run came to; freshness in seconds, from a receipt to the scores."""

    minutes: float
    records: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    p50: float = math.nan
    p99: float = math.nan
    lag_gone: float = math.inf
    failed: list[str] = field(default_factory=list)

    def memory(self, quarter: int) -> dict[str, float]:
        """Median MB of each process in a quarter of the time, 1 to 4."""
        length = self.minutes * 60 / 4
        some = [
            sample.memory
            for sample in self.samples
            if (quarter - 1) * length <= sample.seconds <= quarter * length
        ]
        return {name: median(one[name] for one in some) for name in some[0]} if some else {}

    @property
    def flat(self) -> bool:
        """Whether no process has grown by more than a start still adds."""
        before, after = self.memory(2), self.memory(4)
        return bool(before) and all(after[name] <= FLAT * mb + START for name, mb in before.items())


def soak(folder: Path, minutes: float, rate: float, seed: int, every: float) -> Soak:
    """Run that long with everything of its own."""
    done = Soak(minutes)
    (folder / "kafka").mkdir()
    with ExitStack() as stack:
        broker = stack.enter_context(kafka_server.running(folder / "kafka"))
        database = stack.enter_context(postgres_server.running(fsync=True))
        url = f"kafka://{broker.address}"
        cluster = stack.enter_context(Cluster(folder / "data", url, database.url))
        cluster.up(2, web=True)
        senders = [Steady(cluster, stream, rate / len(STREAMS), seed) for stream in STREAMS]
        began = time.monotonic()
        for sender in senders:
            sender.start()
        try:
            while (now := time.monotonic() - began) < minutes * 60:
                sample = Sample(round(now, 1), _memory(cluster), _waiting(cluster, senders))
                done.samples.append(sample)
                sys.stdout.write(_line(sample))
                sys.stdout.flush()
                time.sleep(every)
        finally:
            for sender in senders:
                sender.end()
        ended = time.monotonic()
        done.records = sum(sender.confirmed for sender in senders)
        cluster.settled(done.records)
        done.lag_gone = round(time.monotonic() - ended, 2)
        for sender in senders:
            done.refused += sender.refused
        done.p50, done.p99 = _freshness(cluster)
        done.failed = [check["name"] for check in cluster.differing()]
    kafka_server.collect_dropped()
    return done


def _memory(cluster: Cluster) -> dict[str, float]:
    """Resident MB of each process."""
    found = {}
    for name, process in sorted(cluster.processes.items()):
        status = Path(f"/proc/{process.pid}/status").read_text()
        (held,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
        found[name] = round(int(held.split()[1]) / 1024, 1)
    return found


def _waiting(cluster: Cluster, senders: list[Steady]) -> int:
    confirmed = sum(sender.confirmed for sender in senders)
    return max(0, confirmed - int(cluster.scalar("SELECT count(*) FROM records")))


def _freshness(cluster: Cluster) -> tuple[float, float]:
    """Median and 99th percentile of the seconds from a receipt to the scores."""
    waits = [
        applied - decode_change(bytes(body)).taken_at
        for body, applied in cluster.rows(
            "SELECT body, applied_at FROM changes WHERE kind IN ('case', 'course')"
        )
    ]
    return quantile(waits, 0.5), quantile(waits, 0.99)


def _line(sample: Sample) -> str:
    memory = "  ".join(f"{name} {mb:.0f} MB" for name, mb in sample.memory.items())
    return f"{sample.seconds:8.0f} s  {memory}  {sample.waiting} waiting\n"


def main(arguments: list[str] | None = None) -> int:
    """Run, print what it came to, write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.run", description=__doc__)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--rate", type=float, default=60, help="records a second, both streams")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=10, help="seconds between two lines")
    parser.add_argument("--report", type=Path, help="a JSON file with all samples")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and end what was started
    with tempfile.TemporaryDirectory(prefix="ketavigil-soak-") as folder:
        done = soak(Path(folder), given.minutes, given.rate, given.seed, given.every)
    if given.report:
        given.report.write_text(json.dumps(asdict(done), indent=1))
    sys.stdout.write(
        f"records {done.records}, refused {dict(done.refused)}, lag gone after {done.lag_gone} s\n"
        f"freshness: median {done.p50:.2f} s, p99 {done.p99:.2f} s\n"
        f"memory in the second quarter {done.memory(2)}, in the last {done.memory(4)}\n"
        f"flat: {done.flat}; checks of verify that fail: {done.failed}\n"
    )
    return 0 if done.flat and not done.failed else 1


if __name__ == "__main__":
    sys.exit(main())
