"""`csv`: ketavigil's own table, one row a report.

| column | holds |
|---|---|
| `report_id`, `products` | needed, and one of `reactions`, `events` |
| `received_at` | the information date; a row without one is held as `missing` |
| `sender`, `version`, `status`, `first_received_at`, `created_at`, `report_type`, `reporter`, \
`country`, `narrative` | as in a report |
| `external_ids` | several, separated by a bar |
| `pseudonym`, `age_years`, `sex`, `weight_kg` | of the patient |
| `products` | names separated by a bar, each with its role behind `::`: suspect (or PS, SS), \
interacting (I), concomitant (C), unknown; none is unknown |
| `route`, `dose_mg`, `indication`, `phase`, `setting`, `formulation`, `started_at`, \
`stopped_at`, `dechallenge`, `rechallenge` | of the products: as many values as there are \
products, or one that holds for all |
| `reactions` or `events` | terms separated by a bar |
| `onset_at`, `outcome`, `seriousness` | of the reactions, likewise; a reaction's criteria of \
seriousness are joined by a plus sign |

Any other column is refused. The case is `sender` + `report_id`, its version `version`, its
information date `received_at`; the sender is treated as in `ndjson`. The table holds what a
spreadsheet does: biomarkers need JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.errors import Fault
from schemas.formats import codes
from schemas.formats.building import faulty, raw_of, values_of
from schemas.formats.ndjson import record_of
from schemas.formats.source import Source, SourceRecord
from schemas.formats.tables import rows

NEEDED = frozenset({"report_id", "products"})
TERMS = ("reactions", "events")

PLAIN = (
    "sender",
    "report_id",
    "version",
    "status",
    "received_at",
    "first_received_at",
    "created_at",
    "report_type",
    "reporter",
    "country",
    "narrative",
)
PATIENT = ("pseudonym", "age_years", "sex", "weight_kg")
PRODUCT = (
    "route",
    "dose_mg",
    "indication",
    "phase",
    "setting",
    "formulation",
    "started_at",
    "stopped_at",
    "dechallenge",
    "rechallenge",
)
REACTION = ("onset_at", "outcome", "seriousness")
NUMBERS = frozenset({"version", "age_years", "weight_kg", "dose_mg"})
COLUMNS = frozenset({*PLAIN, *PATIENT, *PRODUCT, *REACTION, *TERMS, "external_ids", "products"})
ROLES = codes.ROLES | {
    role.upper(): role for role in ("suspect", "interacting", "concomitant", "unknown")
}


def records(source: Source) -> Iterator[SourceRecord]:
    """The records of the file, as JSON in our own schema."""
    for row in rows(source.path, source.unknown):
        if row.fault:
            yield faulty(source, row)
            continue
        where = source.where(row.line)
        content = content_of(row.values)
        if isinstance(content, Fault):
            yield SourceRecord(
                raw_of(row.values, source.unknown), None, (content,), where, source.sender
            )
        else:
            yield record_of(source, msgspec.json.encode(content), where)


def content_of(values: dict[str, str], separator: str = "|") -> dict[str, Any] | Fault:
    """The content of a report from cells, in which `separator` stands between several values."""
    content: dict[str, Any] = {
        name: _value(name, text) for name in PLAIN if (text := values.get(name, "").strip())
    }
    if ids := values_of(values.get("external_ids", ""), separator):
        content["external_ids"] = ids
    patient = {
        name: _value(name, text) for name in PATIENT if (text := values.get(name, "").strip())
    }
    if patient:
        content["patient"] = patient
    products = [_product(value) for value in values_of(values["products"], separator)]
    terms = values.get("reactions") or values.get("events") or ""
    reactions: list[dict[str, Any]] = [{"term": term} for term in values_of(terms, separator)]
    for entries, names in ((products, PRODUCT), (reactions, REACTION)):
        for name in names:
            if cell := values.get(name, ""):
                given = [value.strip() for value in cell.split(separator)]
                if len(given) == 1:
                    given *= len(entries)
                if len(given) != len(entries):
                    return Fault("wrong_count", name, "one value for each, or one for all")
                for entry, value in zip(entries, given, strict=True):
                    if value:
                        entry[name] = _value(name, value)
    content["products"], content["reactions"] = products, reactions
    return content


def _value(name: str, text: str) -> Any:
    """A number where the field is one and the text is one; else the text, for the check."""
    if name == "seriousness":
        return [part.strip() for part in text.split("+")]
    if name in NUMBERS and (found := codes.number(text)) is not None:
        return int(found) if found.is_integer() else found
    return text


def _product(value: str) -> dict[str, Any]:
    """A product with its role; what follows `::` and is no role belongs to the name."""
    name, mark, role = value.rpartition("::")
    if mark and name.strip() and (known := ROLES.get(role.strip().upper())):
        return {"name": name.strip(), "role": known}
    return {"name": value}
