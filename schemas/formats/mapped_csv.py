"""`mapped_csv`: any table with a row a report, and a mapping file that says what its columns are.

The mapping is TOML, named after the table (`reports.csv.toml`) unless another is given:

    delimiter = ";"          # between columns; a comma unless given
    separator = "/"          # between several values of one cell; a bar unless given
    date = "%d.%m.%Y"        # of every date; else ISO or YYYYMMDD
    [columns]                # field = the column that holds it
    report_id = "Case no"
    received_at = "Receipt"
    products = "Drugs"
    reactions = "Events"
    [constants]              # field = what holds for every row
    report_type = "solicited"
    [words.sex]              # of a field: a value of the table = the word of a report
    F = "female"

Fields are the columns of `csv`, and the case, its version and its information date are those of
`csv`; a row that names no sender is the import's. A value that a table of words does not have, and
an optional date that is none, is left out and counted; a column that no field names is kept in the
raw record alone, and not even there where its name says that it identifies a person.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import Fault, InputError
from schemas.formats import codes, flat_csv
from schemas.formats.building import built, faulty, raw_of
from schemas.formats.source import Source, SourceRecord
from schemas.formats.tables import Row, columns_of, rows
from schemas.identifiers import MASKED, identifies

_MOMENTS = ("first_received_at", "created_at", "started_at", "stopped_at", "onset_at")
_NEEDED = ("report_id", "received_at", "products")


class Mapping(msgspec.Struct, forbid_unknown_fields=True):
    """A mapping file."""

    columns: dict[str, str]
    delimiter: str = ","
    separator: str = "|"
    date: str = ""
    constants: dict[str, str] = {}
    words: dict[str, dict[str, str]] = {}


def beside(path: Path) -> Path | None:
    """The mapping file that is named after a table, if there is one."""
    names = (f"{path.name}.toml", f"{path.name.removesuffix('.gz')}.toml")
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def mapping_of(source: Source) -> Mapping:
    """The mapping of a table; `InputError` ("no_mapping", "bad_mapping", "bad_header")."""
    path = source.mapping or beside(source.path)
    if path is None:
        raise InputError(
            "no_mapping", f"{source.path} has no mapping file beside it, and none is given"
        )
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Mapping)
    except OSError as error:
        raise InputError("no_mapping", f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise InputError("bad_mapping", f"{path}: {error}") from None
    fields = {*found.columns, *found.constants, *found.words}
    if unknown := sorted(fields - flat_csv.COLUMNS):
        raise InputError("bad_mapping", f"{path}: there is no field {', '.join(unknown)}")
    missing = [field for field in _NEEDED if field not in found.columns]
    if not {*found.columns} & {*flat_csv.TERMS}:
        missing.append("reactions")
    if missing:
        raise InputError("bad_mapping", f"{path}: no column is said to be {', '.join(missing)}")
    if len(found.delimiter) != 1 or not found.separator:
        raise InputError("bad_mapping", f"{path}: a delimiter has one character, a separator some")
    try:
        datetime.strptime(datetime(2025, 7, 3).strftime(found.date), found.date)  # noqa: DTZ001, DTZ007
    except ValueError as error:
        raise InputError("bad_mapping", f"{path}: date: {error}") from None
    if identifies(column := found.columns.get("pseudonym", "")):
        raise InputError("direct_identifier", f"{path}: pseudonym: {column} {MASKED}")
    header = columns_of(source.path, found.delimiter)
    if lost := [c for c in found.columns.values() if c.strip().lower() not in header]:
        raise InputError("bad_header", f"{source.path} has no column {', '.join(lost)}")
    return found


def check(source: Source) -> None:
    """Raise `InputError` where the table or its mapping cannot be read at all."""
    mapping_of(source)


def records(source: Source) -> Iterator[SourceRecord]:
    """The records of the file."""
    mapping = mapping_of(source)
    named = frozenset(c.strip().lower() for c in mapping.columns.values()) | {"narrative"}
    for row in rows(source.path, source.unknown, mapping.delimiter):
        if row.fault:
            yield faulty(source, row)
            continue
        where, raw = source.where(row.line), raw_of(_named(mapping, row), source.unknown, named)
        content = flat_csv.content_of(_cells(mapping, row.values, source), mapping.separator)
        if isinstance(content, Fault):
            yield SourceRecord(raw, None, (content,), where, source.sender)
        else:
            yield _owned(source, built({"sender": source.sender} | content, raw, where))


def _named(mapping: Mapping, row: Row) -> dict[str, str]:
    """A row in which the narrative is called so, to be found again."""
    column = mapping.columns.get("narrative", "narrative").strip().lower()
    return {"narrative" if name == column else name: value for name, value in row.values.items()}


def _owned(source: Source, record: SourceRecord) -> SourceRecord:
    """A record of another sender than the one given is still taken as the given one's."""
    if source.given is None or record.sender == source.given:
        return record
    return replace(record, sender=source.given)


def _cells(mapping: Mapping, values: dict[str, str], source: Source) -> dict[str, str]:
    """The cells of a row by the fields that they hold."""
    cells = {"products": "", **mapping.constants}
    for field, column in mapping.columns.items():
        cell = values.get(column.strip().lower(), "")
        convert = _converter(mapping, field)
        if convert is not None and cell.strip():
            parts = cell.split(mapping.separator)
            found = [convert(part.strip()) if part.strip() else "" for part in parts]
            for part, one in zip(parts, found, strict=True):
                if one is None:
                    source.unknown[f"{column}: {part.strip()[:40]}"] += 1
            cell = mapping.separator.join(one or "" for one in found)
        if cell.strip():
            cells[field] = cell
    return cells


def _converter(mapping: Mapping, field: str) -> Any:
    """What turns one value of a field into that of a report, None where it is none; if anything."""
    if field in mapping.words:
        return mapping.words[field].get
    if field == "received_at":
        return lambda text: _date(mapping, text) or text
    if field in _MOMENTS:
        return lambda text: _date(mapping, text)
    return None


def _date(mapping: Mapping, text: str) -> str | None:
    if not mapping.date:
        return codes.date(text) or codes.moment(text)
    try:
        return datetime.strptime(text, mapping.date).date().isoformat()  # noqa: DTZ007
    except ValueError:
        return None
