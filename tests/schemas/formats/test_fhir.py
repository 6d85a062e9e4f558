"""FHIR AdverseEvent: R4 and R5 say the same, events of one identifier are one report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.formats import Reading, SourceRecord, detect_format, fhir, read
from schemas.report import Report
from tests.schemas.formats.fhir_samples import MEDDRA, bundle, concept, lines, r4, r5
from tests.schemas.formats.samples import codes, expected, records, reports, written


def reading(
    folder: Path, content: Any, name: str = "events.json"
) -> tuple[list[SourceRecord], Reading]:
    text = content if isinstance(content, str) else json.dumps(content)
    read_ = read(written(folder, text, name))
    return list(read_), read_


def one(folder: Path, content: Any) -> Report:
    found, _ = reading(folder, content)
    assert codes(found) == [""]
    assert found[0].report is not None
    return found[0].report


@pytest.mark.parametrize("event", [r4(), r5()])
def test_an_event_becomes_a_report_the_same_from_both_versions(
    event: dict[str, Any], tmp_path: Path
) -> None:
    assert one(tmp_path, event) == expected(
        sender="import:fhir",
        report_id="US-CLINIC-1",
        received_at="2025-07-03",
        first_received_at="2025-07-03",
        patient={"pseudonym": "p7"},
        products=[{"name": "Spravato 84 mg", "role": "suspect"}],
        reactions=[
            {
                "term": "Dissociation",
                "onset_at": "2025-07-01T10:15:00+02:00",
                "outcome": "recovered",
            }
        ],
    )


@pytest.mark.parametrize("make", [r4, r5])
@pytest.mark.parametrize(
    "content",
    [
        lambda one, other: [one, other],
        bundle,
        lines,
        lambda one, other: lines(one, r4("B-2"), other),
    ],
)
def test_events_of_one_identifier_are_one_report(make: Any, content: Any, tmp_path: Path) -> None:
    term = {"event": concept("Nausea")} if make is r4 else {"code": concept("Nausea")}
    found, _ = reading(tmp_path, content(make(), make(**term, recordedDate="2025-07-05")))
    assert codes(found) == [""] * len(found)
    report = found[0].report
    assert report is not None
    assert [reaction.term for reaction in report.reactions] == ["Dissociation", "Nausea"]
    assert [product.name for product in report.products] == ["Spravato 84 mg"]
    assert (report.received_at, report.first_received_at) == ("2025-07-05", "2025-07-03")


def test_many_cases_are_read_in_parts_with_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = lines(*(r4(f"A-{n % 7}", event=concept(f"Term {n}")) for n in range(20)), {})
    path = written(tmp_path, content, "events.ndjson")
    whole = records(path)
    monkeypatch.setattr(fhir, "AT_ONCE", 3)
    assert sorted(r.raw for r in records(path)) == sorted(r.raw for r in whole)
    assert len(whole) == 7


def test_the_latest_update_orders_versions_and_the_record_date_stands_in(tmp_path: Path) -> None:
    meta = {"lastUpdated": "2025-08-01T00:00:00Z"}
    assert one(tmp_path, r4(meta=meta)).received_at == "2025-08-01T00:00:00Z"
    found, _ = reading(tmp_path, r4(recordedDate=None))
    assert [(f.code, f.path) for f in found[0].faults] == [("missing", "AdverseEvent.recordedDate")]


def test_an_event_entered_in_error_voids_its_report_and_of_several_only_itself(
    tmp_path: Path,
) -> None:
    void = r5(status="entered-in-error", code=concept("Nausea"))
    assert one(tmp_path, void).status == "nullified"
    both = one(tmp_path, [r5(), void])
    assert (both.status, [reaction.term for reaction in both.reactions]) == (
        "active",
        ["Dissociation"],
    )


def test_a_potential_event_is_none(tmp_path: Path) -> None:
    found, _ = reading(tmp_path, r4(actuality="potential"))
    assert [(f.code, f.path) for f in found[0].faults] == [
        ("not_permitted", "AdverseEvent.actuality")
    ]
    assert found[0].record_id == "US-CLINIC-1"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("resolved", "recovered"),
        ("recovering", "recovering"),
        ("ongoing", "not_recovered"),
        ("resolvedWithSequelae", "sequelae"),
        ("fatal", "fatal"),
        ("unknown", "unknown"),
        ("better", None),
    ],
)
def test_an_outcome_is_that_of_its_code(code: str, outcome: str | None, tmp_path: Path) -> None:
    found, read_ = reading(tmp_path, r5(outcome=[concept(code=code)]))
    assert found[0].report is not None
    assert found[0].report.reactions[0].outcome == outcome
    assert read_.unknown["outcome: better"] == (outcome is None)


@pytest.mark.parametrize(
    ("code", "criteria", "counted"),
    [
        ("non-serious", (), 0),
        ("serious", (), 1),
        ("SeriousResultsInDeath", ("death",), 0),
        ("SeriousIsLifeThreatening", ("life_threatening",), 0),
        ("SeriousResultsInHospitalization", ("hospitalisation",), 0),
        ("SeriousResultsInDisability", ("disability",), 0),
        ("SeriousIsBirthDefect", ("congenital_anomaly",), 0),
        ("SeriousRequiresPreventImpairment", ("other_medically_important",), 0),
    ],
)
def test_a_criterion_is_that_of_its_code_and_serious_alone_is_none(
    code: str, criteria: tuple[str, ...], counted: int, tmp_path: Path
) -> None:
    found, read_ = reading(tmp_path, r4(seriousness=concept(code=code)))
    assert found[0].report is not None
    assert found[0].report.reactions[0].seriousness == criteria
    assert read_.unknown["seriousness: serious"] == counted


def test_criteria_of_an_extension_are_read_too(tmp_path: Path) -> None:
    extension = {
        "url": "urn:example:seriousness-criteria",
        "valueCodeableConcept": concept(code="SeriousResultsInDeath"),
    }
    found, read_ = reading(tmp_path, r5(seriousness=concept(code="serious"), extension=[extension]))
    assert found[0].report is not None
    assert found[0].report.reactions[0].seriousness == ("death",)
    assert not read_.unknown


def test_the_name_beside_a_meddra_code_is_the_term(tmp_path: Path) -> None:
    coding = [{"system": "urn:x", "display": "no"}, {"system": MEDDRA, "display": "Derealisation"}]
    event = r4(event={"text": "felt unreal", "coding": coding})
    assert one(tmp_path, event).reactions[0].term == "Derealisation"


def test_an_event_without_a_term_is_called_by_its_effect(tmp_path: Path) -> None:
    condition = {"resourceType": "Condition", "id": "c1", "code": concept("Cystitis")}
    event = r4(event=None, resultingCondition=[{"reference": "Condition/c1"}])
    assert one(tmp_path, bundle(event, condition)).reactions[0].term == "Cystitis"
    found, _ = reading(tmp_path, r4(event=None))
    assert [(f.code, f.path) for f in found[0].faults] == [("too_short", "AdverseEvent.code[0]")]


_GIVEN = {
    "resourceType": "MedicationAdministration",
    "id": "a1",
    "medicationReference": {"reference": "Medication/m1"},
    "effectivePeriod": {"start": "2025-06-01", "end": "2025-07-01"},
    "dosage": {"route": concept("Nasal"), "dose": {"value": 84, "unit": "mg"}},
}
_MEDICATION = {"resourceType": "Medication", "id": "m1", "code": concept("Spravato")}
_PATIENT = {
    "resourceType": "Patient",
    "id": "p7",
    "name": [{"family": "Doe"}],
    "gender": "female",
    "birthDate": "1991-07-02",
}
_ADMINISTERED = r4(suspectEntity=[{"instance": {"reference": "MedicationAdministration/a1"}}])


def _complete(report: Report) -> None:
    (product,) = report.products
    assert (product.name, product.route, product.dose_mg) == ("Spravato", "Nasal", 84)
    assert (product.started_at, product.stopped_at) == ("2025-06-01", "2025-07-01")
    assert report.patient is not None
    assert (report.patient.sex, report.patient.age_years) == ("female", 33)


@pytest.mark.parametrize(
    "content",
    [
        bundle(_MEDICATION, _PATIENT, _GIVEN, _ADMINISTERED),
        bundle(_ADMINISTERED, _GIVEN, _PATIENT, _MEDICATION),
        lines(_ADMINISTERED, _GIVEN, _PATIENT, _MEDICATION),
    ],
)
def test_what_an_event_refers_to_is_found_in_any_order(content: Any, tmp_path: Path) -> None:
    found, _ = reading(tmp_path, content)
    (record,) = found
    assert record.report is not None
    _complete(record.report)
    assert b"Doe" not in record.raw
    again, _ = reading(tmp_path, record.raw.decode())
    assert [r.report for r in again] == [record.report], "what was read says it all"


def test_bulk_data_refer_to_the_files_beside_them(tmp_path: Path) -> None:
    written(tmp_path, lines(_GIVEN, _GIVEN), "MedicationAdministration.ndjson")
    written(tmp_path, lines(_MEDICATION, _MEDICATION), "Medication.000.ndjson")
    written(tmp_path, lines(_PATIENT, _PATIENT), "Patient.ndjson")
    content = lines(_ADMINISTERED, r4("B-2"))
    found, _ = reading(tmp_path, content, "AdverseEvent.ndjson")
    assert found[0].report is not None
    _complete(found[0].report)
    assert detect_format(tmp_path / "AdverseEvent.ndjson") == "fhir"


def test_a_medicine_may_be_named_where_it_is_referred_to_and_else_is_at_fault(
    tmp_path: Path,
) -> None:
    named = {"instance": {"reference": "Medication/far", "display": "Spravato"}}
    assert one(tmp_path, r4(suspectEntity=[named])).products[0].name == "Spravato"
    lost = {"instance": {"reference": "Medication/far"}}
    found, read_ = reading(tmp_path, r4(suspectEntity=[lost]))
    assert [(f.code, f.path) for f in found[0].faults] == [
        ("too_short", "AdverseEvent.suspectEntity[0]")
    ]
    assert read_.unknown["suspectEntity: a reference that leads nowhere"] == 1


def test_supporting_medicines_of_r5_are_concomitant(tmp_path: Path) -> None:
    statement = {
        "resourceType": "MedicationStatement",
        "id": "s1",
        "medication": {"concept": concept("Lithium")},
    }
    event = r5(
        supportingInfo=[
            {"itemReference": {"reference": "MedicationStatement/s1"}},
            {"itemReference": {"reference": "Condition/c1"}},
        ]
    )
    found = one(tmp_path, bundle(event, statement))
    assert [(p.name, p.role) for p in found.products] == [
        ("Spravato 84 mg", "suspect"),
        ("Lithium", "concomitant"),
    ]


def test_references_are_found_with_server_version_or_urn(tmp_path: Path) -> None:
    for reference in ("https://fhir.example/r4/Medication/m1", "Medication/m1/_history/3"):
        event = r4(contained=[], suspectEntity=[{"instance": {"reference": reference}}])
        assert one(tmp_path, bundle(event, _MEDICATION)).products[0].name == "Spravato"
    urn = "urn:uuid:00000000-0000-0000-0000-0000000000d1"
    content = bundle(r4(suspectEntity=[{"instance": {"reference": urn}}]), _MEDICATION)
    content["entry"][1]["fullUrl"] = urn
    assert one(tmp_path, content).products[0].name == "Spravato"


def test_who_records_and_further_identifiers(tmp_path: Path) -> None:
    event = r5(
        identifier=[{"value": "A-1"}, {"value": "EU-EC-5"}, {"value": "A-1"}],
        recorder={"reference": "Patient/p7"},
        study=[{"reference": "ResearchStudy/1"}],
        note=[{"text": "First."}, {"text": "Second."}],
    )
    found = one(tmp_path, event)
    assert (found.report_id, found.external_ids) == ("A-1", ("EU-EC-5",))
    assert (found.reporter, found.report_type) == ("consumer", "study")
    assert found.narrative == "First.\nSecond."
    assert one(tmp_path, r5(recorder={"reference": "Practitioner/1"})).reporter is None


def test_a_subject_named_by_more_than_its_id_is_left_out_and_counted(tmp_path: Path) -> None:
    found, read_ = reading(tmp_path, r4(subject={"display": "Jane Doe"}))
    assert found[0].report is not None
    assert found[0].report.patient is None
    assert read_.unknown["AdverseEvent.subject.display: can identify a person"] == 1


def test_other_resources_are_counted_and_broken_ones_are_at_fault(tmp_path: Path) -> None:
    content = lines(r4("A-1"), {"resourceType": "Encounter"}) + '{"a": \n[1]\n' + lines(r4("A-2"))
    found, read_ = reading(tmp_path, content, "all.ndjson")
    assert sorted(codes(found)) == ["", "", "malformed_json", "wrong_type"]
    assert read_.unknown["Encounter: not read"] == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"suspectEntity": "x"},
        {"suspectEntity": [1, {"instance": "x"}]},
        {"subject": "x"},
        {"event": []},
        {"outcome": 1, "seriousness": [None], "extension": {"url": 1}},
        {"identifier": "x"},
        {"contained": [1, {}]},
        {"recordedDate": 5, "date": {}},
        {"note": [{"text": 5}]},
    ],
)
def test_fields_of_a_wrong_type_are_never_more_than_a_fault(
    odd: dict[str, Any], tmp_path: Path
) -> None:
    found, _ = reading(tmp_path, [r4(**odd), r4("B-2")])
    assert len(found) == 2
    assert found[1].report is not None


def test_an_event_of_r4_without_identifier_is_known_by_its_id(tmp_path: Path) -> None:
    assert one(tmp_path, r4(identifier=None)).report_id == "e1"
    assert [
        r.report_id for r in reports(written(tmp_path, lines(r4("A"), r4("B")), "e.ndjson"))
    ] == [
        "A",
        "B",
    ]
