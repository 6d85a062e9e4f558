"""Writers: one file a format, one contract.

    target = Target(Path("reports.xml"), Exchange("2025-07-04T10:15:00Z"))
    WRITERS["e2b_r3"](target, reports)

A writer takes reports one by one and writes each once, in their order. What the format cannot hold
is counted in `Target.left_out`, never dropped without a word. A file whose name ends in `.gz` is
packed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from schemas.errors import InputError
from schemas.formats.writers import e2b_r3, flat_csv, ndjson, parquet
from schemas.formats.writers.target import Target
from schemas.report import Report

__all__ = ["ENDINGS", "WRITERS", "Target", "format_of"]

WRITERS: dict[str, Callable[[Target, Iterable[Report]], None]] = {
    "ndjson": ndjson.write,
    "csv": flat_csv.write,
    "parquet": parquet.write,
    "e2b_r3": e2b_r3.write,
}

# the endings by which the name of a file tells the format
ENDINGS = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xml": "e2b_r3",
}


def format_of(path: Path) -> str:
    """The format that the name of a file tells; `InputError` ("unknown_format").

    >>> format_of(Path("reports.csv.gz")), format_of(Path("batch.xml"))
    ('csv', 'e2b_r3')
    """
    name = path.name.lower().removesuffix(".gz")
    found = next((form for ending, form in ENDINGS.items() if name.endswith(ending)), None)
    if found is None:
        raise InputError(
            "unknown_format", f"{path}: the name ends in none of {', '.join(sorted(ENDINGS))}"
        )
    return found
