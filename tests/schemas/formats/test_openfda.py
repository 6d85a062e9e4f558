"""openFDA: the same keys as E2B(R2) has tags, in every form that its documents come in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.formats import detect_format, read
from schemas.record import MAX_BYTES
from tests.schemas.formats.samples import codes, expected, records, reports, written
from tests.support import shared

EVENT: dict[str, Any] = {
    "safetyreportid": "10003301",
    "safetyreportversion": "1",
    "receivedate": "20140306",
    "receivedateformat": "102",
    "receiptdate": "20140306",
    "receiptdateformat": "102",
    "reporttype": "1",
    "serious": "1",
    "seriousnesshospitalization": "1",
    "companynumb": "US-ACME-2014001",
    "primarysource": {"reportercountry": "UNITED STATES", "qualification": "5"},
    "reportduplicate": {"duplicatesource": "ACME", "duplicatenumb": "US-ACME-2014001"},
    "sender": {"senderorganization": "FDA-Public Use"},
    "receiver": None,
    "patient": {
        "patientonsetage": "34",
        "patientonsetageunit": "801",
        "patientsex": "0",
        "reaction": [
            {
                "reactionmeddraversionpt": "17.0",
                "reactionmeddrapt": "Dissociation",
                "reactionoutcome": "2",
            }
        ],
        "drug": [
            {
                "drugcharacterization": "1",
                "medicinalproduct": "KETALAR",
                "activesubstance": {"activesubstancename": "KETAMINE HYDROCHLORIDE"},
                "drugadministrationroute": "042",
                "openfda": {"brand_name": ["KETALAR"], "drugcharacterization": "9"},
            },
            {"drugcharacterization": "2", "activesubstance": {"activesubstancename": "LITHIUM"}},
        ],
    },
}


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(EVENT),
        json.dumps(EVENT, indent=1),
        json.dumps([EVENT]),
        json.dumps({"meta": {"results": {"total": 1}}, "results": [EVENT]}),
        json.dumps(EVENT) + "\n" + json.dumps(EVENT),
    ],
)
def test_an_event_becomes_a_report_whatever_form_its_document_has(
    content: str, tmp_path: Path
) -> None:
    path = written(tmp_path, content, "event")
    assert detect_format(path) == "openfda"
    assert reports(path)[0] == expected(
        sender="import:openfda",
        report_id="10003301",
        version=1,
        received_at="2014-03-06",
        first_received_at="2014-03-06",
        report_type="spontaneous",
        reporter="consumer",
        country="US",
        external_ids=["US-ACME-2014001"],
        patient={"age_years": 34, "sex": "unknown"},
        products=[
            {"name": "KETALAR", "role": "suspect", "route": "042"},
            {"name": "LITHIUM", "role": "concomitant"},
        ],
        reactions=[
            {"term": "Dissociation", "outcome": "recovering", "seriousness": ["hospitalisation"]}
        ],
    )


def test_what_is_missing_says_nothing(tmp_path: Path) -> None:
    bare = {key: EVENT[key] for key in ("safetyreportid", "receiptdate", "patient")}
    (report,) = reports(written(tmp_path, json.dumps(bare), "event"))
    assert report.reactions[0].seriousness == ()
    assert (report.version, report.reporter, report.country) == (None, None, None)


def test_a_document_that_is_no_report_is_at_fault_among_others(tmp_path: Path) -> None:
    good = json.dumps(EVENT)
    deep = '{"patient":' * 2000 + "1" + "}" * 2000
    found = records(
        written(
            tmp_path,
            "\n".join([good, "[1]", '{"safetyreportid"', deep, f'["{"x" * MAX_BYTES}"]', good]),
            "events.ndjson",
        )
    )
    assert codes(found) == ["", "wrong_type", "malformed_json", "too_deep", "record_too_large", ""]


@pytest.mark.parametrize(
    "odd",
    [
        {"patient": "x"},
        {"patient": {"drug": "x", "reaction": [1, "x"]}},
        {"patient": {"drug": {"medicinalproduct": ["A"]}}},
        {"receiptdate": 20140306, "safetyreportid": 5},
        {"primarysource": []},
        {"patient": {"patient": {"patient": {"drug": []}}}},
    ],
)
def test_keys_of_a_wrong_type_are_never_more_than_a_fault(
    odd: dict[str, Any], tmp_path: Path
) -> None:
    found = records(written(tmp_path, json.dumps([EVENT | odd, EVENT]), "event"))
    assert len(found) == 2
    assert found[1].report is not None


def test_a_missing_element_is_named_as_in_e2b(tmp_path: Path) -> None:
    (found,) = records(written(tmp_path, json.dumps(EVENT | {"receiptdate": None}), "event"))
    assert [(f.code, f.path) for f in found.faults] == [("missing", "C.1.5")]
    assert found.record_id == "10003301"


def test_the_published_event_has_as_many_drugs_and_reactions_as_counted() -> None:
    path = shared("data/openfda/event.json")
    found = read(path)
    (report,) = [record.report for record in found]
    assert found.format == "openfda"
    assert report is not None
    # by hand in the file
    assert (len(report.products), len(report.reactions)) == (23, 86)
    assert [p.role for p in report.products].count("suspect") == 2
    assert (report.report_id, report.received_at) == ("4562564-7", "2003-04-07")
    assert report.reactions[0].seriousness == (
        "disability",
        "hospitalisation",
        "other_medically_important",
    )
