"""FAERS quarterly files: names stay with their roles, known defects are mended, none is lost."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from zipfile import ZipFile

import pytest

from schemas.errors import InputError
from schemas.formats import detect_format, faers_zip, read
from schemas.formats.faers_ascii import GREATEST_VERSION
from schemas.report import Report
from tests.schemas.formats.samples import (
    FAERS_TABLES,
    codes,
    expected,
    quarter,
    records,
    reports,
    written,
)
from tests.support import shared

DEMO, DRUG, REAC = (f"ascii/{name}25Q3.txt" for name in ("DEMO", "DRUG", "REAC"))


def test_the_tables_of_a_case_become_one_report(tmp_path: Path) -> None:
    first, second, *_ = reports(quarter(tmp_path))
    assert first == expected(
        sender="import:faers_ascii",
        report_id="100",
        version=2,
        received_at="2025-07-03",
        first_received_at="2025-06-01",
        report_type="spontaneous",
        reporter="physician",
        country="US",
        external_ids=["US-ACME-2025001"],
        patient={"age_years": 34, "sex": "female", "weight_kg": 60},
        products=[
            {
                "name": "SPRAVATO",
                "role": "suspect",
                "route": "Nasal",
                "dose_mg": 84,
                "indication": "Depression",
                "formulation": "SPRAY",
                "started_at": "2025-05-01",
                "stopped_at": "2025-06-03",
                "dechallenge": "positive",
                "rechallenge": "negative",
            },
            {
                "name": "LITHIUM",
                "role": "concomitant",
                "route": "Oral",
                "indication": "Mania",
                "started_at": "2020",
            },
        ],
        reactions=[
            {"term": term, "onset_at": "2025-06", "seriousness": ["hospitalisation", "death"]}
            for term in ("Dissociation", "Nausea")
        ],
    )
    assert (second.report_type, second.country) == ("study", None)
    assert [(p.name, p.role, p.dose_mg) for p in second.products] == [
        ("KETALAR", "interacting", None),
        ("KETAMINE", "suspect", 200.0),
    ]


def test_deleted_cases_are_nullifications_that_hold_against_any_version(tmp_path: Path) -> None:
    *_, one, other = reports(quarter(tmp_path))
    assert one == expected(
        sender="import:faers_ascii",
        report_id="100",
        version=GREATEST_VERSION,
        status="nullified",
        received_at="2025-09-30",
        report_type="spontaneous",
    )
    assert other.report_id == "555"


@pytest.mark.parametrize(
    "name", ["DELETE22Q4.txt", "ADR22Q4DeletedCases.txt", "deleted_2022q4.TXT", "22Q4.txt"]
)
def test_a_loose_list_of_deleted_cases_is_known_by_name_or_content(
    name: str, tmp_path: Path
) -> None:
    path = written(tmp_path, "\n10\n11$\r\n12\n", name)
    assert detect_format(path) == "faers_ascii"
    assert [(r.report_id, r.received_at) for r in reports(path)] == [
        (number, "2022-12-31") for number in ("10", "11", "12")
    ]


def test_a_list_of_deleted_cases_needs_its_quarter_and_numbers(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(written(tmp_path, "10\n11\n", "deleted.txt"))
    assert caught.value.code == "unknown_quarter"
    found = records(written(tmp_path, "caseid\n10\nJohn\n12\n", "DELETE22Q4.txt"))
    assert codes(found) == ["", "malformed_row", ""]


def test_the_deleted_list_of_2022q4_has_every_line_as_a_nullification() -> None:
    path = shared("data/faers_ascii/DELETE22Q4.txt")
    ids = path.read_text().split()
    assert [r.report_id for r in reports(path)] == ids
    assert len(ids) == 3_624


def test_letter_case_and_folders_of_names_do_not_matter(tmp_path: Path) -> None:
    plain = reports(quarter(tmp_path))
    with ZipFile(tmp_path / "other.zip", "w") as archive:
        for name, content in FAERS_TABLES.items():
            archive.writestr(name.upper().replace("ASCII/", ""), content.replace("\n", "\r\n"))
        archive.writestr("__MACOSX/ascii/._DEMO25Q3.txt", b"\x00\x05")
        archive.writestr("README.pdf", b"%PDF")
    assert reports(tmp_path / "other.zip") == plain


def test_header_names_are_stripped_and_lower_cased_and_a_renewed_table_counts(
    tmp_path: Path,
) -> None:
    plain = reports(quarter(tmp_path))
    demo = FAERS_TABLES[DEMO]
    header, _, rest = demo.partition("\n")
    changed = header.upper().replace("$REPT_DT", "$ REPT_DT ") + "\n" + rest
    path = quarter(
        tmp_path, {DEMO: "primaryid$caseid\n", DEMO.replace(".txt", "_new.txt"): changed}
    )
    assert reports(path) == plain


def mended(folder: Path, table: str, old: str, new: str) -> tuple[list[Report], Counter[str]]:
    """The reports of the quarter with one change, and what was counted."""
    assert old in FAERS_TABLES[table]
    reading = read(quarter(folder, {table: FAERS_TABLES[table].replace(old, new)}))
    found = list(reading)
    assert codes(found) == [""] * len(found)
    return [r.report for r in found if r.report], reading.unknown


def test_one_more_empty_field_in_a_row_than_in_the_header_shifts_nothing(tmp_path: Path) -> None:
    plain = reports(quarter(tmp_path))
    assert mended(tmp_path, DRUG, "SPRAY$\n", "SPRAY$$\n")[0] == plain
    assert mended(tmp_path, DEMO, "$MD$US$US\n", "$MD$US$US$\n")[0] == plain


def test_two_records_on_one_line_are_taken_apart(tmp_path: Path) -> None:
    plain = reports(quarter(tmp_path))
    found, unknown = mended(tmp_path, DRUG, "SPRAY$\n1002$100$2", "SPRAY$$1002$100$2")
    assert found == plain
    assert unknown["mended: two records on one line"] == 1


def test_a_record_broken_over_lines_is_put_together(tmp_path: Path) -> None:
    plain = reports(quarter(tmp_path))
    found, unknown = mended(tmp_path, DRUG, "$Oral$$$$", "$Oral\r\n$$\n$$")
    assert [p.route for p in found[0].products] == ["Nasal", "Oral"]
    assert found == plain
    assert unknown["mended: record over several lines"] == 1


def test_a_dollar_within_the_manufacturers_number_is_put_back(tmp_path: Path) -> None:
    found, unknown = mended(tmp_path, DEMO, "US-ACME-2025001", "JP-CUBIST-$E2B0000001")
    assert found[0].external_ids == ("JP-CUBIST-$E2B0000001",)
    assert found[0].patient is not None
    assert found[0].patient.age_years == 34
    assert unknown["mended: $ within mfr_num"] == 1


def test_a_dollar_elsewhere_shifts_nothing_silently(tmp_path: Path) -> None:
    for old, new in (("$ACME$", "$AC$ME$"), ("$34$", "$3$4$"), ("$US$US", "$U$S$US")):
        path = quarter(tmp_path, {DEMO: FAERS_TABLES[DEMO].replace(old, new, 1)})
        found = [r for r in records(path) if r.report is None or r.report.status == "active"]
        # the row of DEMO is at fault, and the rows of other tables belong to no report then
        assert Counter(codes(found)) == {"": 1, "ragged_row": 1, "no_report": 13}


def test_quotes_nul_and_other_encodings_stay_within_their_row(tmp_path: Path) -> None:
    drug = FAERS_TABLES[DRUG].replace("LITHIUM$LITHIUM", 'LITHIUM "5\x00 mg$LITHIUM')
    reac = FAERS_TABLES[REAC].encode().replace(b"Sedation", "Ménière".encode("cp1252"))
    reading = read(quarter(tmp_path, {DRUG: drug, REAC: reac}))
    first, second, *_ = (record.report for record in reading)
    assert first is not None
    assert second is not None
    assert first.products[1].name == 'LITHIUM "5 mg'
    assert second.reactions[0].term == "Ménière"
    assert reading.unknown["encoding: read as windows-1252"] == 1


def test_rows_of_no_report_are_records_at_fault(tmp_path: Path) -> None:
    drug = FAERS_TABLES[DRUG] + "9991$999$1$PS$LOST$$$$$$$$$$$$$$$\n"
    found = records(quarter(tmp_path, {DRUG: drug}))
    (lost,) = [record for record in found if record.faults]
    assert lost.faults[0].code == "no_report"
    assert lost.where == "DRUG25Q3.txt:7"
    assert b"LOST" in lost.raw


def test_a_case_without_drugs_or_reactions_is_a_record_at_fault(tmp_path: Path) -> None:
    for table, code in ((DRUG, "no_product"), (REAC, "no_reaction")):
        rows = [row for row in FAERS_TABLES[table].splitlines() if not row.startswith("1011$")]
        found = records(quarter(tmp_path, {table: "\n".join(rows)}))
        assert codes(found) == ["", code, "", ""]
        assert found[1].record_id == "101"


def test_memory_is_bounded_without_changing_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = quarter(tmp_path, {DRUG: FAERS_TABLES[DRUG] + "9991$999$1$PS$LOST$$$$$$$$$$$$$$$\n"})
    whole = read(path)
    at_once = list(whole)
    monkeypatch.setattr(faers_zip, "AT_ONCE", 1)
    by_parts = read(path)
    assert list(by_parts) == at_once
    assert by_parts.unknown == whole.unknown


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({DRUG: None}, "missing_table"),
        ({DEMO: ""}, "bad_header"),
        ({DEMO: "name$age\n"}, "bad_header"),
        ({"ascii/DEMO25Q4.txt": "primaryid$caseid\n"}, "ambiguous_quarter"),
    ],
)
def test_a_zip_that_is_no_quarter_is_refused(
    changes: dict[str, str | bytes | None], code: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        read(quarter(tmp_path, changes))
    assert caught.value.code == code


def test_a_damaged_zip_is_refused_where_the_damage_is(tmp_path: Path) -> None:
    path = quarter(tmp_path)
    content = bytearray(path.read_bytes())
    at = content.index(b"SPRAVATO")
    content[at : at + 8] = b"SPRAVATI"  # the checksum of DRUG no longer holds
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(read(path))
    assert caught.value.code == "damaged_file"


Rows = dict[str, list[dict[str, str]]]


def published(path: Path) -> dict[str, Rows]:
    """The tables of a published zip by plain splitting: table, key, rows."""
    found: dict[str, Rows] = {}
    with ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.lower().endswith(".txt"):
                continue
            header, *lines = archive.read(name).decode("latin-1").splitlines()
            columns = header.lower().split("$")
            rows: Rows = defaultdict(list)
            for line in lines:
                values = line.split("$")
                rows[values[0]].append(dict(zip(columns, values, strict=False)))
            found[name.rpartition("/")[2][:4].lower()] = rows
    return found


def _columns(table: Rows) -> set[str]:
    return set(next(iter(table.values()))[0])


@pytest.mark.parametrize(
    ("name", "case_column", "suspect", "concomitant", "interacting", "terms", "deaths", "studies"),
    [
        # counted once by hand from the files: PS + SS, C, I; rows of REAC; DE in OUTC; SDY in RPSR
        ("aers_ascii_2004q1", "case", 153, 233, 0, 416, 13, 9),
        ("faers_ascii_2017q2", "caseid", 190, 134, 4, 286, 10, 0),
    ],
)
def test_a_published_quarter_has_the_counts_of_its_tables(  # noqa: PLR0917
    name: str,
    case_column: str,
    suspect: int,
    concomitant: int,
    interacting: int,
    terms: int,
    deaths: int,
    studies: int,
) -> None:
    path = shared(f"data/faers_ascii/{name}.zip")
    tables = published(path)
    found = {report.report_id: report for report in reports(path)}
    demo = {row[case_column]: key for key, (row,) in tables["demo"].items()}
    assert found.keys() == demo.keys()
    assert len(found) == 100
    assert Counter(p.role for r in found.values() for p in r.products) == Counter(
        suspect=suspect, concomitant=concomitant, interacting=interacting
    )
    for case, report in found.items():
        key = demo[case]
        roles = {"PS": "suspect", "SS": "suspect", "C": "concomitant", "I": "interacting"}
        assert [(p.name, p.role) for p in report.products] == [
            (row["drugname"], roles[row["role_cod"]]) for row in tables["drug"][key]
        ]
        # the tables of therapies and indications name the drug by its number
        number = "dsg_drug_seq" if "dsg_drug_seq" in _columns(tables["ther"]) else "drug_seq"
        starts = defaultdict(list)
        for row in tables["ther"][key]:
            if row["start_dt"]:
                starts[row[number]].append(row["start_dt"])
        number = "indi_drug_seq" if "indi_drug_seq" in _columns(tables["indi"]) else "drug_seq"
        given = {row[number]: row["indi_pt"] for row in reversed(tables["indi"][key])}
        for product, row in zip(report.products, tables["drug"][key], strict=True):
            assert product.indication == (given.get(row["drug_seq"]) or None)
            started = min(starts[row["drug_seq"]], default=None)
            assert (product.started_at or "").replace("-", "") == (started or "")
        assert [x.term for x in report.reactions] == [row["pt"] for row in tables["reac"][key]]
        outcomes = {row["outc_cod"] for row in tables["outc"][key]}
        assert ("death" in report.reactions[0].seriousness) == ("DE" in outcomes)
        assert bool(report.reactions[0].seriousness) == bool(outcomes)
        day = tables["demo"][key][0]["fda_dt"]
        assert report.received_at.replace("-", "") == day
        version = tables["demo"][key][0].get("caseversion")
        assert report.version == (int(version) if version else None)
    assert sum(len(r.reactions) for r in found.values()) == terms
    assert sum("death" in r.reactions[0].seriousness for r in found.values()) == deaths
    assert sum(r.report_type == "study" for r in found.values()) == studies
