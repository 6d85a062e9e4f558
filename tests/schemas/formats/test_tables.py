"""Lines and rows: what cannot be read is one record at fault, and costs no other row."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from schemas.formats import read
from schemas.formats.lines import decoded, lines
from schemas.formats.tables import rows
from schemas.record import MAX_BYTES
from tests.schemas.formats.samples import codes, records, written

HEADER = "report_id,received_at,products,events\n"
SOUND = "{},2025-07-03,KETALAR,Nausea\n"


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=20))
def test_lines_are_those_between_line_ends(content: list[bytes]) -> None:
    found = list(lines(io.BytesIO(b"".join(line + b"\n" for line in content))))
    assert found == list(enumerate(content, 1))


def test_a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() -> None:
    source = io.BytesIO(b"a\n" + b"x" * (3 * MAX_BYTES) + b"\nb\n" + b"y" * (2 * MAX_BYTES))
    found = [(number, len(line)) for number, line in lines(source)]
    assert found == [(1, 1), (2, MAX_BYTES + 1), (3, 1), (4, MAX_BYTES + 1)]


def test_what_is_not_utf_8_is_read_as_windows_1252_and_counted() -> None:
    unknown: Counter[str] = Counter()
    assert decoded("Ménière".encode(), unknown) == "Ménière"
    assert decoded("Ménière".encode("cp1252"), unknown) == "Ménière"
    assert decoded(b"a\x00b\x1fc\td", unknown) == "abc\td"
    assert unknown == {
        "encoding: read as windows-1252": 1,
        "control characters: taken out": 1,
    }


@given(
    st.lists(
        st.lists(st.text(alphabet='ab ,"|\né', max_size=6), min_size=3, max_size=3), max_size=12
    )
)
def test_rows_are_those_that_a_csv_writer_wrote(content: list[list[str]]) -> None:
    import tempfile

    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([["a", "b", "c"], *content])
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), text.getvalue())
        found = list(rows(path, Counter()))
    assert [row.fault for row in found if row.fault] == []
    # a row of nothing at all is none
    assert [list(row.values.values()) for row in found] == [r for r in content if any(r)]


def test_a_ragged_row_is_a_record_at_fault_with_its_bytes_and_place(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + SOUND.format(1) + "2,2025-07-03,KETALAR\n" + SOUND.format(3))
    found = records(path)
    assert codes(found) == ["", "ragged_row", ""]
    assert (found[1].raw, found[1].where) == (b"2,2025-07-03,KETALAR", "reports.csv:3")


def test_surplus_fields_pass_only_where_they_are_empty(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "1,2025,A,B,,\n2,2025,A,B,,x\n")
    assert codes(records(path)) == ["", "ragged_row"]


def test_a_quote_that_is_never_closed_costs_its_own_line_alone(tmp_path: Path) -> None:
    sound = [SOUND.format(n) for n in range(20)]
    for place in (0, 7, 19):
        broken = [*sound]
        broken[place] = 'x,2025-07-03,"KETALAR,Nausea\n'
        found = records(written(tmp_path, HEADER + "".join(broken)))
        assert codes(found) == ["malformed_row" if n == place else "" for n in range(20)]
        assert [r.where for r in found] == [f"reports.csv:{n + 2}" for n in range(20)]


def test_a_quote_that_swallows_rows_up_to_the_next_quote_gives_them_back(tmp_path: Path) -> None:
    content = (
        HEADER
        + '1,2025-07-03,"KETALAR,Nausea\n'
        + SOUND.format(2)
        + '3,2025-07-03,"A, B",Nausea\n'
        + SOUND.format(4)
    )
    found = records(written(tmp_path, content))
    assert [bool(code) for code in codes(found)] == [True, False, False, False]


def test_a_line_that_is_too_long_is_a_record_at_fault(tmp_path: Path) -> None:
    long = "2,2025-07-03,KETALAR," + "x" * (2 * MAX_BYTES) + "\n"
    found = records(written(tmp_path, HEADER + SOUND.format(1) + long + SOUND.format(3)))
    assert codes(found) == ["", "record_too_large", ""]
    assert len(found[1].raw) == MAX_BYTES + 1


def test_a_field_that_is_too_long_for_the_parser_is_a_record_at_fault(tmp_path: Path) -> None:
    long = "2,2025-07-03,KETALAR," + "x" * 200_000 + "\n"
    found = records(written(tmp_path, HEADER + long + SOUND.format(3)))
    assert codes(found) == ["malformed_row", ""]


def test_carriage_returns_and_empty_rows_change_nothing(tmp_path: Path) -> None:
    content = (HEADER + SOUND.format(1) + ",,,\n\n" + SOUND.format(2)).replace("\n", "\r\n")
    found = records(written(tmp_path, content))
    assert codes(found) == ["", ""]
    assert [r.where for r in found] == ["reports.csv:2", "reports.csv:5"]


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_no_reader_of_tables_crashes(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), (HEADER + SOUND.format(1)).encode() + content)
        found = list(read(path, "csv"))
    assert len(found) >= 1
    assert sum(len(r.raw) for r in found) > 0
