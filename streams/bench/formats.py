"""Reading files of each format, from bytes to records that may enter a batch, on one core.

The same simulated reports in every format, each with as much of them as the format holds. Beside
each stands a bare parse of the same bytes, by the parser that the reader itself is built on or the
one of the standard library: what nobody can be faster than who makes no records of them.
"""

from __future__ import annotations

import csv
import io
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from zipfile import ZipFile

import msgspec
from tqdm import tqdm

from schemas.formats import read
from schemas.record import check, checked, report_of_json
from schemas.report import Report
from streams.bench import pipeline
from streams.bench.format_files import FILES
from streams.bench.rows import Row, at_least

GOALS = {"e2b_r3": 2000.0}
REPEATS = 3
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def run(folder: Path, records: int, seed: int) -> list[Row]:
    """Rows of every format; the reports are those of a simulated clinic."""
    reports = drawn(folder, records, seed)
    rows: list[Row] = []
    with tqdm(total=len(FILES), desc="formats", disable=None, leave=False) as bar:
        for form, make in FILES.items():
            path = make(folder, reports)
            rows += measured(form, path, len(reports))
            path.unlink()
            bar.update()
    return rows


def drawn(folder: Path, records: int, seed: int) -> list[Report]:
    """So many active reports, each of a case of its own."""
    file = folder / "drawn.ndjson"
    pipeline.write(file, records * 2, seed)
    out: dict[str, Report] = {}
    with file.open("rb") as lines:
        for line in lines:
            if b'"reactions"' not in line:
                continue
            try:
                report = report_of_json(line)
            except Exception:
                continue  # the slips of the simulated clinic
            if report.status == "active" and report.products and report.reactions:
                out.setdefault(report.report_id, report)
    file.unlink()
    return list(out.values())[:records]


def measured(form: str, path: Path, count: int) -> list[Row]:
    """Speed of a reader and of the bare parse, in turns."""
    own, bare = [], []
    for _ in range(REPEATS):
        own.append(_timed(lambda: _read(form, path, count)))
        bare.append(_timed(lambda: BARE[form](path)))
    rate = count / median(own)
    spread = count / max(own), count / min(own)
    against = f"a bare parse at {count / median(bare):,.0f} reports/s"
    ratio = median(bare) / median(own)
    goal = at_least(GOALS[form], "reports/s", rate) if form in GOALS else {}
    size = path.stat().st_size / 1e6
    return [
        Row(f"read_{form}", rate, "reports/s", against, ratio, spread, **goal),
        Row(f"read_{form}_bytes", size / median(own), "MB/s", f"{size:.1f} MB", None, None),
    ]


def _timed(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _read(form: str, path: Path, count: int) -> None:
    """As an import does, up to the envelope."""
    accepted = 0
    for record in read(path, form):
        if record.report is not None:
            checked(record.stream, record.report, sender=record.sender, taken_at=NOW)
        elif not record.faults:
            check(record.stream, record.raw, sender=record.sender, taken_at=NOW)
        else:
            raise AssertionError(f"{record.where}: {record.faults}")
        accepted += 1
    if accepted != count:
        raise AssertionError(f"{accepted} of {count} reports were read")


def _bare_xml(path: Path) -> None:
    for _, element in ET.iterparse(path):  # of a file that was written above
        element.clear()


def _bare_lines(path: Path) -> None:
    decode = msgspec.json.Decoder().decode
    with path.open("rb") as lines:
        for line in lines:
            decode(line)


def _bare_csv(path: Path) -> None:
    with path.open(newline="") as file:
        for _ in csv.reader(file):
            pass


def _bare_zip(path: Path) -> None:
    with ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                for _ in csv.reader(io.TextIOWrapper(member), delimiter="$"):
                    pass


def _bare_parquet(path: Path) -> None:
    from pyarrow import parquet

    parquet.read_table(path).to_pylist()


def _bare_json(path: Path) -> None:
    msgspec.json.decode(path.read_bytes())


BARE: dict[str, Callable[[Path], None]] = {
    "ndjson": _bare_lines,
    "json": _bare_json,
    "csv": _bare_csv,
    "parquet": _bare_parquet,
    "faers_csv": _bare_csv,
    "faers_ascii": _bare_zip,
    "e2b_r3": _bare_xml,
    "e2b_r2": _bare_xml,
    "openfda": _bare_json,
    "fhir": _bare_lines,
}
