"""A large batch of E2B(R3) through the import's way, and the memory that it takes.

The batch is written report by report into a folder of its own, then a process of its own reads,
checks and seals it, and appends it to a log, as `import` does up to the worker. Resident memory is
told at the start, after a quarter of the reports and at the end: it must not grow with the file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from schemas.formats import read
from schemas.formats.icsr.exchange import Exchange
from schemas.formats.writers import WRITERS, Target
from schemas.report import Report
from streams.bench.formats import drawn
from streams.bench.rows import Row, at_most
from streams.importing.sending import Sending
from streams.log import open_log
from streams.master_key import load_sealer
from streams.settings import Settings

DRAWN = 1_000  # reports that differ in content; the others differ in their ids
SLACK = 32.0  # MB that the end may lie over the first quarter


class Memory(NamedTuple):
    """Records that were sent, and the resident memory then in MB, at each of three moments; how
    long it took, and how much of that it had a core.
    """

    start: tuple[int, float]
    quarter: tuple[int, float]
    end: tuple[int, float]
    seconds: float
    of_core: float


def run(folder: Path, records: int, seed: int) -> list[Row]:
    """Rows of a batch of so many reports."""
    path = written(folder, records, seed)
    found = imported(path, folder / "data", records)
    size = path.stat().st_size / 1e6
    rate = records / found.of_core
    grown = found.end[1] - found.quarter[1]
    return [
        Row("large_file", size, "MB", f"{records:,} reports"),
        Row("large_start", found.start[1], "MB", f"{found.start[0]:,} reports sent"),
        Row("large_quarter", found.quarter[1], "MB", f"{found.quarter[0]:,} reports sent"),
        Row("large_end", found.end[1], "MB", f"{found.end[0]:,} reports sent"),
        Row("large_grown", grown, "MB", "the first quarter", **at_most(SLACK, "MB", grown)),
        Row(
            "large_rate",
            rate,
            "reports/s of one core",
            f"{size / found.of_core:.1f} MB/s; {records / found.seconds:,.0f} by the clock",
        ),
    ]


def written(folder: Path, records: int, seed: int) -> Path:
    """A batch of cases that are all their own."""
    # of the least that a message may hold: 8 KB, mostly of what E2B(R3) requires
    least: dict[str, tuple[()]] = {"biomarkers": (), "external_ids": ()}
    reports = [
        one.model_copy(
            update={"products": one.products[:1], "reactions": one.reactions[:1], **least}
        )
        for one in drawn(folder, min(records, DRAWN), seed)
    ]
    path = folder / "large.xml"

    def each() -> Iterator[Report]:
        for i in range(records):
            one = reports[i % len(reports)]
            yield one.model_copy(update={"report_id": f"L-{i}"})

    WRITERS["e2b_r3"](Target(path, Exchange("2025-07-04T10:15:00Z")), each())
    return path


def imported(path: Path, data: Path, records: int) -> Memory:
    """What a process of its own says of sending the file."""
    command = [sys.executable, "-m", "streams.bench.large", str(path), str(data), str(records)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr.strip().splitlines()[-1])
    return Memory(**json.loads(done.stdout))


def send(path: Path, data: Path, records: int) -> Memory:
    """Send a file to the log of a deployment; `AssertionError` where a report is lost."""
    data.mkdir(exist_ok=True)
    settings = Settings.read(data=data)
    log = open_log(settings.broker)
    log.ensure_topics(settings.topics())
    sending = Sending(log, load_sealer(data), settings.partitions())
    marks: list[tuple[int, float]] = []
    first = max(1, records // 100)

    def look() -> None:
        if sending.records in (first, records // 4):
            marks.append((sending.records, resident()))

    began, of_core = time.monotonic(), time.process_time()
    reading = read(path)
    sending.send(reading, look)
    seconds, of_core = time.monotonic() - began, time.process_time() - of_core
    marks.append((sending.records, resident()))
    log.close()
    if sending.records != records or len(marks) != 3:
        raise AssertionError(f"{sending.records} of {records} reports were read")
    return Memory(marks[0], marks[1], marks[2], seconds, of_core)


def resident() -> float:
    """The memory that this process holds now, in MB (Linux)."""
    status = Path("/proc/self/status").read_text()
    held = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return float(held.split()[1]) / 1000


if __name__ == "__main__":
    print(json.dumps(send(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))._asdict()))
