"""A table of any columns is read by the mapping file that says what they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import InputError
from schemas.formats import detect_format, read
from tests.schemas.formats.samples import codes, expected, records, reports, written

TABLE = """\
Case no;Receipt;Drugs;Part;Events;Result;Age;Sex;Remark
C-1;03.07.2025;Spravato/Lithium;S/K;Dissoziation / Nausea;ok/;34;w;anything
C-2;04.07.2025;Ketamin;S;Zystitis;odd;;x;
"""
MAPPING = """\
delimiter = ";"
separator = "/"
date = "%d.%m.%Y"
[columns]
report_id = "Case no"
received_at = "Receipt"
products = "Drugs"
reactions = "events"
outcome = "Result"
age_years = "Age"
sex = "Sex"
[constants]
report_type = "solicited"
[words.sex]
w = "female"
m = "male"
[words.outcome]
ok = "recovered"
"""


def placed(folder: Path, table: str = TABLE, mapping: str | None = MAPPING) -> Path:
    """The table, with its mapping beside it."""
    if mapping is not None:
        written(folder, mapping, "cases.csv.toml")
    return written(folder, table, "cases.csv")


def test_a_row_becomes_a_report_as_the_mapping_says(tmp_path: Path) -> None:
    path = placed(tmp_path)
    assert detect_format(path) == "mapped_csv"
    found = read(path)
    first, second = [record.report for record in found]
    assert first == expected(
        sender="import:mapped_csv",
        report_id="C-1",
        received_at="2025-07-03",
        report_type="solicited",
        patient={"age_years": 34, "sex": "female"},
        products=[{"name": "Spravato"}, {"name": "Lithium"}],
        reactions=[{"term": "Dissoziation", "outcome": "recovered"}, {"term": "Nausea"}],
    )
    assert second is not None
    assert (second.patient, second.reactions[0].outcome) == (None, None)
    assert found.unknown == {"Sex: x": 1, "Result: odd": 1}


def test_what_no_field_names_is_kept_in_the_raw_record(tmp_path: Path) -> None:
    assert b"anything" in records(placed(tmp_path))[0].raw


def test_a_mapping_may_stand_anywhere_if_it_is_given(tmp_path: Path) -> None:
    path = placed(tmp_path, mapping=None)
    mapping = written(tmp_path, MAPPING, "mapping.toml")
    assert [r.report for r in read(path, mapping=mapping)] == [
        r.report for r in records(placed(tmp_path))
    ]


def test_without_a_format_for_dates_iso_and_plain_digits_are_read(tmp_path: Path) -> None:
    mapping = '[columns]\nreport_id="a"\nreceived_at="b"\nproducts="c"\nevents="d"\nonset_at="e"\n'
    table = "a,b,c,d,e\n1,20250703,A,B,2025-07-01T10:15:00Z\n2,2025-07,A,B,soon\n3,soon,A,B,\n"
    found = read(placed(tmp_path, table, mapping))
    rows = list(found)
    assert codes(rows) == ["", "", "not_a_date"]
    assert rows[0].report is not None
    assert rows[0].report.received_at == "2025-07-03"
    assert rows[0].report.reactions[0].onset_at == "2025-07-01T10:15:00Z"
    assert found.unknown == {"e: soon": 1}


def test_a_date_of_another_format_than_the_mapping_says_is_a_fault(tmp_path: Path) -> None:
    found = records(placed(tmp_path, TABLE.replace("03.07.2025", "2025-07-31")))
    assert codes(found) == ["", ""], "an ISO date is one whatever the mapping says"
    found = records(placed(tmp_path, TABLE.replace("03.07.2025", "07/31/2025")))
    assert codes(found) == ["not_a_date", ""]


def test_a_row_of_another_sender_than_the_one_given_is_its_own(tmp_path: Path) -> None:
    mapping = MAPPING.replace("[constants]", '[constants]\nsender = "clinic-a"')
    path = placed(tmp_path, mapping=mapping)
    assert {r.sender for r in records(path)} == {"clinic-a"}
    given = records(path, sender="clinic-b")
    assert {r.sender for r in given} == {"clinic-b"}
    assert {r.report.sender for r in given if r.report} == {"clinic-a"}, "refused as another's"


def test_a_row_that_does_not_fit_is_at_fault_alone(tmp_path: Path) -> None:
    table = TABLE + "C-3;05.07.2025;A\nC-4;05.07.2025;A/B;S;X;ok/ok/ok;;;\n"
    found = records(placed(tmp_path, table))
    assert codes(found) == ["", "", "ragged_row", "wrong_count"]


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ("no toml", "bad_mapping"),
        ("[columns]\nreport_id = 1\n", "bad_mapping"),
        ("", "bad_mapping"),
        (MAPPING.replace('reactions = "events"\n', ""), "bad_mapping"),
        (MAPPING.replace("sex = ", "shoe_size = "), "bad_mapping"),
        (MAPPING + "[more]\n", "bad_mapping"),
        (MAPPING.replace('delimiter = ";"', 'delimiter = ";;"'), "bad_mapping"),
        (MAPPING.replace("%d.%m.%Y", "%q"), "bad_mapping"),
        (MAPPING.replace('"Receipt"', '"Received"'), "bad_header"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_at_once(
    mapping: str, code: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        read(placed(tmp_path, mapping=mapping))
    assert caught.value.code == code


def test_a_table_without_a_mapping_is_refused(tmp_path: Path) -> None:
    path = placed(tmp_path, mapping=None)
    with pytest.raises(InputError) as caught:
        read(path, "mapped_csv")
    assert caught.value.code == "no_mapping"
    with pytest.raises(InputError) as caught:
        read(path, mapping=tmp_path / "nothing.toml")
    assert caught.value.code == "no_mapping"


def test_a_mapping_changes_nothing_of_files_that_are_no_tables(tmp_path: Path) -> None:
    written(tmp_path, MAPPING, "reports.ndjson.toml")
    path = written(tmp_path, '{"report_id": "1"}\n{"report_id": "2"}', "reports.ndjson")
    assert detect_format(path) == "ndjson"
    assert len(reports(placed(tmp_path))) == 2
