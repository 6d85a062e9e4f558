"""Files of each format, made of the same reports: each holds as much of them as the format can."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from schemas.formats.icsr.exchange import Exchange
from schemas.formats.writers import WRITERS, Target
from schemas.report import Report


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
