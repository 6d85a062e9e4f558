"""E2B(R3): what each data element becomes, and what happens to messages that are not in order."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import pytest

from schemas.errors import InputError
from schemas.formats import Reading, SourceRecord, detect_format, e2b_r3, read
from schemas.formats.source import Source
from schemas.record import MAX_BYTES, checked
from schemas.report import Biomarker, Product, Report
from tests.schemas.formats.e2b import (
    batch,
    characteristic,
    code,
    coded,
    drug,
    flag,
    linked,
    message,
    other_id,
    reaction,
    role,
    source,
    value,
)
from tests.schemas.formats.samples import codes, expected, records, reports, written
from tests.support import shared

_ICH = "2.16.840.1.113883.3.989.2.1."
_SECOND_DRUG = "00000000-0000-0000-0000-0000000000d2"
_SECOND_REACTION = "00000000-0000-0000-0000-0000000000e2"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def reading(folder: Path, *messages: str) -> tuple[list[SourceRecord], Reading]:
    """Every record of a batch of messages, and the reading with what it counted."""
    found = read(written(folder, batch(messages), "batch.xml"))
    return list(found), found


def one(folder: Path, **changes: str) -> Report:
    """The report that one message becomes."""
    (report,) = reports(written(folder, batch([message(**changes)]), "batch.xml"))
    return report


def test_a_message_becomes_a_report(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        narrative="A narrative.\n",
        player=f'<name nullFlavor="MSK"/>{code("2", "1.0.5218", "administrativeGenderCode")}'
        f'<asIdentifiedEntity classCode="IDENT"><id extension="P-7" root="{_ICH}3.10"/>'
        f"{code('4', '1.4')}</asIdentifiedEntity>",
        patient=coded("3", value("PQ", 'value="34" unit="a"'), "subjectOf2", "SBJ")
        + coded("7", value("PQ", 'value="60.5" unit="kg"'), "subjectOf2", "SBJ"),
        tests='<component typeCode="COMP"><observation classCode="OBS" moodCode="EVN"><code '
        'code="10001551" codeSystem="2.16.840.1.113883.6.163"><originalText>ALT</originalText>'
        '</code><effectiveTime value="202506"/>'
        '<value xsi:type="IVL_PQ"><center value="31.5" unit="U/L"/></value></observation>'
        "</component>",
        drugs=drug(
            "Spravato",
            dosage='<effectiveTime xsi:type="SXPR_TS"><comp xsi:type="PIVL_TS"><period value="1" '
            'unit="wk"/></comp><comp xsi:type="IVL_TS" operator="A"><low value="20250601"/><high '
            'value="20250701"/></comp></effectiveTime><routeCode code="20049000" '
            'codeSystem="0.4.0.127.0.16.1.1.2.6"/><doseQuantity value="84" unit="mg"/>'
            '<consumable typeCode="CSM"><instanceOfKind classCode="INST"><kindOfProduct '
            'classCode="MMAT" determinerCode="KIND"><formCode><originalText>Spray</originalText>'
            "</formCode></kindOfProduct></instanceOfKind></consumable>",
            more=coded(
                "31",
                value("CE", f'code="1" codeSystem="{_ICH}1.16"'),
            )
            + coded(
                "19",
                value("CE", "", "<originalText>Depression</originalText>"),
                "inboundRelationship",
                "RSON",
            ),
        ),
    )
    assert found == expected(
        sender="import:e2b_r3",
        report_id="US-CLINIC-1",
        received_at="2025-07-03",
        first_received_at="2025-07-02",
        created_at="2025-07-04T10:15:00Z",
        report_type="spontaneous",
        reporter="physician",
        country="US",
        patient={"pseudonym": "P-7", "age_years": 34, "sex": "female", "weight_kg": 60.5},
        products=[
            {
                "name": "Spravato",
                "role": "suspect",
                "route": "Nasal use",
                "dose_mg": 84,
                "indication": "Depression",
                "formulation": "Spray",
                "started_at": "2025-06-01",
                "stopped_at": "2025-07-01",
                "rechallenge": "positive",
            }
        ],
        reactions=[
            {
                "term": "Dissociation",
                "onset_at": "2025-07-01",
                "outcome": "recovered",
                "seriousness": ["hospitalisation"],
            }
        ],
        biomarkers=[{"name": "ALT", "value": 31.5, "unit": "U/L", "at": "2025-06"}],
        narrative="A narrative.\n",
    )


@pytest.mark.parametrize(
    ("given", "word"),
    [("1", "suspect"), ("2", "concomitant"), ("3", "interacting"), ("9", "unknown")],
)
def test_a_role_is_joined_to_its_drug_by_the_id_of_both(
    given: str, word: str, tmp_path: Path
) -> None:
    found = one(
        tmp_path,
        drugs=drug("Spravato") + drug("Lithium", uuid=_SECOND_DRUG),
        roles=role("1") + role(given, _SECOND_DRUG),
    )
    assert [(p.name, p.role) for p in found.products] == [
        ("Spravato", "suspect"),
        ("Lithium", word),
    ]


def test_a_drug_without_a_role_has_an_unknown_one(tmp_path: Path) -> None:
    assert one(tmp_path, roles="").products[0].role == "unknown"
    elsewhere = role("2", "00000000-0000-0000-0000-0000000000ff")
    assert one(tmp_path, roles=elsewhere).products[0].role == "unknown"


def test_a_drug_that_was_not_administered_is_left_out_and_counted(tmp_path: Path) -> None:
    both = message(
        drugs=drug("Spravato") + drug("Lithium", uuid=_SECOND_DRUG),
        roles=role("4") + role("1", _SECOND_DRUG),
    )
    (found,), read_ = reading(tmp_path, both)
    assert found.report is not None
    assert [p.name for p in found.report.products] == ["Lithium"]
    assert read_.unknown["G.k.1: 4, not administered"] == 1


@pytest.mark.parametrize(
    ("coding", "more", "term"),
    [
        (
            'code="1" displayName="Derealisation"',
            coded("30", value("ED", "", "Unreal")),
            "Derealisation",
        ),
        ('code="1"', coded("30", value("ED", "", "Unreal")), "Unreal"),
        ('code="1"', "", "Entrückung"),
    ],
)
def test_the_term_of_a_reaction_is_the_best_text_that_is_given(
    coding: str, more: str, term: str, tmp_path: Path
) -> None:
    found = one(tmp_path, reactions=reaction("Entrückung", coding=coding, more=more))
    assert found.reactions[0].term == term


def test_a_reaction_with_a_code_alone_is_under_its_code_and_counted(tmp_path: Path) -> None:
    (found,), read_ = reading(tmp_path, message(reactions=reaction("", coding='code="10013457"')))
    assert found.report is not None
    assert found.report.reactions[0].term == "10013457"
    assert read_.unknown["E.i.2.1b: code without a text"] == 1


def test_each_criterion_of_seriousness_is_its_own_reactions(tmp_path: Path) -> None:
    observed = {
        "34": "death",
        "21": "life_threatening",
        "33": "hospitalisation",
        "35": "disability",
        "12": "congenital_anomaly",
        "26": "other_medically_important",
    }
    found = one(
        tmp_path,
        reactions="".join(
            reaction(word, uuid=f"00000000-0000-0000-0000-0000000000{number}").replace(
                flag("34", False), flag(number, True)
            )
            for number, word in observed.items()
        ),
    )
    for one_, word in zip(found.reactions, observed.values(), strict=True):
        assert set(one_.seriousness) == {"hospitalisation", word}


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ("0", "unknown"),
        ("1", "recovered"),
        ("2", "recovering"),
        ("3", "not_recovered"),
        ("4", "sequelae"),
        ("5", "fatal"),
        ("6", None),
    ],
)
def test_an_outcome_is_that_of_its_code_and_never_guessed(
    given: str, outcome: str | None, tmp_path: Path
) -> None:
    (found,), read_ = reading(tmp_path, message(reactions=reaction(outcome=given)))
    assert found.report is not None
    assert found.report.reactions[0].outcome == outcome
    assert read_.unknown["E.i.7: 6"] == (outcome is None)


def test_a_code_of_another_list_is_not_read_as_one_of_ours(tmp_path: Path) -> None:
    elsewhere = characteristic("1", value("CE", 'code="2" codeSystem="1.2.3"'))
    (found,), read_ = reading(tmp_path, message(characteristics=elsewhere))
    assert found.report is not None
    assert found.report.report_type == "unknown"
    assert read_.unknown["C.1.3: 2@1.2.3"] == 1


@pytest.mark.parametrize(
    ("kind", "study", "report_type"),
    [
        ("1", None, "spontaneous"),
        ("2", None, "study"),
        ("2", "1", "study"),
        ("2", "2", "solicited"),
        ("2", "3", "solicited"),
        ("1", "3", "spontaneous"),
        ("3", None, "other"),
        ("4", None, "unknown"),
    ],
)
def test_the_type_of_report_is_told_by_the_type_of_study_too(
    kind: str, study: str | None, report_type: str, tmp_path: Path
) -> None:
    research = (
        '<subjectOf1 typeCode="SBJ"><researchStudy classCode="CLNTRL" moodCode="EVN">'
        f"{code(study or '', '1.8')}</researchStudy></subjectOf1>"
    )
    found = one(
        tmp_path,
        patient=research if study else "",
        characteristics=characteristic("1", value("CE", f'code="{kind}" codeSystem="{_ICH}1.2"')),
    )
    assert found.report_type == report_type


def test_the_reporter_is_the_primary_source_for_regulatory_purposes(tmp_path: Path) -> None:
    links = source("5", "FR", primary=False) + source("2", "DE")
    found = one(tmp_path, links=links)
    assert (found.reporter, found.country) == ("pharmacist", "DE")


def test_ids_of_other_senders_and_linked_reports_follow_the_worldwide_one(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        world_id="FR-FIRST-9",
        links=linked("DE-LINK-3"),
        others=other_id("Agency", "EU-EC-5"),
    )
    assert found.external_ids == ("FR-FIRST-9", "EU-EC-5", "DE-LINK-3")
    assert one(tmp_path).external_ids == (), "the report's own id names nothing else"


def nullification(kind: str, reason: str = "entered twice") -> str:
    return characteristic(
        "3", value("CE", f'code="{kind}" codeSystem="{_ICH}1.5"')
    ) + characteristic("4", value("CE", "", f"<originalText>{reason}</originalText>"))


def test_a_nullification_voids_the_case_and_an_amendment_does_not(tmp_path: Path) -> None:
    assert one(tmp_path, characteristics=nullification("1")).status == "nullified"
    assert one(tmp_path, characteristics=nullification("2")).status == "active"


def test_a_nullification_needs_no_content(tmp_path: Path) -> None:
    found = one(tmp_path, characteristics=nullification("1"), reactions="", drugs="", roles="")
    assert (found.status, found.products, found.reactions) == ("nullified", (), ())


def test_whether_a_case_is_void_is_never_guessed(tmp_path: Path) -> None:
    (found,), _ = reading(tmp_path, message(characteristics=nullification("3")))
    assert [(f.code, f.path) for f in found.faults] == [("not_permitted", "C.1.11.1")]
    assert found.record_id == "US-CLINIC-1"


def test_versions_are_ordered_by_information_date_then_by_creation(tmp_path: Path) -> None:
    stated = [
        ("20250703", "20250710101500+0000"),
        ("20250703", "20250711101500+0000"),
        ("20250703120000+0000", "20250704101500+0000"),
        ("20250705", "20250704101500+0000"),
    ]
    for order in permutations(range(4)):
        found = reports(
            written(
                tmp_path,
                batch([message(received=stated[i][0], created=stated[i][1]) for i in order]),
                "batch.xml",
            )
        )
        keys = [checked("reports", r, sender=r.sender, taken_at=NOW).order_key for r in found]
        assert sorted(range(4), key=lambda i: keys[i]) == sorted(range(4), key=lambda i: order[i])


def test_dates_keep_their_precision_and_a_time_without_zone_is_counted(tmp_path: Path) -> None:
    (found,), read_ = reading(
        tmp_path, message(received="202507031015", first="2025", created="20250704101500-0530")
    )
    assert found.report is not None
    assert found.report.received_at == "2025-07-03"
    assert found.report.first_received_at == "2025"
    assert found.report.created_at == "2025-07-04T10:15:00-05:30"
    assert read_.unknown["C.1.5: time without zone"] == 1


@pytest.mark.parametrize(
    "times",
    [
        '<low value="20250701"/><high value="20250703"/>',
        '<comp xsi:type="IVL_TS"><low value="20250701"/></comp>'
        '<comp xsi:type="IVL_TS" operator="A"><width value="2" unit="d"/></comp>',
    ],
)
def test_the_onset_is_read_from_both_forms_of_an_interval(times: str, tmp_path: Path) -> None:
    assert one(tmp_path, reactions=reaction(onset=times)).reactions[0].onset_at == "2025-07-01"


def test_an_onset_that_is_masked_is_none(tmp_path: Path) -> None:
    masked = reaction(onset='<low nullFlavor="MSK"/>')
    assert one(tmp_path, reactions=masked).reactions[0].onset_at is None


@pytest.mark.parametrize(
    ("amount", "unit", "years"),
    [
        ("34", "a", 34),
        ("18", "mo", 1.5),
        ("10", "wk", 0.1916),
        ("7", "10.a", None),
        ("x", "a", None),
    ],
)
def test_an_age_is_in_years_and_a_decade_is_no_age(
    amount: str, unit: str, years: float | None, tmp_path: Path
) -> None:
    found = one(
        tmp_path,
        patient=coded("3", value("PQ", f'value="{amount}" unit="{unit}"'), "subjectOf2", "SBJ"),
    )
    assert (found.patient.age_years if found.patient else None) == years


@pytest.mark.parametrize(
    ("born", "years"),
    [
        ("19910701", 34),
        ("19910702", 33),
        ("202501", None),
        ("20250601", 0.0821),
        ("20260101", None),
    ],
)
def test_without_an_age_it_is_told_by_the_dates_of_birth_and_onset(
    born: str, years: float | None, tmp_path: Path
) -> None:
    # 30 days before the onset of 2025-07-01 are 30 / 365.25 years
    found = one(tmp_path, player=f'<birthTime value="{born}"/>')
    assert (found.patient.age_years if found.patient else None) == years


def test_what_can_identify_a_person_is_left_out_and_counted(tmp_path: Path) -> None:
    player = (
        f'<name>JD</name><birthTime value="19910701"/><asIdentifiedEntity classCode="IDENT"><id '
        f'extension="MRN-1" root="{_ICH}3.9"/>{code("3", "1.4")}</asIdentifiedEntity>'
    )
    (found,), read_ = reading(tmp_path, message(player=player))
    assert found.report is not None
    kept = checked("reports", found.report, sender=found.sender, taken_at=NOW).body
    assert not any(secret in kept for secret in (b"JD", b"MRN-1", b"1991"))
    for number in ("D.1", "D.1.1.3", "D.2.1"):
        assert read_.unknown[f"{number}: can identify a person"] == 1


def dosage(content: str) -> str:
    return drug(dosage=content)


@pytest.mark.parametrize(
    ("amount", "milligrams"),
    [
        ('value="0.5" unit="g"', 500),
        ('value="250" unit="ug"', 0.25),
        ('value="2" unit="{DF}"', None),
        ('value="1" unit="Mg"', None),
    ],
)
def test_a_dose_is_in_milligrams_and_units_are_told_apart_by_case(
    amount: str, milligrams: float | None, tmp_path: Path
) -> None:
    found = one(tmp_path, drugs=dosage(f"<doseQuantity {amount}/>"))
    assert found.products[0].dose_mg == milligrams


@pytest.mark.parametrize(
    ("route", "text"),
    [
        ('code="20045000" codeSystem="0.4.0.127.0.16.1.1.2.6"', "Intravenous use"),
        ('code="C38288" displayName="Oral" codeSystem="2.16.840.1.113883.3.26.1.1"', "Oral"),
        ('code="048" codeSystem="2.16.840.1.113883.3.989.2.1.1.14"', "048"),
        ('nullFlavor="UNK"', None),
    ],
)
def test_a_route_is_kept_whatever_list_it_is_coded_in(
    route: str, text: str | None, tmp_path: Path
) -> None:
    assert one(tmp_path, drugs=dosage(f"<routeCode {route}/>")).products[0].route == text


def test_of_several_dosages_the_first_dose_and_the_outer_dates_are_taken(tmp_path: Path) -> None:
    def given(start: str, end: str, dose: str) -> str:
        return (
            f'<effectiveTime xsi:type="IVL_TS"><low value="{start}"/><high value="{end}"/>'
            f'</effectiveTime><doseQuantity value="{dose}" unit="mg"/>'
        )

    second = (
        '<outboundRelationship2 typeCode="COMP"><substanceAdministration classCode="SBADM" '
        f'moodCode="EVN">{given("202505", "20250801", "84")}</substanceAdministration>'
        "</outboundRelationship2>"
    )
    (found,), read_ = reading(
        tmp_path, message(drugs=drug(dosage=given("20250601", "20250701", "56"), more=second))
    )
    assert found.report is not None
    product = found.report.products[0]
    assert (product.dose_mg, product.started_at, product.stopped_at) == (
        56,
        "2025-05",
        "2025-08-01",
    )
    assert read_.unknown["G.k.4.r.1a: further dose of a drug"] == 1


def test_a_drug_without_a_name_is_called_by_its_substances(tmp_path: Path) -> None:
    substance = (
        '<ingredient classCode="ACTI"><ingredientSubstance><name>{}</name>'
        "</ingredientSubstance></ingredient>"
    )
    nameless = drug("").replace(
        "<name></name>", substance.format("KETAMINE") + substance.format("MIDAZOLAM")
    )
    assert one(tmp_path, drugs=nameless).products[0].name == "KETAMINE / MIDAZOLAM"


def result(content: str) -> str:
    return (
        '<component typeCode="COMP"><observation classCode="OBS" moodCode="EVN"><code>'
        f"<originalText>ALT</originalText></code>{content}</observation></component>"
    )


def interval(low: str, high: str) -> str:
    return f'<value xsi:type="IVL_PQ"><low {low}/><high {high}/></value>'


@pytest.mark.parametrize(
    ("content", "value_", "unit"),
    [
        ('<value xsi:type="IVL_PQ"><center value="10" unit="U/L"/></value>', 10.0, "U/L"),
        (interval('nullFlavor="NINF"', 'value="10" unit="U/L" inclusive="false"'), "<10", "U/L"),
        (interval('nullFlavor="NINF"', 'value="10" unit="U/L" inclusive="true"'), "<=10", "U/L"),
        (interval('value="10" unit="U/L" inclusive="false"', 'nullFlavor="PINF"'), ">10", "U/L"),
        (interval('value="10" unit="U/L" inclusive="true"', 'nullFlavor="PINF"'), ">=10", "U/L"),
        (interval('value="5" unit="U/L"', 'value="10" unit="U/L"'), ">=5 <=10", "U/L"),
        ('<value xsi:type="ED">high</value>', "high", None),
        (f'<interpretationCode code="1" codeSystem="{_ICH}1.12"/>', "positive", None),
    ],
)
def test_a_result_keeps_what_it_is_compared_with(
    content: str, value_: float | str, unit: str | None, tmp_path: Path
) -> None:
    assert one(tmp_path, tests=result(content)).biomarkers == (
        Biomarker(name="ALT", value=value_, unit=unit),
    )


def test_a_test_without_a_result_is_left_out_and_counted(tmp_path: Path) -> None:
    (found,), read_ = reading(tmp_path, message(tests=result("")))
    assert found.report is not None
    assert found.report.biomarkers == ()
    assert read_.unknown["F.r: no name or no result"] == 1


@pytest.mark.parametrize(
    ("changes", "code_", "element"),
    [
        ({"received": ""}, "missing", "C.1.5"),
        ({"received": "20251301"}, "not_a_date", "C.1.5"),
        ({"report_id": ""}, "missing", "C.1.1"),
        ({"report_id": "x" * 101}, "too_long", "C.1.1"),
        ({"drugs": ""}, "no_product", "G.k"),
        ({"reactions": ""}, "no_reaction", "E.i"),
        ({"drugs": drug("") + drug("B")}, "too_short", "G.k.2.2[1]"),
        ({"drugs": drug("A") + drug("x" * 251)}, "too_long", "G.k.2.2[2]"),
        ({"reactions": reaction() + reaction("", coding="")}, "too_short", "E.i.1.1a[2]"),
    ],
)
def test_a_fault_names_the_data_element(
    changes: dict[str, str], code_: str, element: str, tmp_path: Path
) -> None:
    (found,), _ = reading(tmp_path, message(**changes))
    assert [(f.code, f.path) for f in found.faults] == [(code_, element)]
    assert found.report is None


def test_a_fault_that_is_found_later_can_name_the_data_element_too(tmp_path: Path) -> None:
    (found,), _ = reading(tmp_path, message())
    assert found.element_of("received_at") == "C.1.5"
    assert found.element_of("reactions[1].onset_at") == "E.i.4[2]"


@pytest.mark.parametrize("kind", ["PORR_IN049017UV", "PORR_IN049018UV"])
def test_a_message_of_another_kind_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    found, _ = reading(tmp_path, message("A-1"), message("A-2", kind=kind), message("A-3"))
    assert codes(found) == ["", "unsupported_message", ""]
    assert found[1].faults[0].path == kind


@pytest.mark.parametrize(
    "damage",
    [
        lambda m: m.replace("<subject1", "<subject1 <", 1),
        lambda m: m.replace("</investigationEvent>", ""),
        lambda m: m.replace("</PORR_IN049016UV>", ""),
        lambda m: m.replace("<statusCode", "&entity;<statusCode", 1),
        lambda m: m.replace("<statusCode", "\x01<statusCode", 1),
        lambda m: m.replace("<statusCode", "<!DOCTYPE x [<!ENTITY e 'x'>]><statusCode", 1),
    ],
)
def test_a_message_that_is_no_xml_costs_no_other(
    damage: Callable[[str], str], tmp_path: Path
) -> None:
    found, _ = reading(tmp_path, message("A-1"), damage(message("A-2")), message("A-3"))
    assert codes(found) == ["", "malformed_xml", ""]
    assert [r.report.report_id for r in found if r.report] == ["A-1", "A-3"]
    assert b"A-2" in found[1].raw


def test_a_message_over_a_mebibyte_is_one_at_fault(tmp_path: Path) -> None:
    found, _ = reading(
        tmp_path, message("A-1", narrative="x" * MAX_BYTES), message("A-2"), message("A-3")
    )
    assert codes(found) == ["record_too_large", "", ""]


def test_documents_are_cut_out_of_a_message_that_is_too_large_with_them(tmp_path: Path) -> None:
    document = (
        '<reference typeCode="REFR"><document classCode="DOC" moodCode="EVN">'
        f'{code("1", "1.27")}<text mediaType="application/pdf" representation="B64">'
        f"{'QUJD' * (MAX_BYTES // 2)}</text></document></reference>"
    )
    large = message("A-1").replace("<component", document + "<component", 1)
    found, read_ = reading(tmp_path, large, message("A-2"))
    assert codes(found) == ["", ""]
    assert len(found[0].raw) < 10_000
    held = b"QUJD" * (MAX_BYTES // 2)
    note = f"{len(held)} bytes, SHA-256 {hashlib.sha256(held).hexdigest()}"
    assert note.encode() in found[0].raw
    assert sum(n for odd, n in read_.unknown.items() if odd.startswith("embedded document")) == 1


def test_the_raw_bytes_are_the_message_alone_and_can_be_read_again(tmp_path: Path) -> None:
    found, _ = reading(tmp_path, message("A-1"), message("A-2"))
    for record in found:
        assert record.raw.count(b"<PORR_IN049016UV>") == 1
        again = list(e2b_r3.records_of(Source(Path("again"), "e2b_r3"), io.BytesIO(record.raw)))
        assert [(r.raw, r.report) for r in again] == [(record.raw, record.report)]


@pytest.mark.parametrize(
    ("content", "code_"),
    [
        (batch([message()])[:-40], "malformed_xml"),
        (batch([message()]).replace("<responseModeCode", "<responseModeCode <"), "malformed_xml"),
        (batch([message()]).replace("<PORR_IN049016UV>", ""), "malformed_xml"),
    ],
)
def test_a_batch_that_is_broken_says_so_after_its_messages(
    content: str, code_: str, tmp_path: Path
) -> None:
    found = read(written(tmp_path, content, "batch.xml"))
    with pytest.raises(InputError) as caught:
        list(found)
    assert caught.value.code == code_


_BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("before", "code_"),
    [
        (_BOMB, "dtd_forbidden"),
        ('<!DOCTYPE b SYSTEM "http://127.0.0.1:9/x.dtd">', "dtd_forbidden"),
        ('<!DOCTYPE b [<!ENTITY % p SYSTEM "outside.ent"> %p;]>', "dtd_forbidden"),
        ("<!-- never closed", "malformed_xml"),
        ("text", "malformed_xml"),
    ],
)
def test_a_document_type_is_refused_before_anything_is_parsed(
    before: str, code_: str, tmp_path: Path
) -> None:
    path = written(tmp_path, batch([message()], before=before), "batch.xml")
    with pytest.raises(InputError) as caught:
        read(path, "e2b_r3")
    assert caught.value.code == code_
    with pytest.raises(InputError, match=r"batch\.xml"):
        read(path)


@pytest.mark.parametrize(
    ("root", "code_"), [("MCCI_IN200101UV01", "unknown_format"), ("html", "unknown_format")]
)
def test_another_root_is_no_batch(root: str, code_: str, tmp_path: Path) -> None:
    path = written(tmp_path, f'<{root} xmlns="urn:hl7-org:v3"/>', "batch.xml")
    for form in ("auto", "e2b_r3"):
        with pytest.raises(InputError) as caught:
            read(path, form)
        assert caught.value.code == code_


@pytest.mark.parametrize("encoding", ["utf-16", "Shift_JIS", "utf-7", "x-unheard-of"])
def test_an_encoding_that_is_not_read_is_named(encoding: str, tmp_path: Path) -> None:
    content = batch([message()]).replace("UTF-8", encoding)
    with pytest.raises(InputError) as caught:
        read(written(tmp_path, content, "batch.xml"))
    assert caught.value.code == "wrong_encoding"


@pytest.mark.parametrize(
    ("declared", "encoding", "counted"),
    [
        ("UTF-8", "utf-8", 0),
        ("ISO-8859-1", "latin-1", 0),
        ("windows-1252", "cp1252", 0),
        ("UTF-8", "cp1252", 1),
    ],
)
def test_text_is_read_as_declared_and_else_as_windows_1252(
    declared: str, encoding: str, counted: int, tmp_path: Path
) -> None:
    content = batch([message(reactions=reaction("Übelkeit"))]).replace("UTF-8", declared)
    found = read(written(tmp_path, content.encode(encoding), "batch.xml"))
    (report,) = [record.report for record in found]
    assert report is not None
    assert report.reactions[0].term == "Übelkeit"
    assert found.unknown["encoding: read as windows-1252"] == counted


def test_a_prefix_for_the_namespace_changes_nothing(tmp_path: Path) -> None:
    plain = batch([message()])
    prefixed = (
        plain.replace("</", "</h:")
        .replace("<", "<h:")
        .replace("<h:/h:", "</h:")
        .replace("<h:?", "<?")
    ).replace("xmlns=", "xmlns:h=")
    found = records(written(tmp_path, prefixed, "batch.xml"))
    assert [r.report for r in found] == [
        r.report for r in records(written(tmp_path, plain, "b.xml"))
    ]
    assert codes(found) == [""]


def test_comments_hide_messages(tmp_path: Path) -> None:
    hidden = f"<!-- {message('A-2')} -->"
    inside = message("A-1").replace("<statusCode", "<!-- </PORR_IN049016UV> --><statusCode", 1)
    found, _ = reading(tmp_path, inside, hidden, message("A-3"))
    assert [r.report.report_id for r in found if r.report] == ["A-1", "A-3"]
    assert codes(found) == ["", ""]


@pytest.mark.parametrize(
    ("name", "drugs", "reactions", "tests"),
    [
        # counted by hand in the files
        ("FAERS2022Scenario1.xml", 3, 2, 0),
        ("FAERS2022Scenario4.xml", 1, 2, 0),
        ("FAERS2022Scenario6_cut.xml", 2, 2, 7),
    ],
)
def test_a_published_sample_has_as_many_drugs_reactions_and_tests_as_counted_by_hand(
    name: str, drugs: int, reactions: int, tests: int
) -> None:
    path = shared(f"reference/e2b_r3/{name}")
    assert detect_format(path) == "e2b_r3"
    (report,) = reports(path)
    assert (len(report.products), len(report.reactions), len(report.biomarkers)) == (
        drugs,
        reactions,
        tests,
    )


def test_the_first_published_sample_is_read_as_its_comments_say() -> None:
    (report,) = reports(shared("reference/e2b_r3/FAERS2022Scenario1.xml"))
    assert [(p.name, p.role) for p in report.products] == [
        ("Drug A", "suspect"),
        ("Drug B", "suspect"),
        ("Drug C", "concomitant"),
    ]
    assert report.products[0] == Product(
        name="Drug A", role="suspect", route="Oral", indication="Embolism venous"
    )
    assert [(r.term, r.outcome, r.onset_at) for r in report.reactions] == [
        ("THROMBOSE VEINEUSE PROFONDE", "not_recovered", "2014-10-10"),
        ("COLITE ISCHEMIQUE", "recovered", "2014-10-10"),
    ]
    assert report.patient is not None
    assert (report.patient.age_years, report.patient.sex) == (48, "male")
    assert report.received_at == "2022-06-14T10:10:10-05:00"


def test_the_all_element_sample_is_read_as_its_comments_say() -> None:
    (report,) = reports(shared("reference/e2b_r3/FAERS2022Scenario6_cut.xml"))
    assert [(p.name, p.role, p.rechallenge) for p in report.products] == [
        ("Drug A", "suspect", "positive"),
        ("Drug B", "interacting", None),
    ]
    assert [b.value for b in report.biomarkers][:5] == [10.0, "<10", "<=10", ">10", ">=10"]
    assert report.reactions[0].seriousness == (
        "death",
        "hospitalisation",
        "other_medically_important",
    )
    assert report.external_ids == (
        "US-APHARMA-8744554B",
        "FR-RPTLTD-15998",
        "EU-EMA-999999",
        "FR-PHARMA-3448976655",
        "FR-QPHARMA-12345678",
    )


def test_an_acknowledgement_is_no_batch() -> None:
    with pytest.raises(InputError) as caught:
        detect_format(shared("reference/e2b_r3/R3ack-negative.ack"))
    assert caught.value.code == "unknown_format"


def test_a_packed_batch_is_read_as_it_comes(tmp_path: Path) -> None:
    packed = gzip.compress(batch([message()]).encode())
    assert len(reports(written(tmp_path, packed, "batch.xml.gz"))) == 1
