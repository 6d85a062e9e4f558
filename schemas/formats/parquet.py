"""`parquet`: reports in a Parquet file as `convert` writes it; a row a report, lists within.

The columns are the fields of a report, products, reactions and biomarkers lists of structs; the
value of a biomarker stands in `number` or in `text`. Senders and versions are as in `ndjson`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.errors import InputError
from schemas.formats.lines import head
from schemas.formats.ndjson import record_of
from schemas.formats.source import Source, SourceRecord

MAGIC = b"PAR1"
_AT_ONCE = 1000
_NEEDED = frozenset({"report_id", "received_at", "products", "reactions"})
_encode = msgspec.json.Encoder().encode


def check(source: Source) -> None:
    """Raise `InputError` where the file cannot be read at all."""
    with _opened(source) as file:
        missing = sorted(_NEEDED.difference(file.schema_arrow.names))
    if missing:
        raise InputError("bad_header", f"{source.path} has no column {', '.join(missing)}")


def records(source: Source) -> Iterator[SourceRecord]:
    """The records of the file, as JSON in our own schema; `where` counts them from 1."""
    import pyarrow as pa

    number = 0
    with _opened(source) as file:
        try:
            for batch in file.iter_batches(_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield record_of(source, _encode(_content(row)), source.where(number))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _damaged(source, error) from None


def _opened(source: Source) -> Any:
    import pyarrow as pa
    import pyarrow.parquet

    head(source.path)
    try:
        return pyarrow.parquet.ParquetFile(source.path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _damaged(source, error) from None


def _damaged(source: Source, error: Exception) -> InputError:
    return InputError("damaged_file", f"{source.path} is damaged: {' '.join(str(error).split())}")


def _content(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what is empty, each biomarker with its one value."""
    content: dict[str, Any] = _filled(row)
    for marker in content.get("biomarkers", ()):
        if isinstance(marker, dict):
            value = marker.pop("number", None)
            marker["value"] = marker.pop("text", None) if value is None else value
    return content


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one) for name, one in value.items() if one is not None and one != []}
    if isinstance(value, list):
        return [_filled(one) for one in value]
    return value if isinstance(value, str | int | float) else str(value)
