"""Rows of CSV files: one that cannot be read is a fault of its own and costs no other row."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from schemas.errors import Fault, InputError
from schemas.formats.lines import decoded, head, lines, opened
from schemas.formats.source import TOO_LONG
from schemas.record import MAX_BYTES

_BOM = "\ufeff"


class Row(NamedTuple):
    """A row: the number of its first line, and its values by column, or its bytes and fault."""

    line: int
    values: dict[str, str]
    raw: bytes = b""
    fault: Fault | None = None


def columns_of(path: Path, delimiter: str = ",") -> tuple[str, ...]:
    """The columns that a CSV file names in its first row, lower-cased and stripped.

    `InputError` ("bad_header") where there are none or one is named twice.
    """
    sample = head(path)
    if b"\n" not in sample and len(sample) == 1 << 16:
        raise InputError("bad_header", f"{path}: the first line is no row of column names")
    first = decoded(sample.split(b"\n")[0].removesuffix(b"\r"), Counter())
    try:
        text = first.removeprefix(_BOM)
        found = next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise InputError("bad_header", f"{path}: the first row cannot be read: {error}") from None
    names = [name.strip().lower() for name in found]
    while names and not names[-1]:
        names.pop()
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if not names or twice:
        which = ", ".join(twice) or "none"
        raise InputError("bad_header", f"{path}: each column needs one name of its own ({which})")
    return tuple(names)


def rows(path: Path, unknown: Counter[str], delimiter: str = ",") -> Iterator[Row]:
    """The rows after the header; surplus fields are let pass only where they are empty, and a row
    without any value is none.

    A quote that is never closed, or that swallows other rows, costs its own line alone: the lines
    after it are read again.
    """
    header = columns_of(path, delimiter)
    width = len(header)
    with opened(path) as file:
        feed = _Feed(lines(file), unknown)
        reader = csv.reader(feed, delimiter=delimiter, strict=True)
        next(feed)
        while True:
            feed.taken.clear()
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield _fault(feed, Fault("malformed_row", "", "quotes or a field cannot be read"))
                continue
            except _TooLongError:
                yield _fault(feed, TOO_LONG)
                continue
            if not any(fields):
                continue
            if len(fields) != width and (len(fields) < width or any(fields[width:])):
                message = f"{len(fields)} fields, not {width}"
                yield _fault(feed, Fault("ragged_row", "", message))
                continue
            yield Row(feed.taken[0][0], dict(zip(header, fields, strict=False)))


class _TooLongError(Exception):
    """A line is cut, so it cannot be part of a row."""


class _Feed(Iterator[str]):
    """Lines for the parser, which it may have to read again from the second on."""

    def __init__(self, source: Iterator[tuple[int, bytes]], unknown: Counter[str]) -> None:
        self._source = source
        self._again: list[tuple[int, bytes]] = []
        self._unknown = unknown
        self.taken: list[tuple[int, bytes]] = []

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._source)
        self.taken.append(line)
        if len(line[1]) > MAX_BYTES:
            raise _TooLongError
        return decoded(line[1].removesuffix(b"\r"), self._unknown) + "\n"

    def give_back(self) -> None:
        """Read all lines of this row but the first once more."""
        self._again.extend(reversed(self.taken[1:]))
        del self.taken[1:]


def _fault(feed: _Feed, fault: Fault) -> Row:
    feed.give_back()
    number, raw = feed.taken[0]
    return Row(number, {}, raw, fault)
