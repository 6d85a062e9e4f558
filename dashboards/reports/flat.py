"""A report as CSV: every value with the path that it has in the JSON."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec

from dashboards.reports.content import leaves
from schemas.errors import InputError

_COLUMNS = ("path", "value")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(report: msgspec.Struct) -> bytes:
    """One row a value; a text that a spreadsheet would take for a formula is quoted by '."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    writer.writerows(rows(msgspec.to_builtins(report)))
    return out.getvalue().encode()


def rows(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Path and value of each, as they stand in the CSV.

    >>> rows({"n": 3, "ic": -0.5, "name": "=1+1", "none": None, "held": True})
    [('n', '3'), ('ic', '-0.5'), ('name', "'=1+1"), ('none', ''), ('held', 'true')]
    """
    return [(path, _text(value)) for path, value in leaves(content)]


def read(data: bytes) -> dict[str, str]:
    """The values of a CSV report by path; `InputError` ("bad_report") where it is none."""
    try:
        found = list(csv.reader(io.StringIO(data.decode())))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("bad_report", f"not the CSV of a report: {error}") from None
    if not found or tuple(found[0]) != _COLUMNS or any(len(row) != 2 for row in found):
        raise InputError("bad_report", "not the CSV of a report: its columns are path and value")
    return {row[0]: row[1] for row in found[1:]}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return f"'{value}" if value[:1] in _FORMULA else value
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    return msgspec.json.encode(value).decode()
