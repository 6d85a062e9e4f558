"""Tables on disk: CSV or Parquet, gzipped or not."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from schemas.errors import InputError

ROWS_AT_ONCE = 100_000


def is_parquet(path: Path) -> bool:
    """Whether a file's name says Parquet.

    >>> is_parquet(Path("scores.parquet")), is_parquet(Path("scores.csv.gz"))
    (True, False)
    """
    return path.suffix.lower() in (".parquet", ".pq")


def columns_of(path: Path) -> tuple[str, ...]:
    """The names of a table's columns; InputError `no_such_file`, `bad_table`."""
    if not path.is_file():
        raise InputError("no_such_file", f"there is no file {path}")
    try:
        if is_parquet(path):
            return tuple(pyarrow.parquet.read_schema(path).names)
        with cast(IO[bytes], gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
            head = file.readline().decode("utf-8-sig")
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError("bad_table", f"{path} is no table: {error}") from error
    return tuple(name.strip().strip('"') for name in head.rstrip("\r\n").split(","))


def read(path: Path, text: Iterable[str], whole: Iterable[str] = ()) -> dict[str, Any]:
    """Columns of a table: lists of str for `text`, int64 arrays for `whole`.

    InputError `bad_table` where a column is missing, a number is not whole, or a cell is empty
    in a column of numbers.
    """
    text, whole = tuple(text), tuple(whole)
    types = {**dict.fromkeys(text, pa.string()), **dict.fromkeys(whole, pa.int64())}
    try:
        if is_parquet(path):
            table = pyarrow.parquet.read_table(path, columns=list(types))
            table = pa.table({name: table[name].cast(kind) for name, kind in types.items()})
        else:
            table = pyarrow.csv.read_csv(
                path,
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=[""],
                    strings_can_be_null=False,
                ),
            )
    except (pa.ArrowException, OSError, KeyError) as error:
        raise InputError("bad_table", f"{path}: {_in_one_line(error)}") from error
    for name in whole:
        if table[name].null_count:
            raise InputError("bad_table", f"{path}: column {name} has empty cells")
    return {
        **{name: pc.fill_null(table[name], "").to_pylist() for name in text},
        **{name: table[name].to_numpy() for name in whole},
    }


def write(path: Path, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """A table of names, counts and scores; NaN becomes an empty cell (CSV) or null (Parquet).

    Numbers are written so that reading them gives the same bits.
    """
    table = pa.table({name: _arrow(values) for name, values in columns.items()})
    try:
        if is_parquet(path):
            pyarrow.parquet.write_table(table, path)
        else:
            with cast(
                IO[bytes], gzip.open(path, "wb") if path.suffix == ".gz" else path.open("wb")
            ) as file:
                file.write((",".join(columns) + "\n").encode())
                for batch in table.to_batches(ROWS_AT_ONCE):
                    file.write(_lines(batch))
    except OSError as error:
        raise InputError("cannot_write", f"{path}: {error.strerror or error}") from error


def _arrow(values: npt.NDArray[Any]) -> Any:
    if values.dtype == np.float64:
        return pa.array(values, from_pandas=True)
    return pa.array(values, type=pa.string() if values.dtype == object else pa.int64())


def _lines(batch: Any) -> bytes:
    cells = [
        _quoted(column) if pa.types.is_string(column.type) else column.cast(pa.string())
        for column in batch.columns
    ]
    lines = pc.binary_join_element_wise(
        *cells, ",", null_handling="replace", null_replacement=""
    ).to_pylist()
    return "".join(f"{line}\n" for line in lines).encode()


def _quoted(names: Any) -> Any:
    """Names in quotes where they hold a comma, a quote or a line break, as RFC 4180 has it."""
    special = pc.match_substring_regex(names, '[",\r\n]')
    quoted = pc.binary_join_element_wise(
        '"', pc.replace_substring(names, pattern='"', replacement='""'), '"', ""
    )
    return pc.if_else(special, quoted, names)


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
