"""E2B(R2): what each tag becomes, the headers that files come with, and the published quarter."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from schemas.errors import InputError
from schemas.formats import Reading, SourceRecord, detect_format, read
from schemas.report import Report
from tests.schemas.formats.e2b import ichicsr, safetyreport
from tests.schemas.formats.samples import codes, expected, records, reports, written
from tests.support import shared


def reading(folder: Path, *found: str) -> tuple[list[SourceRecord], Reading]:
    read_ = read(written(folder, ichicsr(found), "batch.xml"))
    return list(read_), read_


def one(folder: Path, **changes: str) -> Report:
    (report,) = reports(written(folder, ichicsr([safetyreport(**changes)]), "batch.xml"))
    return report


def test_a_safety_report_becomes_a_report(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        head="<safetyreportversion>2</safetyreportversion><transmissiondateformat>102"
        "</transmissiondateformat><transmissiondate>20250801</transmissiondate><serious>1</serious>"
        "<seriousnessdeath>2</seriousnessdeath><seriousnesshospitalization>1"
        "</seriousnesshospitalization><companynumb>US-ACME-2025001</companynumb>"
        "<reportduplicate><duplicatesource>EMA</duplicatesource><duplicatenumb>EU-EC-100"
        "</duplicatenumb></reportduplicate><linkedreport><linkreportnumb>US-ACME-2025002"
        "</linkreportnumb></linkedreport>",
        patient="<patientinvestigationnumb>P-7</patientinvestigationnumb><patientonsetage>18"
        "</patientonsetage><patientonsetageunit>802</patientonsetageunit><patientweight>60.5"
        "</patientweight><patientsex>2</patientsex>"
        "<summary><narrativeincludeclinical>A narrative.</narrativeincludeclinical></summary>",
        reactions="<reaction><primarysourcereaction>felt unreal</primarysourcereaction>"
        "<reactionmeddraversionpt>16.0</reactionmeddraversionpt><reactionmeddrapt>Dissociation"
        "</reactionmeddrapt><reactionstartdateformat>610</reactionstartdateformat>"
        "<reactionstartdate>202506</reactionstartdate><reactionoutcome>6</reactionoutcome>"
        "</reaction>",
        drugs="<test><testdate>202505</testdate><testdateformat>610</testdateformat><testname>ALT"
        "</testname><testresult>31.5</testresult><testunit>U/L</testunit></test>"
        "<drug><drugcharacterization>3</drugcharacterization><medicinalproduct>SPRAVATO"
        "</medicinalproduct><drugstructuredosagenumb>0.084</drugstructuredosagenumb>"
        "<drugstructuredosageunit>002</drugstructuredosageunit><drugdosageform>SPRAY"
        "</drugdosageform><drugadministrationroute>045</drugadministrationroute><drugindication>"
        "Depression</drugindication><drugstartdateformat>102</drugstartdateformat><drugstartdate>"
        "20250601</drugstartdate><drugenddateformat>602</drugenddateformat><drugenddate>2025"
        "</drugenddate><drugrecurreadministration>2</drugrecurreadministration></drug>",
    )
    assert found == expected(
        sender="import:e2b_r2",
        report_id="US-CLINIC-1",
        version=2,
        received_at="2025-07-03",
        first_received_at="2025-07-02",
        created_at="2025-08-01",
        report_type="spontaneous",
        reporter="physician",
        country="US",
        external_ids=["US-ACME-2025001", "EU-EC-100", "US-ACME-2025002"],
        patient={"pseudonym": "P-7", "age_years": 1.5, "sex": "female", "weight_kg": 60.5},
        products=[
            {
                "name": "SPRAVATO",
                "role": "interacting",
                "route": "045",
                "dose_mg": 84,
                "indication": "Depression",
                "formulation": "SPRAY",
                "started_at": "2025-06-01",
                "stopped_at": "2025",
                "rechallenge": "negative",
            }
        ],
        reactions=[
            {
                "term": "Dissociation",
                "onset_at": "2025-06",
                "outcome": "unknown",
                "seriousness": ["hospitalisation"],
            }
        ],
        biomarkers=[{"name": "ALT", "value": 31.5, "unit": "U/L", "at": "2025-05"}],
        narrative="A narrative.",
    )


def test_a_nullification_voids_the_case(tmp_path: Path) -> None:
    assert one(tmp_path, head="<casenullification>1</casenullification>").status == "nullified"
    assert one(tmp_path).status == "active"
    found, _ = reading(tmp_path, safetyreport(head="<casenullification>x</casenullification>"))
    assert [(f.code, f.path) for f in found[0].faults] == [("not_permitted", "C.1.11.1")]


@pytest.mark.parametrize(
    ("head", "report_type"),
    [("<reporttype>2</reporttype>", "study"), ("<reporttype>4</reporttype>", "unknown")],
)
def test_the_type_of_report(head: str, report_type: str, tmp_path: Path) -> None:
    found, _ = reading(tmp_path, safetyreport().replace("<reporttype>1</reporttype>", head))
    assert found[0].report is not None
    assert found[0].report.report_type == report_type


def test_a_study_that_is_none_of_a_trial_is_solicited(tmp_path: Path) -> None:
    study = safetyreport(source="<observestudytype>3</observestudytype>")
    found, _ = reading(tmp_path, study.replace("<reporttype>1<", "<reporttype>2<"))
    assert found[0].report is not None
    assert found[0].report.report_type == "solicited"


def test_the_primary_sources_country_stands_in_where_the_reporters_lacks(tmp_path: Path) -> None:
    country = "<primarysourcecountry>JP</primarysourcecountry>"
    assert one(tmp_path, head=country, source="").country == "JP"
    assert one(tmp_path, head=country).country == "US"


@pytest.mark.parametrize(
    ("unit", "years"),
    [("801", 18), ("802", 1.5), ("803", 0.345), ("804", 0.0493), ("800", None), ("899", None)],
)
def test_an_age_is_in_years_and_a_decade_is_no_age(
    unit: str, years: float | None, tmp_path: Path
) -> None:
    age = f"<patientonsetage>18</patientonsetage><patientonsetageunit>{unit}</patientonsetageunit>"
    found = one(tmp_path, patient=age)
    assert (found.patient.age_years if found.patient else None) == years


@pytest.mark.parametrize(
    ("tags", "odd"),
    [
        ("<patientsex>3</patientsex>", "D.5: 3"),
        ("<patientbirthdate>19910701</patientbirthdate>", "D.2.1: can identify a person"),
        ("<patientinitial>JD</patientinitial>", "D.1: can identify a person"),
    ],
)
def test_what_cannot_be_used_is_counted(tags: str, odd: str, tmp_path: Path) -> None:
    _, read_ = reading(tmp_path, safetyreport(patient=tags))
    assert read_.unknown[odd] == 1


def test_an_unknown_criterion_a_date_of_another_format_and_a_weak_id_are_counted(
    tmp_path: Path,
) -> None:
    head = (
        "<serious>1</serious><seriousnessother>9</seriousnessother><companynumb>NONE</companynumb>"
        "<transmissiondateformat>102</transmissiondateformat><transmissiondate>201207"
        "</transmissiondate>"
    )
    found, read_ = reading(tmp_path, safetyreport(head=head))
    assert found[0].report is not None
    assert (found[0].report.created_at, found[0].report.external_ids) == (None, ())
    assert read_.unknown == {
        "E.i.3.2f: 9": 1,
        "serious: no criterion": 1,
        "C.1.8.1: no id": 1,
        "transmissiondate: not of format 102": 1,
    }


def test_an_information_date_of_another_format_is_a_fault(tmp_path: Path) -> None:
    dates = "<receiptdateformat>102</receiptdateformat><receiptdate>201207</receiptdate>"
    found, _ = reading(tmp_path, safetyreport(dates=dates))
    assert [(f.code, f.path) for f in found[0].faults] == [("not_a_date", "C.1.5")]


def test_a_term_that_is_a_code_alone_gives_way_to_a_text(tmp_path: Path) -> None:
    term = (
        "<reaction><primarysourcereaction>unreal</primarysourcereaction>"
        "<reactionmeddrallt>10013457</reactionmeddrallt></reaction>"
    )
    assert one(tmp_path, reactions=term).reactions[0].term == "unreal"


_PUBLIC = '<!DOCTYPE ichicsr PUBLIC "-//ICHM2//DTD ICH ICSR Vers. 2.1//EN"{}>'


@pytest.mark.parametrize(
    "before",
    [
        "",
        '<?xml version="1.0" encoding="ISO-8859-1"?>',
        '<?xml version="1.0"?>\n<!DOCTYPE ichicsr SYSTEM "http://127.0.0.1:9/icsr21xml.dtd">\n',
        '<!DOCTYPE ichicsr SYSTEM "ich-icsr-v2-1.dtd">',
        _PUBLIC.format(""),
        _PUBLIC.format(' "ich-icsr-v2.1.sgm"'),
    ],
)
def test_a_header_with_or_without_a_document_type_changes_nothing(
    before: str, tmp_path: Path
) -> None:
    path = written(tmp_path, ichicsr([safetyreport()], before=before), "batch.xml")
    plain = written(tmp_path, ichicsr([safetyreport()]), "plain.xml")
    assert detect_format(path) == "e2b_r2"
    assert [r.report for r in records(path)] == [r.report for r in records(plain)]


@pytest.mark.parametrize(
    "before",
    [
        '<!DOCTYPE ichicsr SYSTEM "x" [<!ENTITY a "b">]>',
        '<!DOCTYPE ichicsr [<!ENTITY % p SYSTEM "outside.ent"> %p;]>',
    ],
)
def test_a_document_type_that_declares_anything_is_refused(before: str, tmp_path: Path) -> None:
    path = written(tmp_path, ichicsr([safetyreport()], before=before), "batch.xml")
    for form in ("auto", "e2b_r2"):
        with pytest.raises(InputError) as caught:
            read(path, form)
        assert caught.value.code == "dtd_forbidden"


def test_tags_in_capitals_and_characters_by_name_are_those_of_sgml(tmp_path: Path) -> None:
    content = ichicsr(
        [safetyreport(patient="<patientinvestigationnumb>caf&eacute;</patientinvestigationnumb>")],
        before='<!DOCTYPE ICHICSR SYSTEM "x">',
    )
    capitals = re.sub(r"</?[a-z]+", lambda tag: tag[0].upper(), content)
    (report,) = reports(written(tmp_path, capitals, "batch.sgm"))
    assert report.patient is not None
    assert report.patient.pseudonym == "café"


def test_a_report_that_is_broken_costs_no_other(tmp_path: Path) -> None:
    broken = [
        safetyreport("A-2").replace("</patient>", ""),
        safetyreport("A-3", patient="<patientinitial>&nobody;</patientinitial>"),
        safetyreport("A-4").replace("</safetyreport>", ""),
        safetyreport("A-5", patient="<a>" * 100_000),
    ]
    found, _ = reading(tmp_path, safetyreport("A-1"), *broken, safetyreport("A-6"))
    assert codes(found) == ["", *["malformed_xml"] * 4, ""]


def test_what_is_nested_too_deep_is_left_out(tmp_path: Path) -> None:
    deep = "<drug>" * 20_000 + "</drug>" * 20_000
    assert len(one(tmp_path, patient=deep).products) == 1


def test_a_faulty_report_says_which_element(tmp_path: Path) -> None:
    found, _ = reading(
        tmp_path, safetyreport(dates=""), safetyreport(drugs=""), safetyreport(reactions="")
    )
    assert [(r.faults[0].code, r.faults[0].path) for r in found] == [
        ("missing", "C.1.5"),
        ("no_product", "G.k"),
        ("no_reaction", "E.i"),
    ]


def test_the_published_quarter_has_as_many_drugs_and_reactions_as_tags() -> None:
    path = shared("data/faers_ascii/ADR12Q4.xml.gz")
    text = gzip.decompress(path.read_bytes()).decode()
    found = reports(path)
    # by hand in the file: 5 reports, 69 drugs, 43 reactions
    assert (text.count("<safetyreport>"), text.count("<drug>"), text.count("<reaction>")) == (
        5,
        69,
        43,
    )
    assert len(found) == 5
    assert sum(len(report.products) for report in found) == 69
    assert sum(len(report.reactions) for report in found) == 43
    suspects = text.count("<drugcharacterization>1</drugcharacterization>")
    roles = [product.role for report in found for product in report.products]
    assert roles.count("suspect") == suspects
    assert [(r.report_id, r.version, r.received_at) for r in found] == [
        ("7795712", 2, "2012-10-03"),
        ("7795970", 5, "2012-10-05"),
        ("7668475", 3, "2012-12-05"),
        ("7757074", 2, "2012-10-22"),
        ("7735661", 3, "2012-09-06"),
    ]
