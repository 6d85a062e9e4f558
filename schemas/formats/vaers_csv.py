"""`vaers_csv`: VAERS reports as one table, a row a report.

Columns: report_id, received, vax_date, onset_date, age_years, sex, died, life_threat, hospital,
disable, vax_name, pts; `vax_name` and `pts` hold several values, separated by a bar.

VAERS numbers no versions: the information date `received` orders them. Every vaccine of a report
is suspect, under its whole `vax_name`; its date is that of all of them. Seriousness and onset are
known of the report alone and stand on every reaction. A visit to an emergency room is no criterion
of seriousness and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.formats import codes
from schemas.formats.building import built, faulty, raw_of, values_of
from schemas.formats.source import Source, SourceRecord
from schemas.formats.tables import rows

NEEDED = frozenset({"report_id", "received", "vax_name", "pts"})

_CRITERIA = {
    "died": "death",
    "life_threat": "life_threatening",
    "hospital": "hospitalisation",
    "disable": "disability",
}


def records(source: Source) -> Iterator[SourceRecord]:
    """The records of the file."""
    for row in rows(source.path, source.unknown):
        if row.fault:
            yield faulty(source, row)
        else:
            content = _content(row.values, source)
            yield built(content, raw_of(row.values, source.unknown), source.where(row.line))


def _content(values: dict[str, str], source: Source) -> dict[str, Any]:
    unknown = source.unknown
    get = values.get
    content: dict[str, Any] = {"sender": source.sender, "report_type": "spontaneous"}
    if report_id := values["report_id"].strip():
        content["report_id"] = report_id
    if received := values["received"]:
        content["received_at"] = codes.date(received) or received
    patient: dict[str, Any] = {}
    if (age := codes.age_years(get("age_years", ""), "YR", unknown)) is not None:
        patient["age_years"] = age
    if sex := codes.coded(codes.SEXES, "sex", get("sex", ""), unknown):
        patient["sex"] = sex
    if patient:
        content["patient"] = patient
    given = codes.optional_date("vax_date", get("vax_date", ""), unknown)
    onset = codes.optional_date("onset_date", get("onset_date", ""), unknown)
    serious = [
        criterion for column, criterion in _CRITERIA.items() if get(column, "").upper() == "Y"
    ]
    content["products"] = [
        {"name": name, "role": "suspect", "started_at": given, "stopped_at": given}
        for name in values_of(values["vax_name"])
    ]
    content["reactions"] = [
        {"term": term, "onset_at": onset, "seriousness": serious}
        for term in values_of(values["pts"])
    ]
    return content
