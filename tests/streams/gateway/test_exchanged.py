"""E2B and FHIR over HTTP: each message is answered on its own, with the element at fault."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree.ElementTree import fromstring

import httpx
import pytest

from schemas.formats.icsr.exchange import Exchange
from schemas.formats.writers import Target
from schemas.formats.writers.e2b_r3 import batch as written
from streams.agents.replay import _entry
from tests.schemas.formats.e2b import batch, ichicsr, message, safetyreport
from tests.schemas.formats.fhir_samples import bundle, lines, r4, r5
from tests.schemas.formats.paths import found_at
from tests.schemas.formats.samples import expected
from tests.streams.gateway.serving import SENDER, Serving, report

XML = {"content-type": "application/xml"}
FHIR = {"content-type": "application/fhir+json"}
ANSWERED = XML | {"accept": "application/xml"}


def push(
    gateway: Serving, content: str, headers: dict[str, str], query: str = ""
) -> httpx.Response:
    with gateway.client() as client:
        return client.post(f"/v1/reports{query}", content=content.encode(), headers=headers)


def told(answer: httpx.Response) -> list[tuple[str, str | None, list[tuple[str, str]]]]:
    return [
        (one["status"], one["id"], [(e["code"], e["path"]) for e in one["errors"]])
        for one in answer.json()["records"]
    ]


def test_a_sender_is_told_what_was_left_out_because_it_names_a_person(gateway: Serving) -> None:
    named = message("A-1", player="<name>Jane Roe</name>")
    answer = push(gateway, batch([named, message("A-2")]), XML)
    first, second = answer.json()["records"]
    fault = {
        "code": "direct_identifier",
        "path": "D.1",
        "message": "can identify a person; left out",
    }
    assert (first["status"], first["masked"]) == ("accepted", [fault])
    assert "masked" not in second
    assert "Jane" not in answer.text


def test_each_message_of_a_batch_is_accepted_or_rejected(gateway: Serving) -> None:
    messages = [
        message("A-1"),
        message("A-2", received="x"),
        message("A-3", received="29990101"),
        message("A-4").replace("</PORR_IN049016UV>", ""),
        message("A-5", kind="PORR_IN049017UV"),
        message("A-6", drugs=""),
        message("A-7"),
    ]
    answer = push(gateway, batch(messages), XML)
    assert answer.status_code == 202
    assert told(answer) == [
        ("accepted", "A-1", []),
        ("rejected", "A-2", [("not_a_date", "C.1.5")]),
        ("rejected", "A-3", [("future_date", "C.1.5")]),
        ("rejected", None, [("malformed_xml", "")]),
        ("rejected", None, [("unsupported_message", "PORR_IN049017UV")]),
        ("rejected", "A-6", [("no_product", "G.k")]),
        ("accepted", "A-7", []),
    ]
    entries = gateway.entries()
    assert len(entries) == 7, "rejected ones are kept too"
    assert {entry.sender for entry in entries} == {SENDER}
    body = json.loads(gateway.sealer.disclose(entries[0].body))
    assert (body["sender"], body["report_id"]) == (SENDER, "A-1")
    assert gateway.raw(entries[0]).count(b"<PORR_IN049016UV>") == 1


def test_a_batch_of_r2_is_taken_too(gateway: Serving) -> None:
    content = ichicsr([safetyreport("A-1"), safetyreport("A-2", dates="")])
    assert told(push(gateway, content, XML)) == [
        ("accepted", "A-1", []),
        ("rejected", "A-2", [("missing", "C.1.5")]),
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("<html/>", "unknown_format"),
        ("no xml", "malformed_xml"),
        (batch([message()], before="<!DOCTYPE a [<!ENTITY b 'c'>]>"), "dtd_forbidden"),
        (batch([message()]).replace("UTF-8", "utf-7"), "wrong_encoding"),
    ],
)
def test_a_body_that_is_no_batch_is_one_rejected_record(
    content: str, code: str, gateway: Serving
) -> None:
    answer = push(gateway, content, XML)
    assert answer.status_code == 422
    assert told(answer) == [("rejected", None, [(code, "")])]
    assert "SHA-256" in answer.json()["records"][0]["errors"][0]["message"]
    (entry,) = gateway.entries()
    assert gateway.raw(entry) == content.encode()


def test_what_comes_before_the_damage_of_a_batch_is_taken(gateway: Serving) -> None:
    answer = push(gateway, batch([message("A-1")])[:-40], XML)
    assert answer.status_code == 202
    assert told(answer) == [("accepted", "A-1", []), ("rejected", None, [("malformed_xml", "")])]


def test_a_batch_without_a_message_holds_nothing(gateway: Serving) -> None:
    answer = push(gateway, batch([]), XML)
    assert (answer.status_code, answer.json()["code"]) == (400, "empty_body")


@pytest.mark.parametrize("content", [r4(), r5(), bundle(r4("US-CLINIC-1"), r5("A-2"))])
def test_fhir_events_are_taken_one_or_in_a_bundle(
    content: dict[str, Any], gateway: Serving
) -> None:
    answer = push(gateway, json.dumps(content), FHIR)
    assert {status for status, _, _ in told(answer)} == {"accepted"}
    assert told(answer)[0][1] == "US-CLINIC-1"


def test_a_fhir_event_at_fault_names_its_element(gateway: Serving) -> None:
    content = lines(r4("A-1"), r4("A-2", recordedDate=None), r4("A-3", event={"text": ""}))
    assert told(push(gateway, content, FHIR)) == [
        ("accepted", "A-1", []),
        ("rejected", "A-2", [("missing", "AdverseEvent.recordedDate")]),
        ("rejected", "A-3", [("too_short", "AdverseEvent.code[0]")]),
    ]


@pytest.mark.parametrize("content", ["", "{", "[1]", "5"])
def test_a_body_that_is_no_fhir_is_refused_or_one_record(content: str, gateway: Serving) -> None:
    answer = push(gateway, content, FHIR)
    assert answer.status_code == (422 if content else 400)


def test_follow_up_records_come_in_our_own_schema_alone(gateway: Serving) -> None:
    with gateway.client() as client:
        answer = client.post("/v1/followups", content=batch([message()]), headers=XML)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_type")


def test_a_message_that_says_it_is_anothers_is_refused(gateway: Serving) -> None:
    found = expected(**report(sender="clinic-b"))
    target = Target(Path("batch.xml"), Exchange("2025-07-04T10:15:00Z"))
    content = b"".join(written(target, [found])).decode()
    assert told(push(gateway, content, XML)) == [
        ("rejected", "A-1", [("another_sender", "N.2.r.2")])
    ]


def test_a_batch_is_answered_with_its_acknowledgement_where_xml_is_asked_for(
    gateway: Serving,
) -> None:
    answer = push(gateway, batch([message("A-1"), message("A-2", received="x")]), ANSWERED)
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/xml")
    root = fromstring(answer.content)
    each = "BATCH/MCCI_IN000002UV01/acknowledgement/"
    assert found_at(root, "BATCH/acknowledgement/@typeCode") == ["AE"]
    assert found_at(root, f"{each}@typeCode") == ["CA", "CR"]
    assert found_at(root, f"{each}targetMessage/id/@extension") == ["A-1", "A-2"]
    texts = found_at(root, f"{each}acknowledgementDetail/text")
    assert str(texts[1]).startswith("C.1.5: not_a_date")
    with gateway.client() as client:
        receipt = client.get(answer.headers["location"])
    assert receipt.json()["summary"]["received"] == 2


def test_an_acknowledgement_of_a_trial_says_the_same_and_stores_nothing(gateway: Serving) -> None:
    answer = push(gateway, batch([message("A-1")])[:-40], ANSWERED, "?validate=true")
    assert "location" not in answer.headers
    assert found_at(fromstring(answer.content), "BATCH/acknowledgement/@typeCode") == ["AR"]
    assert gateway.entries() == []


def test_other_formats_are_answered_in_json_whatever_is_asked_for(gateway: Serving) -> None:
    answer = push(gateway, ichicsr([safetyreport("A-1")]), ANSWERED)
    assert told(answer) == [("accepted", "A-1", [])]


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (batch([message("A-1")]), XML),
        (ichicsr([safetyreport("A-1")]), XML),
        (json.dumps(r4("A-1")), FHIR),
        (batch([message("A-1", received="x")]), XML),
    ],
)
def test_what_was_held_is_judged_again_from_its_bytes(
    content: str, headers: dict[str, str], gateway: Serving
) -> None:
    push(gateway, content, headers)
    (entry,) = gateway.entries()

    held = SimpleNamespace(
        request_index=0,
        sender=SENDER,
        origin="push",
        taken_at=entry.taken_at,
        sealed=entry.sealed,
        wrapped_key=entry.wrapped_key,
        sealed_hash=entry.sealed_hash,
        report_id="A-1",
        id=7,
        stream="reports",
        entry=None,
        faults="[]",
    )
    again = _entry(gateway.sealer, held)
    assert (again.faults, again.content_hash) == (entry.faults, entry.content_hash)
    assert gateway.sealer.disclose(again.body) == gateway.sealer.disclose(entry.body)
    assert again.replay_of == 7
