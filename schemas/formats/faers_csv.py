"""`faers_csv`: FAERS cases as one table, a row a case version.

Columns: primaryid, caseid, caseversion, fda_dt, init_fda_dt, event_dt, rept_cod, occp_cod,
reporter_country, occr_country, sex, age, age_cod, drugname, pts, outcomes; `pts` and `outcomes`
hold several values, separated by a bar.

The case is `caseid`, its version `caseversion`, the information date `fda_dt`. There is no column
of roles, so the role of the drug is unknown. Seriousness and onset are known of the case alone
and stand on every reaction; so no reaction is said to have been fatal, though the case can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.formats import codes
from schemas.formats.building import built, faulty, raw_of, values_of
from schemas.formats.source import Source, SourceRecord
from schemas.formats.tables import rows

NEEDED = frozenset({"primaryid", "caseid", "caseversion", "fda_dt", "drugname", "pts"})


def records(source: Source) -> Iterator[SourceRecord]:
    """The records of the file."""
    for row in rows(source.path, source.unknown):
        if row.fault:
            yield faulty(source, row)
            continue
        values = row.values
        content = case_content(values, source)
        onset = codes.optional_date("event_dt", values.get("event_dt", ""), source.unknown)
        serious = codes.seriousness(values_of(values.get("outcomes", "")), source.unknown)
        content["products"] = [{"name": name} for name in values_of(values["drugname"])]
        content["reactions"] = [
            {"term": term, "onset_at": onset, "seriousness": serious}
            for term in values_of(values["pts"])
        ]
        yield built(content, raw_of(values, source.unknown), source.where(row.line))


def case_content(values: dict[str, str], source: Source) -> dict[str, Any]:
    """What a row of DEMO, in its own columns or joined to others, says of the case."""
    unknown = source.unknown
    get = values.get
    received, version = get("fda_dt", ""), get("caseversion", "")
    content: dict[str, Any] = {"sender": source.sender, "report_type": "spontaneous"}
    if report_id := get("caseid", "").strip():
        content["report_id"] = report_id
    if version:
        content["version"] = version
    if received:
        content["received_at"] = codes.date(received) or received
    if first := codes.optional_date("init_fda_dt", get("init_fda_dt", ""), unknown):
        content["first_received_at"] = first
    if reporter := codes.coded(codes.REPORTERS, "occp_cod", get("occp_cod", ""), unknown):
        content["reporter"] = reporter
    kind = get("rept_cod", "")
    if kind and kind not in codes.REPORT_TYPES:
        unknown[f"rept_cod: {kind[:20]}"] += 1
    for column in ("reporter_country", "occr_country"):
        if country := codes.country(column, get(column, ""), unknown):
            content["country"] = country
            break
    patient: dict[str, Any] = {}
    if (age := codes.age_years(get("age", ""), get("age_cod", ""), unknown)) is not None:
        patient["age_years"] = age
    if (weight := codes.weight_kg(get("wt", ""), get("wt_cod", ""), unknown)) is not None:
        patient["weight_kg"] = weight
    if sex := codes.coded(codes.SEXES, "sex", get("sex", ""), unknown):
        patient["sex"] = sex
    if patient:
        content["patient"] = patient
    return content
