"""Reading files of each format, from bytes to records that may enter a batch, on one core.

The same simulated reports in every format, each with as much of them as the format holds. Beside
each stands a bare parse of the same bytes, by the parser that the reader itself is built on or the
one of the standard library: what nobody can be faster than who makes no records of them.
"""

from __future__ import annotations

import csv
import io
import json
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import msgspec
from tqdm import tqdm

from schemas.formats import read
from schemas.formats.icsr.exchange import Exchange
from schemas.formats.writers import WRITERS, Target
from schemas.record import check, checked, report_of_json
from schemas.report import Report
from streams.bench import pipeline
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


def _written(form: str, ending: str) -> Callable[[Path, Sequence[Report]], Path]:
    def make(folder: Path, reports: Sequence[Report]) -> Path:
        path = folder / f"reports{ending}"
        WRITERS[form](Target(path, Exchange("2025-07-04T10:15:00Z")), reports)
        return path

    return make


def _text(name: str, content: Callable[[Sequence[Report]], str]) -> Any:
    def make(folder: Path, reports: Sequence[Report]) -> Path:
        path = folder / name
        path.write_text(content(reports))
        return path

    return make


def _json_list(reports: Sequence[Report]) -> str:
    return f"[{','.join(report.model_dump_json(exclude_defaults=True) for report in reports)}]"


def _basic(text: str) -> str:
    """A date as E2B(R2), FAERS and openFDA have it: 20250703."""
    return text[:10].replace("-", "")


def _r2(reports: Sequence[Report]) -> str:
    out = ["<?xml version='1.0' encoding='UTF-8'?><ichicsr lang='en'>"]
    for one in reports:
        day = _basic(one.received_at)
        drugs = "".join(
            "<drug><drugcharacterization>1</drugcharacterization>"
            f"<medicinalproduct>{_escaped(p.name)}</medicinalproduct></drug>"
            for p in one.products
        )
        reactions = "".join(
            f"<reaction><primarysourcereaction>{_escaped(r.term)}</primarysourcereaction>"
            f"<reactionmeddrapt>{_escaped(r.term)}</reactionmeddrapt></reaction>"
            for r in one.reactions
        )
        out.append(
            f"<safetyreport><safetyreportid>{_escaped(one.report_id)}</safetyreportid>"
            f"<receivedateformat>102</receivedateformat><receivedate>{day}</receivedate>"
            f"<receiptdateformat>102</receiptdateformat><receiptdate>{day}</receiptdate>"
            f"<patient>{reactions}{drugs}</patient></safetyreport>"
        )
    return "".join([*out, "</ichicsr>"])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _openfda(reports: Sequence[Report]) -> str:
    results = [
        {
            "safetyreportid": one.report_id,
            "receiptdate": _basic(one.received_at),
            "patient": {
                "reaction": [{"reactionmeddrapt": r.term} for r in one.reactions],
                "drug": [
                    {"drugcharacterization": "1", "medicinalproduct": p.name} for p in one.products
                ],
            },
        }
        for one in reports
    ]
    return json.dumps({"meta": {}, "results": results})


def _fhir(reports: Sequence[Report]) -> str:
    return "\n".join(
        json.dumps(
            {
                "resourceType": "AdverseEvent",
                "id": str(i),
                "identifier": [{"value": one.report_id}],
                "status": "completed",
                "actuality": "actual",
                "code": {"text": one.reactions[0].term},
                "subject": {"reference": f"Patient/p{i}"},
                "recordedDate": one.received_at,
                "suspectEntity": [
                    {"instanceCodeableConcept": {"text": p.name}} for p in one.products
                ],
            }
        )
        for i, one in enumerate(reports)
    )


def _table(rows: Iterable[Sequence[str]], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _faers_csv(reports: Sequence[Report]) -> str:
    header = (
        "primaryid,caseid,caseversion,fda_dt,init_fda_dt,event_dt,rept_cod,occp_cod,"
        "reporter_country,occr_country,sex,age,age_cod,drugname,pts,outcomes"
    ).split(",")
    rows = [header]
    for i, one in enumerate(reports, 1):
        day, terms = _basic(one.received_at), "|".join(r.term for r in one.reactions)
        known = [f"{i}1", str(i), "1", day, day, "", "EXP", "MD", "US", "US", "F", "50", "YR"]
        rows.append([*known, one.products[0].name, terms, "OT"])
    return _table(rows)


def _faers_ascii(folder: Path, reports: Sequence[Report]) -> Path:
    tables: dict[str, list[list[str]]] = {
        "DEMO": [["primaryid", "caseid", "caseversion", "fda_dt", "rept_cod", "age", "sex"]],
        "DRUG": [["primaryid", "caseid", "drug_seq", "role_cod", "drugname"]],
        "REAC": [["primaryid", "caseid", "pt"]],
        "OUTC": [["primaryid", "caseid", "outc_cod"]],
        "RPSR": [["primaryid", "caseid", "rpsr_cod"]],
        "THER": [["primaryid", "caseid", "dsg_drug_seq", "start_dt"]],
        "INDI": [["primaryid", "caseid", "indi_drug_seq", "indi_pt"]],
    }
    for i, one in enumerate(reports, 1):
        key = [f"{i}1", str(i)]
        tables["DEMO"].append([*key, "1", _basic(one.received_at), "EXP", "", "F"])
        for number, product in enumerate(one.products, 1):
            tables["DRUG"].append([*key, str(number), "PS", product.name])
        tables["REAC"] += [[*key, reaction.term] for reaction in one.reactions]
        tables["OUTC"].append([*key, "OT"])
    path = folder / "faers_ascii_2025q3.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, rows in tables.items():
            text = "".join("$".join(row) + "\n" for row in rows)
            archive.writestr(f"ascii/{name}25Q3.txt", text)
    return path


FILES: dict[str, Callable[[Path, Sequence[Report]], Path]] = {
    "ndjson": _written("ndjson", ".ndjson"),
    "json": _text("reports.json", _json_list),
    "csv": _written("csv", ".csv"),
    "parquet": _written("parquet", ".parquet"),
    "faers_csv": _text("faers.csv", _faers_csv),
    "faers_ascii": _faers_ascii,
    "e2b_r3": _written("e2b_r3", ".xml"),
    "e2b_r2": _text("r2.xml", _r2),
    "openfda": _text("openfda.json", _openfda),
    "fhir": _text("fhir.ndjson", _fhir),
}


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
