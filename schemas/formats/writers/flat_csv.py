"""`csv`: ketavigil's own table, one row a report (`schemas.formats.flat_csv` says what its columns
hold).

A table has no room for biomarkers, for a bar within a value (it becomes a broken bar) and for a
carriage return (it becomes a line end); each is counted.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import IO, Any

from schemas.formats.flat_csv import PATIENT, PLAIN, PRODUCT, REACTION
from schemas.formats.writers.target import Target
from schemas.report import Report

COLUMNS = (*PLAIN, "external_ids", *PATIENT, "products", *PRODUCT, "reactions", *REACTION)
_BAR = "\N{BROKEN BAR}"


def write(target: Target, reports: Iterable[Report]) -> None:
    """Write the reports."""
    with target.opened() as file:
        rows = csv.writer(_Encoded(file), lineterminator="\n")
        rows.writerow(COLUMNS)
        for report in reports:
            row = _row(report, target)
            rows.writerow([row.get(column, "") for column in COLUMNS])
            target.written += 1


class _Encoded:
    """Takes text where bytes are written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write UTF-8."""
        self._file.write(text.encode())


def _row(report: Report, target: Target) -> dict[str, str]:
    row = {name: _cell(getattr(report, name), name, target) for name in PLAIN}
    row["narrative"] = _narrative(report.narrative, target)
    if report.patient:
        row |= {name: _cell(getattr(report.patient, name), name, target) for name in PATIENT}
    row["external_ids"] = _several(report.external_ids, "external_ids", target)
    names = _listed([product.name for product in report.products], "products", target)
    row["products"] = "|".join(
        f"{name}::{product.role}" for name, product in zip(names, report.products, strict=True)
    )
    row["reactions"] = _several([r.term for r in report.reactions], "reactions", target)
    for entries, fields in ((report.products, PRODUCT), (report.reactions, REACTION)):
        for name in fields:
            row[name] = _several([_joined(getattr(one, name)) for one in entries], name, target)
    if report.biomarkers:
        target.left_out["biomarkers"] += len(report.biomarkers)
    return row


def _joined(value: Any) -> Any:
    return "+".join(value) if isinstance(value, tuple) else value


def _several(values: Iterable[Any], name: str, target: Target) -> str:
    """Values with a bar between; none at all where all of them are empty."""
    cells = _listed(values, name, target)
    return "|".join(cells) if any(cells) else ""


def _listed(values: Iterable[Any], name: str, target: Target) -> list[str]:
    cells = [_cell(value, name, target) for value in values]
    barred = sum("|" in cell for cell in cells)
    if barred:
        target.left_out[f"{name}: bar within a value"] += barred
    return [cell.replace("|", _BAR) for cell in cells]


def _cell(value: Any, name: str, target: Target) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else repr(value)
    if "\r" in text:
        target.left_out[f"{name}: carriage return"] += 1
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text


def _narrative(narrative: str | None, target: Target) -> str:
    text = _cell(narrative, "narrative", target)
    if text != text.strip():
        target.left_out["narrative: white space about it"] += 1
    return text.strip()
