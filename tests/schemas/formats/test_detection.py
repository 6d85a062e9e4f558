"""A file that cannot be read at all is refused at once, with a code."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from schemas.errors import InputError
from schemas.formats import FORMATS, detect_format, read
from tests.schemas.formats.samples import FAERS_CSV, written
from tests.support import shared


def refusal(path: Path, form: str = "auto") -> str:
    with pytest.raises(InputError) as caught:
        read(path, form)
    return caught.value.code


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b" \n\n", "empty_file"),
        ("a,b\n1,2\n".encode("utf-16"), "wrong_encoding"),
        (b"a,b\n1,2\n", "unknown_format"),
        (b"report_id,report_id,products,events\n", "bad_header"),
        (b'report_id,"products\n', "bad_header"),
        (b",,,\n1,2,3,4\n", "bad_header"),
        (b"x" * 70_000, "bad_header"),
        (b"\x00\x01\x02 no table", "unknown_format"),
        (b'[{"report_id": 1},', "malformed_json"),
        (b'{"report_id": }', "malformed_json"),
        (b"{\xff}", "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (b'{"meta": {}, "results": []}', "unknown_format"),
        (b'{"anything": "1"}\n{"anything": "2"}\n', "unknown_format"),
        (b"\x1f\x8b\x08 broken off", "damaged_file"),
        (gzip.compress(FAERS_CSV.encode(), mtime=0)[:60], "damaged_file"),
        (b"PK\x03\x04 no zip", "unknown_format"),
        (b"<?xml version='1.0'?><html/>", "unknown_format"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(content: bytes, code: str, tmp_path: Path) -> None:
    name = "reports" if code == "unknown_format" else "reports.csv"
    assert refusal(written(tmp_path, content, name)) == code


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing.csv") == "no_such_file"
    assert refusal(tmp_path) == "no_such_file"


def test_a_format_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    assert refusal(written(tmp_path, FAERS_CSV), "e2b") == "unknown_format"


def test_the_refusal_names_every_format(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        detect_format(written(tmp_path, "a,b\n1,2\n"))
    assert all(form in str(caught.value) for form in FORMATS)


def test_a_table_of_one_format_is_refused_as_another(tmp_path: Path) -> None:
    path = written(tmp_path, FAERS_CSV)
    assert [refusal(path, form) for form in ("vaers_csv", "diana_csv", "csv")] == ["bad_header"] * 3
    assert refusal(path, "json") == "malformed_json"


def test_a_column_of_our_own_table_that_does_not_exist_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "report_id,products,events,initials\n1,A,B,JD\n")
    with pytest.raises(InputError, match="initials") as caught:
        read(path)
    assert caught.value.code == "unknown_column"


def test_a_table_without_reactions_is_none_of_ours(tmp_path: Path) -> None:
    assert refusal(written(tmp_path, "report_id,products\n1,A\n")) == "bad_header"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("faers_2025q3/reports.csv", "faers_csv"),
        ("vaers_1998_1999/reports.csv.gz", "vaers_csv"),
        ("diana/reports.csv", "diana_csv"),
        ("faers_ascii/aers_ascii_2004q1.zip", "faers_ascii"),
        ("faers_ascii/faers_ascii_2017q2.zip", "faers_ascii"),
        ("faers_ascii/DELETE22Q4.txt", "faers_ascii"),
        ("faers_ascii/ADR12Q4.xml.gz", "e2b_r2"),
        ("openfda/event.json", "openfda"),
    ],
)
def test_published_files_are_known(name: str, form: str) -> None:
    assert detect_format(shared(f"data/{name}")) == form


@pytest.mark.parametrize(
    "name",
    [
        "reference_sets/alert_registry.csv",
        "reference_sets/unified_controls.csv",
        "faers_2025q3/DEMO25Q3_sample.txt.gz",
    ],
)
def test_published_files_of_other_kinds_are_refused(name: str) -> None:
    assert refusal(shared(f"data/{name}")) == "unknown_format"
