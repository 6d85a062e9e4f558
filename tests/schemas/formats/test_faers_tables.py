"""FAERS, VAERS and DiAna tables: what each column becomes, and counts made independently."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.formats import read
from schemas.report import Report
from tests.schemas.formats.samples import (
    DIANA_CSV,
    FAERS_CSV,
    FLAT_CSV,
    VAERS_CSV,
    codes,
    expected,
    records,
    reports,
    written,
)
from tests.support import shared


def test_a_faers_row_becomes_a_report(tmp_path: Path) -> None:
    first, second = reports(written(tmp_path, FAERS_CSV))
    assert first == expected(
        sender="import:faers_csv",
        report_id="1",
        version=2,
        received_at="2025-07-03",
        first_received_at="2025-06-01",
        report_type="spontaneous",
        reporter="physician",
        country="US",
        patient={"age_years": 50, "sex": "female"},
        products=[{"name": "SPRAVATO", "role": "unknown"}],
        reactions=[
            {
                "term": term,
                "onset_at": "2025-06",
                "seriousness": ["hospitalisation", "other_medically_important"],
            }
            for term in ("Dissociation", "Nausea")
        ],
    )
    assert second.country == "GB", "the country of occurrence stands in where the reporter's lacks"
    assert second.reactions[0].seriousness == ("death",)
    assert second.reactions[0].outcome is None, "which reaction was fatal is not known"


def test_a_vaers_row_becomes_a_report_with_each_vaccine_under_its_whole_name(
    tmp_path: Path,
) -> None:
    first, second = reports(written(tmp_path, VAERS_CSV))
    assert first == expected(
        sender="import:vaers_csv",
        report_id="7",
        received_at="1999-02-12",
        report_type="spontaneous",
        patient={"age_years": 0.2, "sex": "male"},
        products=[
            {
                "name": name,
                "role": "suspect",
                "started_at": "1998-11-28",
                "stopped_at": "1998-11-28",
            }
            for name in ("DTAP (ACEL-IMUNE)", "ROTAVIRUS (ROTASHIELD)")
        ],
        reactions=[
            {
                "term": "Intussusception",
                "onset_at": "1998-12-27",
                "seriousness": ["hospitalisation"],
            }
        ],
    )
    assert [p.name for p in second.products] == ["POLIO VIRUS, ORAL (ORIMUNE)"]
    assert second.version is None
    assert second.reactions[0].seriousness == ()


def test_a_diana_row_becomes_a_report_with_roles(tmp_path: Path) -> None:
    (found,) = reports(written(tmp_path, DIANA_CSV))
    assert [(p.name, p.role) for p in found.products] == [
        ("ketamine", "suspect"),
        ("lithium", "concomitant"),
    ]
    assert (found.report_id, found.version, found.country) == ("3", 1, "US")
    assert found.patient is not None
    assert (found.patient.age_years, found.patient.weight_kg) == (20.0, 60.0)
    assert found.reactions[0].onset_at == "2004"


@pytest.mark.parametrize(
    ("old", "new", "code", "path"),
    [
        ("20250703,2025", ",2025", "missing", "received_at"),
        ("20250703,2025", "20251350,2025", "not_a_date", "received_at"),
        ("12,1,2,", "12,,2,", "missing", "report_id"),
        ("12,1,2,", "12,1,x,", "wrong_type", "version"),
        ("SPRAVATO", "", "no_product", ""),
        ("Dissociation|Nausea", "|", "no_reaction", ""),
        ("SPRAVATO", "S" * 251, "too_long", "products[0].name"),
    ],
)
def test_a_required_value_that_is_missing_or_wrong_is_a_fault(
    old: str, new: str, code: str, path: str, tmp_path: Path
) -> None:
    found = records(written(tmp_path, FAERS_CSV.replace(old, new, 1)))
    assert [(f.code, f.path) for f in found[0].faults] == [(code, path)]
    assert found[0].record_id == ("1" if path != "report_id" else None)
    assert codes(found)[1:] == [""]


def test_optional_values_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    odd = FAERS_CSV.replace(",202506,EXP,MD,US,US,F,5,DEC,", ",20259999,NEW,XX,A1,ZZ9,Q,5,,")
    reading = read(written(tmp_path, odd))
    first = next(reading)
    assert first.faults == ()
    assert reading.unknown == {
        "event_dt: no date": 1,
        "rept_cod: NEW": 1,
        "occp_cod: XX": 1,
        "reporter_country: A1": 1,
        "occr_country: ZZ9": 1,
        "sex: Q": 1,
        "age: unit missing": 1,
    }
    assert b"20259999" in first.raw, "the record's raw text keeps what the report leaves out"


def table(path: Path) -> Iterator[dict[str, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def test_all_10_000_faers_cases_are_reports() -> None:
    path = shared("data/faers_2025q3/reports.csv")
    found = {report.report_id: report for report in reports(path)}
    assert len(found) == 10_000
    rows = list(table(path))
    drugs, terms, criteria = Counter[str](), Counter[str](), Counter[bool]()
    for row in rows:
        drugs[row["drugname"]] += 1
        terms.update(row["pts"].split("|"))
        criteria[row["outcomes"] != ""] += 1
    assert Counter(p.name for r in found.values() for p in r.products) == drugs
    assert Counter(x.term for r in found.values() for x in r.reactions) == terms
    serious = Counter(any(x.seriousness for x in r.reactions) for r in found.values())
    assert serious == criteria == {True: 5_796, False: 4_204}
    assert drugs["SPRAVATO"] + drugs["ESKETAMINE"] == 32


def test_all_22_227_vaers_rows_are_accounted_for() -> None:
    path = shared("data/vaers_1998_1999/reports.csv.gz")
    found = records(path)
    assert Counter(codes(found)) == {"": 22_226, "no_reaction": 1}
    names, terms, deaths = Counter[str](), Counter[str](), 0
    for row in table(path):
        if row["pts"]:
            names.update(row["vax_name"].split("|"))
            terms.update(row["pts"].split("|"))
            deaths += row["died"] == "Y"
    good = [record.report for record in found if record.report]
    assert Counter(p.name for r in good for p in r.products) == names
    assert Counter(x.term for r in good for x in r.reactions) == terms
    assert sum("death" in r.reactions[0].seriousness for r in good) == deaths
    third = sorted(
        r.received_at
        for r in good
        if any("ROTASHIELD" in p.name for p in r.products)
        and any(x.term == "Intussusception" for x in r.reactions)
    )[2]
    assert third == "1999-02-12"


def test_all_1_000_diana_rows_are_accounted_for() -> None:
    path = shared("data/diana/reports.csv")
    found = records(path)
    assert Counter(codes(found)) == {"": 994, "no_product": 6}
    roles = Counter(
        drug.rpartition("::")[2] for r in table(path) for drug in r["drugs_role"].split("|")
    )
    got = Counter(p.role for r in found if r.report for p in r.report.products)
    assert got == {
        "suspect": roles["PS"] + roles["SS"],
        "interacting": roles["I"],
        "concomitant": roles["C"],
    }


def test_our_own_table_holds_reports_as_json(tmp_path: Path) -> None:
    header = (
        "sender,report_id,version,status,received_at,first_received_at,report_type,reporter,country,"
        "external_ids,pseudonym,age_years,sex,weight_kg,products,route,dose_mg,setting,reactions,"
        "onset_at,outcome,seriousness,narrative\n"
    )
    row = (
        "clinic-a,A-1,2,active,2025-07-03T10:00:00Z,2025-07-01,solicited,physician,US,X-1|X-2,p7,"
        "34.5,female,60,Spravato::suspect|Lithium::C|Odd::name,intranasal||oral,84,clinic,"
        "Dissociation|Nausea,2025-07-03|,recovered,death+hospitalisation|,felt odd\n"
    )
    (found,) = records(written(tmp_path, header + row))
    assert found.sender == "clinic-a"
    assert Report.model_validate_json(found.raw) == expected(
        sender="clinic-a",
        report_id="A-1",
        version=2,
        received_at="2025-07-03T10:00:00Z",
        first_received_at="2025-07-01",
        report_type="solicited",
        reporter="physician",
        country="US",
        external_ids=["X-1", "X-2"],
        patient={"pseudonym": "p7", "age_years": 34.5, "sex": "female", "weight_kg": 60},
        products=[
            {
                "name": "Spravato",
                "role": "suspect",
                "route": "intranasal",
                "dose_mg": 84,
                "setting": "clinic",
            },
            {"name": "Lithium", "role": "concomitant", "dose_mg": 84, "setting": "clinic"},
            {"name": "Odd::name", "route": "oral", "dose_mg": 84, "setting": "clinic"},
        ],
        reactions=[
            {
                "term": "Dissociation",
                "onset_at": "2025-07-03",
                "outcome": "recovered",
                "seriousness": ["death", "hospitalisation"],
            },
            {"term": "Nausea", "outcome": "recovered"},
        ],
        narrative="felt odd",
    )


def test_our_own_table_needs_as_many_values_as_products_or_one(tmp_path: Path) -> None:
    content = "report_id,received_at,products,route,events\n1,2025,A|B|C,oral|nasal,E\n"
    found = records(written(tmp_path, content))
    assert [(f.code, f.path) for r in found for f in r.faults] == [("wrong_count", "route")]


def test_the_short_table_gives_roles_in_letters(tmp_path: Path) -> None:
    (found,) = records(written(tmp_path, FLAT_CSV))
    report = Report.model_validate_json(found.raw)
    assert [(p.name, p.role) for p in report.products] == [
        ("KETALAR", "suspect"),
        ("LITHIUM", "concomitant"),
    ]
    assert [x.term for x in report.reactions] == ["Nausea", "Vomiting"]
