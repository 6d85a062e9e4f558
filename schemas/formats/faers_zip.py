"""The tables of a quarter of FAERS, as they stand in its zip, joined case by case.

`$` between fields, no quoting, CRLF or LF. Columns are found by name, lower-cased and stripped.
The defects that are known of the published files are mended where the row then fits its header,
and are a fault otherwise:

- one more, empty, field in a row than in the header (AERS): let pass, only if empty;
- two records on one line (DRUG11Q2, DRUG11Q3, DRUG11Q4): taken apart;
- a record broken over lines (DRUG08Q4): put together;
- a `$` within `mfr_num` (DEMO12Q1): put back;
- letter case of names and extensions, and `DEMO18Q1_new.txt`.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

from schemas.errors import Fault, InputError
from schemas.formats.lines import Readable, decoded, lines
from schemas.formats.source import TOO_LONG
from schemas.record import MAX_BYTES

NEEDED = ("demo", "drug", "reac")
TABLES = (*NEEDED, "outc", "rpsr", "ther", "indi")
AT_ONCE = 50_000

_MEMBER = re.compile(r"(demo|drug|reac|outc|rpsr|ther|indi)\d\dq[1-4](_new)?\.txt", re.IGNORECASE)
_DELETED = re.compile(r"delet.*\.txt$", re.IGNORECASE)
_KEYS = ("primaryid", "isr")
_ORPHAN = Fault("no_report", "", "the row's key is that of no report in the quarter")
_FLAGS = ("", "Y", "N")

Line = tuple[int, bytes]
Row = dict[str, str]


@dataclass(slots=True)
class Case:
    """A row of DEMO, and the rows of the other tables with its key."""

    line: int
    demo: Row
    rows: dict[str, list[Row]]


@dataclass(slots=True)
class _Open:
    """A case whose rows are still being gathered, as (table, bytes)."""

    line: int
    demo: bytes
    others: list[tuple[str, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class Quarter:
    """The tables of one zip.

    `left_over` fills while the cases are read: rows that belong to no report or cannot be read, as
    (file, line, bytes, fault). `unknown` is where mended and odd lines are counted.
    """

    archive: ZipFile
    names: dict[str, str]
    headers: dict[str, list[str]]
    unknown: Counter[str]
    left_over: list[tuple[str, int, bytes, Fault]] = field(default_factory=list)

    def cases(self) -> Iterator[Case]:
        """Every row of DEMO with what belongs to it, in the order of DEMO.

        The other tables are read once for every `AT_ONCE` cases, and held as bytes until their
        case is handed on, so that memory is bounded whatever the order of their rows.
        """
        everyone = {key for _, key, _ in self._lines("demo", note=True)}
        first = True
        chunk: dict[bytes, list[_Open]] = {}
        count = 0
        for number, key, raw in self._lines("demo", note=False):
            chunk.setdefault(key, []).append(_Open(number, raw))
            count += 1
            if count == AT_ONCE:
                yield from self._joined(chunk, everyone, first=first)
                chunk, count, first = {}, 0, False
        if chunk or first:
            yield from self._joined(chunk, everyone, first=first)

    def _joined(
        self, chunk: dict[bytes, list[_Open]], everyone: set[bytes], *, first: bool
    ) -> Iterator[Case]:
        for table in TABLES[1:]:
            if table in self.names:
                for _, key, raw in self._lines(table, note=first, known=everyone):
                    for case in chunk.get(key, ()):
                        case.others.append((table, raw))
        for cases in chunk.values():
            for case in cases:
                rows: dict[str, list[Row]] = {table: [] for table in TABLES[1:]}
                for table, raw in case.others:
                    rows[table].append(self._row(table, raw))
                yield Case(case.line, self._row("demo", case.demo), rows)

    def _row(self, table: str, raw: bytes) -> Row:
        header = self.headers[table]
        return dict(zip(header, _fields(raw, header, self.unknown) or (), strict=True))

    def _lines(
        self, table: str, *, note: bool, known: Container[bytes] | None = None
    ) -> Iterator[tuple[int, bytes, bytes]]:
        """Number, key and bytes of each row that fits the header; the others are left over, if
        this is the time to note it."""
        header, name = self.headers[table], self.names[table]
        width = len(header)
        unknown = self.unknown if note else Counter[str]()
        with self.archive.open(name) as file:
            numbered = lines(file)
            next(numbered, None)
            for number, raw in _logical(numbered, width, unknown):
                key = raw[: raw.find(b"$")].strip()
                fault = None
                if len(raw) > MAX_BYTES:
                    fault = TOO_LONG
                elif known is not None and key not in known:
                    fault = _ORPHAN
                elif raw.count(b"$") != width - 1 and _fields(raw, header, Counter()) is None:
                    fault = Fault("ragged_row", "", f"not the {width} fields of the header")
                if fault is None:
                    yield number, key, raw
                elif note:
                    self.left_over.append((PurePosixPath(name).name, number, raw, fault))


def _fields(raw: bytes, header: list[str], unknown: Counter[str]) -> list[str] | None:
    """The values of a row, as many as the header has columns; None where they do not fit."""
    width = len(header)
    values = decoded(raw, unknown).split("$")
    if len(values) == width:
        return values
    if len(values) < width:
        return None
    if not any(values[width:]):
        return values[:width]
    while len(values) > width and not values[-1]:
        values.pop()
    if "mfr_num" not in header or len(values) > width + 1:
        return None
    at = header.index("mfr_num")
    if not values[at].endswith("-"):
        return None  # the $ may stand anywhere; the one that is known follows a hyphen
    mended = [*values[:at], f"{values[at]}${values[at + 1]}", *values[at + 2 :]]
    mended += [""] * (width - len(mended))
    row = dict(zip(header, mended, strict=True))
    age = row.get("age", "")
    if row.get("e_sub") not in _FLAGS or (age and not age.replace(".", "", 1).isdigit()):
        return None
    unknown["mended: $ within mfr_num"] += 1
    return mended


def _logical(source: Iterator[Line], width: int, unknown: Counter[str]) -> Iterator[Line]:
    """Lines as records: those on one line taken apart, those over several put together."""
    pending: Line | None = None
    for number, line in source:
        raw = line.removesuffix(b"\r")
        dollars = raw.count(b"$")
        if width - 1 <= dollars <= width:
            if pending:
                yield pending
                pending = None
            yield number, raw
            continue
        if not raw.strip():
            continue
        if dollars < width - 1:
            joined = pending[1] + b" " + raw if pending else b""
            if pending and joined.count(b"$") <= width and len(joined) <= MAX_BYTES:
                if joined.count(b"$") < width - 1:
                    pending = pending[0], joined
                    continue
                unknown["mended: record over several lines"] += 1
                yield pending[0], joined
                pending = None
                continue
            if pending:
                yield pending
            pending = number, raw
            continue
        if pending:
            yield pending
            pending = None
        parts = raw.split(b"$")
        one, other = parts[:width], parts[width:]
        if width <= len(other) <= width + 1 and other[0].isdigit() and one[0].isdigit():
            unknown["mended: two records on one line"] += 1
            yield number, b"$".join(one)
            yield number, b"$".join(other)
        else:
            yield number, raw
    if pending:
        yield pending


@contextmanager
def open_quarter(path: Path, unknown: Counter[str] | None = None) -> Iterator[Quarter]:
    """The quarter in a zip; `InputError` ("missing_table", "ambiguous_quarter", "bad_header",
    "damaged_file"), the last at any time while it is read."""
    try:
        with ZipFile(path) as archive:
            yield _quarter(path, archive, Counter() if unknown is None else unknown)
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise InputError("damaged_file", f"{path} is damaged: {error}") from None


def _quarter(path: Path, archive: ZipFile, unknown: Counter[str]) -> Quarter:
    names: dict[str, str] = {}
    for name in archive.namelist():
        match = _MEMBER.fullmatch(PurePosixPath(name).name)
        if match is None:
            continue
        table = match[1].lower()
        renewed = table in names and "_new" in (names[table] + name).lower()
        if table in names and not renewed:
            raise InputError("ambiguous_quarter", f"{path} holds more than one table {table}")
        if not renewed or match[2]:
            names[table] = name
    missing = [table.upper() for table in NEEDED if table not in names]
    if missing:
        raise InputError("missing_table", f"{path} holds no table {', '.join(missing)}")
    for table in TABLES:
        if table not in names:
            unknown[f"table {table.upper()}: missing"] += 1
    headers = {table: _header(path, archive, name) for table, name in names.items()}
    return Quarter(archive, names, headers, unknown)


def _header(path: Path, archive: ZipFile, name: str) -> list[str]:
    with archive.open(name) as file:
        first = next(lines(file), (1, b""))[1]
    found = decoded(first.removeprefix(b"\xef\xbb\xbf"), Counter()).strip().split("$")
    columns = [column.strip().lower() for column in found]
    while columns and not columns[-1]:
        columns.pop()
    if not columns or columns[0] not in _KEYS or len(set(columns)) < len(columns):
        raise InputError("bad_header", f"{path}: {name} does not begin with columns of FAERS")
    return columns


def deleted_members(quarter: Quarter) -> Iterator[tuple[str, Readable]]:
    """Name and content of each list of deleted cases in the zip."""
    for name in quarter.archive.namelist():
        if _DELETED.search(name):
            with quarter.archive.open(name) as file:
                yield PurePosixPath(name).name, file
