"""What is accepted, how it lies in the log, and what the sender is told."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from streams.log import partition_of
from streams.store import tables
from tests.streams.gateway.serving import SENDER, Serving, dose, report

NDJSON = {"content-type": "application/x-ndjson"}


def test_one_report_is_in_the_log_when_the_answer_is_there(gateway: Serving) -> None:
    before = time.time()
    with gateway.client() as client:
        answer = client.post("/v1/reports", json=report())
        (entry,) = gateway.entries()
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["records"] == [{"index": 0, "id": "A-1", "status": "accepted", "errors": []}]
    assert body["receipt_id"]
    assert (entry.sender, entry.record_id, entry.origin) == (SENDER, "A-1", "push")
    assert before <= entry.taken_at <= time.time()
    assert entry.information_date == "2025-07-03"
    assert entry.sealed_hash == hashlib.sha256(entry.sealed).digest()
    assert json.loads(gateway.raw(entry)) == report()


def test_a_follow_up_record_goes_to_its_own_topic(gateway: Serving) -> None:
    with gateway.client() as client:
        answer = client.post("/v1/followups", json=dose())
    assert answer.status_code == 202
    assert answer.json()["records"][0]["id"] == "F-1"
    assert [entry.record_id for entry in gateway.entries("followups")] == ["F-1"]
    assert gateway.entries("reports") == []


def test_each_record_of_a_list_keeps_its_exact_bytes(gateway: Serving) -> None:
    first = json.dumps(report(), indent=1).encode()
    second = b'{ "report_id" :"A-2", "sender":"clinic-a","received_at":"2025-07-03","products":'
    second += b'[{"name":"k\\u00e9tamine"}],"reactions":[{"term":"Na\xc3\xafvet\xc3\xa9"}] }'
    with gateway.client() as client:
        answer = client.post(
            "/v1/reports",
            content=b"\xef\xbb\xbf [" + first + b" ,\n" + second + b"]\n",
            headers={"content-type": "application/json; charset=UTF-8"},
        )
    assert answer.status_code == 202
    assert [record["index"] for record in answer.json()["records"]] == [0, 1]
    assert [gateway.raw(entry) for entry in gateway.entries()] == [first, second]


def test_each_line_of_ndjson_is_a_record_and_blank_lines_are_none(gateway: Serving) -> None:
    lines = [json.dumps(report(report_id=f"A-{i}")).encode() for i in range(3)]
    with gateway.client() as client:
        answer = client.post(
            "/v1/reports",
            content=b"\xef\xbb\xbf" + lines[0] + b"\r\n\n" + lines[1] + b"\n  \n" + lines[2],
            headers=NDJSON,
        )
    assert [record["id"] for record in answer.json()["records"]] == ["A-0", "A-1", "A-2"]
    assert [gateway.raw(entry) for entry in gateway.entries()] == lines


def test_a_body_packed_with_gzip_is_read(gateway: Serving) -> None:
    packed = gzip.compress(json.dumps([report()]).encode()) + gzip.compress(b" ")
    with gateway.client() as client:
        answer = client.post(
            "/v1/reports",
            content=packed,
            headers={"content-type": "application/json", "content-encoding": "gzip"},
        )
    assert answer.status_code == 202
    assert [entry.record_id for entry in gateway.entries()] == ["A-1"]


def test_records_lie_in_the_partition_of_their_case_and_envelopes_have_500(
    gateway: Serving,
) -> None:
    records = [report(report_id=f"A-{i}") for i in range(2_500)]
    with gateway.client() as client:
        answer = client.post("/v1/reports", json=records)
    assert len(answer.json()["records"]) == 2_500
    partitions = gateway.settings.partitions()
    envelopes = [
        (message.partition, envelope)
        for message, envelope in zip(gateway.stored(), gateway.envelopes(), strict=True)
    ]
    assert {partition for partition, _ in envelopes} == set(range(partitions))
    assert max(len(envelope.records) for _, envelope in envelopes) == 500
    for partition, envelope in envelopes:
        for entry in envelope.records:
            key = f"{SENDER}\x1f{entry.record_id}".encode()
            assert partition_of(key, partitions) == partition
    assert [entry.index for entry in gateway.entries()] == list(range(2_500))


def test_rejected_records_go_with_the_accepted_ones(gateway: Serving) -> None:
    bad = report(report_id="A-2", products=[])
    with gateway.client() as client:
        answer = client.post("/v1/reports", json=[report(), bad])
    assert answer.status_code == 202
    accepted, rejected = answer.json()["records"]
    assert accepted["status"] == "accepted"
    assert rejected["id"] == "A-2"
    assert rejected["status"] == "rejected"
    assert [error["code"] for error in rejected["errors"]] == ["no_product"]
    first, second = gateway.entries()
    assert (first.faults, first.body != b"") == ((), True)
    assert [fault.code for fault in second.errors()] == ["no_product"]
    assert second.body == b""
    assert second.record_id == "A-2"


def test_narratives_and_raw_bytes_are_nowhere_in_the_log_in_clear(gateway: Serving) -> None:
    told = "She fell down the stairs at the clinic"
    with gateway.client() as client:
        client.post("/v1/reports", json=[report(narrative=told), report(report_id="", zip=told)])
    for message in gateway.stored():
        assert told.encode() not in (message.value or b"")
        assert b"fell" not in (message.value or b"")
    assert told.encode() in gateway.raw(gateway.entries()[0])


def test_validating_answers_the_same_and_stores_nothing(gateway: Serving) -> None:
    records = [report(), report(report_id="A-2", products=[])]
    with gateway.client() as client:
        validated = client.post("/v1/reports?validate=true", json=records)
        assert gateway.stored() == []
        taken = client.post("/v1/reports?validate=false", json=records)
        none = client.post("/v1/reports?validate=true", json=records[1])
    assert validated.status_code == taken.status_code == 202
    assert validated.json()["receipt_id"] is None
    assert validated.json()["records"] == taken.json()["records"]
    assert (none.status_code, none.json()["receipt_id"]) == (422, None)
    assert len(gateway.entries()) == 2


def _store_version(gateway: Serving, content_hash: bytes) -> None:
    case = {
        "id": 1,
        "key": f"reports\x1f{SENDER}\x1fA-1",
        "stream": "reports",
        "sender": SENDER,
        "report_id": "A-1",
        "newest": 1,
        "revision": 1,
    }
    version: dict[str, Any] = {
        "id": 1,
        "case_id": 1,
        "version": None,
        "information_date": "2025-07-03",
        "sort_key": "",
        "content_hash": content_hash,
        "status": "active",
        "version_conflict": False,
        "body": b"",
        "coded": b"",
    }
    with gateway.store.write() as connection:
        connection.execute(insert(tables.cases), [case])
        connection.execute(insert(tables.versions), [version])


def test_what_the_store_holds_already_is_said_to_be_a_duplicate_and_sent_on(
    gateway: Serving,
) -> None:
    with gateway.client() as client:
        client.post("/v1/reports", json=report())
        _store_version(gateway, gateway.entries()[0].content_hash)
        again = client.post(
            "/v1/reports", json=[report(), report(version=2), report(report_id="B")]
        )
    assert [record["status"] for record in again.json()["records"]] == [
        "duplicate",
        "accepted",
        "accepted",
    ]
    assert len(gateway.entries()) == 4


def test_a_request_of_nothing_but_duplicates_is_taken(gateway: Serving) -> None:
    with gateway.client() as client:
        client.post("/v1/reports", json=report())
        _store_version(gateway, gateway.entries()[0].content_hash)
        again = client.post("/v1/reports", json=report())
    assert again.status_code == 202
    assert again.json()["records"][0]["status"] == "duplicate"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_told_to_anyone(gateway: Serving, path: str) -> None:
    answer = httpx.get(gateway.url + path, trust_env=False)
    assert answer.status_code == 200
