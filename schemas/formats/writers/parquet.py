"""`parquet`: a row a report, typed, with lists of structs (`schemas.formats.parquet`)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from pydantic import BaseModel

from schemas.formats.writers.target import Target
from schemas.report import Patient, Product, Reaction, Report

_AT_ONCE = 5000
_NUMBERS = frozenset({"age_years", "weight_kg", "dose_mg"})


def write(target: Target, reports: Iterable[Report]) -> None:
    """Write the reports, a row group for every 5,000 of them."""
    import pyarrow as pa
    import pyarrow.parquet

    schema = _schema()
    remaining = iter(reports)
    with target.opened() as file, pyarrow.parquet.ParquetWriter(file, schema) as writer:
        while rows := [_row(report) for report in islice(remaining, _AT_ONCE)]:
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))
            target.written += len(rows)


def _row(report: Report) -> dict[str, Any]:
    row = report.model_dump()
    for marker in row["biomarkers"]:
        value = marker.pop("value")
        marker["text" if isinstance(value, str) else "number"] = value
    return row


def _schema() -> Any:
    import pyarrow as pa

    text = pa.string()

    def struct(model: type[BaseModel], **others: Any) -> Any:
        number = pa.float64()
        types = {name: number if name in _NUMBERS else text for name in model.model_fields}
        return pa.struct(list((types | others).items()))

    marker = {"name": text, "number": pa.float64(), "text": text, "unit": text, "at": text}
    lists = {
        "external_ids": text,
        "products": struct(Product),
        "reactions": struct(Reaction, seriousness=pa.list_(text)),
        "biomarkers": pa.struct(list(marker.items())),
    }
    types = dict.fromkeys(Report.model_fields, text) | {
        "version": pa.int64(),
        "patient": struct(Patient),
        **{name: pa.list_(kind) for name, kind in lists.items()},
    }
    return pa.schema(list(types.items()))
