"""Records of one kind, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Column = npt.NDArray[Any] | str | float | bool | None

DATE = -1


@dataclass(frozen=True, slots=True)
class Table:
    """A row a record: `course` (number), `day` (of the calendar, from 0), `second` of the day.

    A second of `DATE` is a date without a time. `columns` are the fields of the kind: an array a
    field (NaN or None where a record lacks it), or one value for all rows.
    """

    kind: str
    course: Ints
    day: Ints
    second: Ints
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.course)

    def take(self, rows: npt.NDArray[Any]) -> Table:
        """Some of the rows, by mask or by number.

        >>> whole = table("mood", np.array([4, 5]), np.array([0, 9]), instrument="PHQ-9")
        >>> whole.take(np.array([False, True])).course.tolist()
        [5]
        """
        return Table(
            self.kind,
            self.course[rows],
            self.day[rows],
            self.second[rows],
            {
                name: column[rows] if isinstance(column, np.ndarray) else column
                for name, column in self.columns.items()
            },
        )

    def column(self, name: str) -> npt.NDArray[Any]:
        """One column with a value a row."""
        found = self.columns[name]
        if isinstance(found, np.ndarray):
            return found
        return np.full(len(self), found, dtype=None if isinstance(found, float) else object)

    def lists(self, *, compact: bool) -> tuple[dict[str, Any], dict[str, list[Any]]]:
        """Fields that all rows share, and lists of the others, None where a row lacks it.

        `compact`: whole numbers are written without a fraction.
        """
        same = {k: v for k, v in self.columns.items() if not isinstance(v, np.ndarray)}
        lists = {
            name: _listed(column, compact)
            for name, column in self.columns.items()
            if isinstance(column, np.ndarray)
        }
        return {k: v for k, v in same.items() if v is not None}, lists


def table(
    kind: str, course: Ints, day: Ints, second: Ints | None = None, /, **columns: Column
) -> Table:
    """A table; without seconds its moments are dates."""
    given = np.full(len(course), DATE, dtype=np.int64) if second is None else second
    return Table(kind, course, day, given, columns)


def joined(tables: Sequence[Table]) -> Table:
    """Tables of one kind below each other; a column that one lacks is empty there.

    >>> one, none = np.array([1]), np.array([0])
    >>> both = joined([table("mood", one, none, score=np.array([9.0])), table("mood", one, none)])
    >>> both.lists(compact=True)
    ({}, {'score': [9, None]})
    """
    names = list(dict.fromkeys(name for one in tables for name in one.columns))
    return Table(
        tables[0].kind,
        np.concatenate([one.course for one in tables]),
        np.concatenate([one.day for one in tables]),
        np.concatenate([one.second for one in tables]),
        {name: _column([one.columns.get(name) for one in tables], tables) for name in names},
    )


def _column(parts: Sequence[Column], tables: Sequence[Table]) -> Column:
    first = parts[0]
    if not isinstance(first, np.ndarray) and all(
        not isinstance(part, np.ndarray) and part == first for part in parts
    ):
        return first
    numbers = all(
        part is None
        or (isinstance(part, np.ndarray) and part.dtype.kind == "f")
        or isinstance(part, float)
        for part in parts
    )
    kind: Any = np.float64 if numbers else object
    nothing = np.nan if numbers else None
    filled = [
        part.astype(kind)
        if isinstance(part, np.ndarray)
        else np.full(len(one), nothing if part is None else part, dtype=kind)
        for part, one in zip(parts, tables, strict=True)
    ]
    return np.concatenate(filled)


def _listed(column: npt.NDArray[Any], compact: bool) -> list[Any]:
    if column.dtype.kind != "f":
        found: list[Any] = column.tolist()
        return found
    absent = np.isnan(column)
    whole = compact and bool(np.all((column == np.floor(column)) | absent))
    values: list[Any] = np.where(absent, 0, column).astype(np.int64 if whole else float).tolist()
    for row in np.flatnonzero(absent).tolist():
        values[row] = None
    return values
