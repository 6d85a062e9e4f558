"""Readers: one file a format, one contract.

    for record in read(Path("reports.csv")):
        ...

A reader yields each record once, as a `SourceRecord`; what it cannot read is a record too, with
its faults, so that rows in = records out. A required value that is missing or wrong is a fault; an
optional one that a report cannot hold is left out and counted in `Reading.unknown`. Files may be
packed with gzip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from schemas.errors import InputError
from schemas.formats import (
    diana_csv,
    e2b_r2,
    e2b_r3,
    faers_ascii,
    faers_csv,
    fhir,
    flat_csv,
    json_file,
    mapped_csv,
    ndjson,
    openfda,
    parquet,
    vaers_csv,
)
from schemas.formats.detection import TABLES, detect_format, usable
from schemas.formats.source import Reading, Source, SourceRecord

__all__ = ["FORMATS", "TABLES", "Reading", "SourceRecord", "detect_format", "read"]

FORMATS: dict[str, Callable[[Source], Iterator[SourceRecord]]] = {
    "json": json_file.records,
    "ndjson": ndjson.records,
    "csv": flat_csv.records,
    "mapped_csv": mapped_csv.records,
    "parquet": parquet.records,
    "faers_csv": faers_csv.records,
    "vaers_csv": vaers_csv.records,
    "diana_csv": diana_csv.records,
    "faers_ascii": faers_ascii.records,
    "e2b_r3": e2b_r3.records,
    "e2b_r2": e2b_r2.records,
    "openfda": openfda.records,
    "fhir": fhir.records,
}


def read(
    path: Path,
    format: str = "auto",  # noqa: A002
    sender: str | None = None,
    mapping: Path | None = None,
) -> Reading:
    """The records of a file, in its order.

    `sender`: whose they are; `import:FORMAT` unless given (`ndjson` says what holds for JSON).
    `mapping`: for `mapped_csv`, which is the format then, unless another is named.
    Raises `InputError` at once where the file cannot be read at all: "no_such_file",
    "empty_file", "unknown_format", "wrong_encoding", "bad_header", "unknown_column",
    "malformed_json", "malformed_xml", "dtd_forbidden", "damaged_file", "missing_table",
    "ambiguous_quarter", "unknown_quarter", "no_mapping", "bad_mapping", "direct_identifier";
    those of damage also later, where the damage is.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "reports.csv"
    >>> header = "report_id,received_at,products,events"
    >>> _ = file.write_text(header + "\\n1,2025-07-03,KETALAR::PS,Nausea\\n")
    >>> reading = read(file)
    >>> reading.format, [record.where for record in reading]
    ('csv', ['reports.csv:2'])
    """
    if format == "auto":
        format = "mapped_csv" if mapping else detect_format(path)  # noqa: A001
    elif format not in FORMATS:
        raise InputError(
            "unknown_format", f"there is no format {format}; there are: {', '.join(FORMATS)}"
        )
    source = Source(path, format, sender, mapping=mapping)
    usable(source)
    return Reading(source, FORMATS[format](source))
