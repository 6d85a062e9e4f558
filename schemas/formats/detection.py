"""Which format a file has, by its content; its name decides only between JSON and NDJSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from zipfile import is_zipfile

import msgspec

from schemas.errors import InputError
from schemas.formats import (
    diana_csv,
    documents,
    e2b_r2,
    e2b_r3,
    faers_ascii,
    faers_csv,
    fhir,
    flat_csv,
    json_file,
    mapped_csv,
    openfda,
    parquet,
    vaers_csv,
)
from schemas.formats.lines import head
from schemas.formats.messages import root_of
from schemas.formats.source import Source
from schemas.formats.tables import columns_of

# the columns by which a table is known, in the order in which they are tried
TABLES = {
    "faers_csv": faers_csv.NEEDED,
    "diana_csv": diana_csv.NEEDED,
    "vaers_csv": vaers_csv.NEEDED,
    "csv": flat_csv.NEEDED,
}
# the root elements by which XML is known
ROOTS = {e2b_r3.ROOT: "e2b_r3", e2b_r2.ROOT: "e2b_r2"}
_OURS = frozenset({"report_id", "record_id", "products", "reactions"})
# the first of these keys that a JSON document has tells whose it is
_KEYS = re.compile(rb'"(%s)"\s*:' % "|".join(sorted({openfda.KEY, fhir.KEY, *_OURS})).encode())
_FORMS = {openfda.KEY: "openfda", fhir.KEY: "fhir"}
_LINES = (".ndjson", ".jsonl")


def detect_format(path: Path) -> str:
    """The format of a file; `InputError` ("unknown_format") names those that can be read."""
    sample = head(path)
    if is_zipfile(path) or faers_ascii.is_deletions(path, sample):
        return "faers_ascii"
    if sample.startswith(parquet.MAGIC):
        return "parquet"
    name = path.name.lower().removesuffix(".gz")
    text = sample.removeprefix(b"\xef\xbb\xbf").lstrip()
    if name.endswith(_LINES):
        return _told(text) or "ndjson"
    if text.startswith(b"<"):
        found = _xml(path, text)
    elif text.startswith((b"[", b"{")):
        found = _json(path, text)
    else:
        found = "mapped_csv" if mapped_csv.beside(path) else _table(path, name)
    if found is None:
        raise InputError(
            "unknown_format",
            f"{path} is in none of the formats that can be read: json, ndjson, csv (columns "
            "report_id, products, events or reactions, ...), mapped_csv (with a mapping file), "
            "parquet, faers_csv, vaers_csv, diana_csv, faers_ascii (quarterly zip, or a list "
            "DELETEyyQq.txt of deleted cases), e2b_r3, e2b_r2, openfda, fhir",
        )
    return found


# what looks into a file before anything of it is read, where the format has something to look for
_CHECKS: dict[str, Callable[[Source], object]] = {
    "faers_ascii": lambda source: faers_ascii.check(source.path),
    "e2b_r3": e2b_r3.check,
    "e2b_r2": e2b_r2.check,
    "mapped_csv": mapped_csv.check,
    "parquet": parquet.check,
    "openfda": lambda source: documents.check(source.path),
    "fhir": lambda source: documents.check(source.path),
    "json": lambda source: json_file.elements(source.path),
}


def usable(source: Source) -> None:
    """Raise `InputError` where a file cannot be read as its format at all."""
    path, form = source.path, source.format
    if form in _CHECKS:
        _CHECKS[form](source)
    elif form in TABLES:
        found = frozenset(columns_of(path))
        missing = sorted(TABLES[form] - found)
        if form == "csv" and not found & set(flat_csv.TERMS):
            missing.append("reactions")
        if missing:
            raise InputError("bad_header", f"{path} has no column {', '.join(missing)}")
        unknown = sorted(found - flat_csv.COLUMNS) if form == "csv" else []
        if unknown:
            raise InputError(
                "unknown_column",
                f"{path}: no column {', '.join(unknown)} is known; there are: "
                f"{', '.join(sorted(flat_csv.COLUMNS))}",
            )
    else:
        head(path)


def _xml(path: Path, text: bytes) -> str | None:
    try:
        name = root_of(text, document_type=True).name
        return ROOTS.get(name) or ROOTS.get(name.lower())
    except InputError as error:
        raise InputError(error.code, f"{path}: {error}") from None


def _told(text: bytes) -> str | None:
    """The format that a key tells, where it is not our own."""
    match = _KEYS.search(text)
    return _FORMS.get(match[1].decode()) if match else None


def _json(path: Path, text: bytes) -> str | None:
    if told := _told(text):
        return told
    first, _, rest = text.partition(b"\n")
    if text.startswith(b"{") and rest.strip() and _is_object(first):
        return "ndjson" if _ours(first) else None
    elements = json_file.elements(path)
    return "json" if not elements or _ours(elements[0]) else None


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _ours(raw: bytes) -> bool:
    """Whether a JSON object has a field of our own schema."""
    try:
        found = msgspec.json.decode(raw)
    except (RecursionError, UnicodeDecodeError):
        return True  # too deep or no UTF-8: the record's fault, not the file's
    return isinstance(found, dict) and not _OURS.isdisjoint(found)


def _table(path: Path, name: str) -> str | None:
    try:
        found = frozenset(columns_of(path))
    except InputError:
        if name.endswith(".csv"):
            raise
        return None
    return next((form for form, needed in TABLES.items() if needed <= found), None)
