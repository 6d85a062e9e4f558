"""Tables on disk give back what was put into them."""

from __future__ import annotations

import csv
import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import InputError
from streams.scoring import tables

NAMES = ["A", 'B "b"', "C, c", "D\nd", "é", "NA"]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(st.floats(allow_infinity=False), min_size=6, max_size=6))
def test_what_is_written_is_read(tmp_path: Path, name: str, values: list[float]) -> None:
    path = tmp_path / name
    tables.write(
        path,
        {
            "name": np.array(NAMES, dtype=object),
            "n": np.arange(6, dtype=np.int64),
            "score": np.array(values),
        },
    )
    assert tables.columns_of(path) == ("name", "n", "score")
    back = tables.read(path, ["name"], ["n"])
    assert back["name"] == NAMES
    assert back["n"].tolist() == list(range(6))
    if name == "t.csv":
        with path.open(newline="", encoding="utf-8") as file:
            cells = [row["score"] for row in csv.DictReader(file)]
        assert [cell == "" for cell in cells] == [math.isnan(value) for value in values]
        assert [float(cell) for cell in cells if cell] == [v for v in values if not math.isnan(v)]


def test_only_names_that_need_it_are_quoted(tmp_path: Path) -> None:
    tables.write(tmp_path / "t.csv", {"name": np.array(["A b", "A,b"], dtype=object)})
    assert (tmp_path / "t.csv").read_text() == 'name\nA b\n"A,b"\n'


@pytest.mark.parametrize(
    "text", ["name\nA\n", "name,n\nA,\n", "name,n\nA,1.5\n", "name,n\nA,x\n", "name,n\nA\n", ""]
)
def test_a_table_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        tables.read(tmp_path / "t.csv", ["name"], ["n"])
    assert caught.value.code == "bad_table"
    assert "\n" not in str(caught.value)


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(b"not gzip")
    (tmp_path / "t.parquet").write_bytes(b"not parquet")
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\n")
    for name in ("t.csv.gz", "t.parquet", "t.csv"):
        with pytest.raises(InputError) as caught:
            tables.columns_of(tmp_path / name)
        assert caught.value.code == "bad_table"
    with pytest.raises(InputError) as caught:
        tables.columns_of(tmp_path / "none.csv")
    assert caught.value.code == "no_such_file"
    with pytest.raises(InputError) as caught:
        tables.write(tmp_path / "none" / "t.csv", {"n": np.arange(1)})
    assert caught.value.code == "cannot_write"


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "t.csv.gz", "wb") as file:
        file.write('\ufeff"name","n"\r\nA,1\r\n'.encode())
    assert tables.columns_of(tmp_path / "t.csv.gz") == ("name", "n")
    assert tables.read(tmp_path / "t.csv.gz", ["name"], ["n"])["name"] == ["A"]
