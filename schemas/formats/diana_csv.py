"""`diana_csv`: FAERS cases as the R package DiAna cleans and exports them, a row a case.

Columns: primaryid, caseid, caseversion, fda_dt, sex, age_in_days, wt_in_kgs, drugs_role, pts,
outcomes and the other columns of DEMO; lists are separated by a bar, a drug carries its role as
`name::PS`.

The case is `caseid`, its version `caseversion` (none in years before 2012), the information date
`fda_dt`. Cases from before approval (`premarketing`) are of type study. The package's own marks of
likely duplicates are not used: no record is merged for likeness.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.formats import codes
from schemas.formats.building import built, faulty, raw_of, values_of
from schemas.formats.faers_csv import case_content
from schemas.formats.source import Source, SourceRecord
from schemas.formats.tables import rows

NEEDED = frozenset({"primaryid", "caseid", "fda_dt", "drugs_role", "pts"})


def records(source: Source) -> Iterator[SourceRecord]:
    """The records of the file."""
    unknown = source.unknown
    for row in rows(source.path, unknown):
        if row.fault:
            yield faulty(source, row)
            continue
        values = row.values
        content = case_content(
            values
            | {
                "age": values.get("age_in_days", ""),
                "age_cod": "DY",
                "wt": values.get("wt_in_kgs", ""),
                "wt_cod": "KG",
            },
            source,
        )
        if values.get("premarketing", "").lower() == "true":
            content["report_type"] = "study"
        onset = codes.optional_date("event_dt", values.get("event_dt", ""), unknown)
        serious = codes.seriousness(values_of(values.get("outcomes", "")), unknown)
        content["products"] = [
            {"name": name, "role": codes.roles(role, unknown)}
            for name, _, role in (drug.rpartition("::") for drug in values_of(values["drugs_role"]))
        ]
        content["reactions"] = [
            {"term": term, "onset_at": onset, "seriousness": serious}
            for term in values_of(values["pts"])
        ]
        yield built(content, raw_of(values, unknown), source.where(row.line))
