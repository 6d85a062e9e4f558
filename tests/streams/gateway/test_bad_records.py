"""Every bad record: what its sender is told, and that it lies in the log with its faults."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.streams.gateway.serving import SENDER, Serving, dose, report

JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}


def _as_sent(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode()


def _tomorrow_but_one() -> str:
    return f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"


BAD: dict[str, tuple[bytes, str, str, str]] = {
    "over-deep JSON": (
        _as_sent(report())[:-1] + b', "patient": ' + b"[" * 40 + b"]" * 40 + b"}",
        "too_deep",
        "",
        "nested more than 32 levels deep",
    ),
    "a NUL byte": (_as_sent(report(country="D\x00")), "nul_byte", "", "holds a NUL character"),
    "Latin-1": (
        json.dumps(report(narrative="Übelkeit"), ensure_ascii=False).encode("latin-1"),
        "wrong_encoding",
        "",
        "send UTF-8",
    ),
    "broken JSON": (_as_sent(report())[:-5], "malformed_json", "", "Invalid JSON"),
    "no object": (b'"report"', "wrong_type", "", "should be an object"),
    "a naive datetime": (
        _as_sent(report(received_at="2025-07-03T10:00:00")),
        "naive_datetime",
        "received_at",
        "has no time zone; append Z or an offset",
    ),
    "a date that is none": (
        _as_sent(report(received_at="2025-02-30")),
        "not_a_date",
        "received_at",
        "not an ISO date",
    ),
    "a date in the future": (
        _as_sent(report(reactions=[{"term": "Nausea", "onset_at": _tomorrow_but_one()}])),
        "future_date",
        "reactions[0].onset_at",
        "after the time at which it was sent",
    ),
    "a dose below zero": (
        _as_sent(report(products=[{"name": "Ketamine", "dose_mg": -1}])),
        "too_small",
        "products[0].dose_mg",
        "greater than or equal to 0",
    ),
    "another's sender": (
        _as_sent(report(sender="clinic-b")),
        "another_sender",
        "sender",
        "the key given belongs to 'clinic-a'",
    ),
    "no product": (_as_sent(report(products=[])), "no_product", "", "at least one product"),
    "no reaction": (_as_sent(report(reactions=[])), "no_reaction", "", "at least one reaction"),
    "a field that is missing": (
        _as_sent({k: v for k, v in report().items() if k != "report_id"}),
        "missing",
        "report_id",
        "required",
    ),
    "an unknown field": (_as_sent(report(severity=3)), "unknown_field", "severity", "permitted"),
    "a name of a patient": (
        _as_sent(report(patient={"last_name": "Doe"})),
        "direct_identifier",
        "patient",
        "send a pseudonym only",
    ),
    "a role that there is not": (
        _as_sent(report(products=[{"name": "Ketamine", "role": "guilty"}])),
        "not_permitted",
        "products[0].role",
        "suspect",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_report_is_refused_by_code_and_kept_with_its_faults(
    gateway: Serving, name: str
) -> None:
    raw, code, path, message = BAD[name]
    with gateway.client() as client:
        answer = client.post("/v1/reports", content=raw, headers=JSON)
    assert answer.status_code == 422
    body = answer.json()
    assert body["receipt_id"]
    (record,) = body["records"]
    assert (record["index"], record["status"]) == (0, "rejected")
    (error,) = record["errors"]
    assert (error["code"], error["path"]) == (code, path)
    assert message in error["message"]
    (entry,) = gateway.entries()
    assert [(f.code, f.path, f.message) for f in entry.errors()] == [
        (error["code"], error["path"], error["message"])
    ]
    assert gateway.raw(entry) == raw
    assert entry.body == b""


@pytest.mark.parametrize("name", BAD)
def test_the_same_on_a_line_does_not_hold_up_its_neighbours(gateway: Serving, name: str) -> None:
    raw, code, _, _ = BAD[name]
    good = _as_sent(report(report_id="good"))
    with gateway.client() as client:
        answer = client.post("/v1/reports", content=raw + b"\n" + good, headers=NDJSON)
    assert answer.status_code == 202
    bad, accepted = answer.json()["records"]
    assert (bad["status"], accepted["status"]) == ("rejected", "accepted")
    assert bad["errors"][0]["code"] == code
    assert [entry.faults == () for entry in gateway.entries()] == [False, True]


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"registry": "clinic-b"}, "another_sender", "registry"),
        ({"dose_mg": -5}, "too_small", "dose_mg"),
        ({"at": "2025-07-03T10:15:00"}, "naive_datetime", "at"),
        ({"at": _tomorrow_but_one()}, "future_date", "at"),
        ({"kind": "secret-kind"}, "not_permitted", ""),
    ],
)
def test_a_bad_follow_up_record_is_kept_too(
    gateway: Serving, changes: dict[str, Any], code: str, path: str
) -> None:
    with gateway.client() as client:
        answer = client.post("/v1/followups", json=dose(**changes))
    assert answer.status_code == 422
    (error,) = answer.json()["records"][0]["errors"]
    assert (error["code"], error["path"]) == (code, path)
    assert "secret-kind" not in answer.text
    assert [fault.code for fault in gateway.entries("followups")[0].errors()] == [code]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[" + _as_sent(report()) + b"} ]", "malformed_json"),
        (b"[" + _as_sent(report()) + b'{"narrative": "\xdcbelkeit"}]', "wrong_encoding"),
        (b"[" + _as_sent(report()) + b"\x00]", "nul_byte"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        (b"[" * 2_000_000, "too_deep"),
    ],
)
def test_a_list_that_cannot_be_parsed_is_one_record(
    gateway: Serving, body: bytes, code: str
) -> None:
    with gateway.client() as client:
        answer = client.post("/v1/reports", content=body, headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["receipt_id"]
    (record,) = answer.json()["records"]
    (error,) = record["errors"]
    assert error["code"] == code
    assert f"{len(body)} bytes, SHA-256 {hashlib.sha256(body).hexdigest()}" in error["message"]
    (entry,) = gateway.entries()
    assert gateway.raw(entry) == body[: 1 << 20]
    assert entry.record_id is None


@pytest.mark.parametrize("headers", [JSON, NDJSON])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_body_in_utf_16_is_one_record(
    gateway: Serving, headers: dict[str, str], encoding: str
) -> None:
    text = "\ufeff" + "\n".join(json.dumps(report(report_id=f"A-{i}")) for i in range(3)) + "\n"
    with gateway.client() as client:
        answer = client.post("/v1/reports", content=text.encode(encoding), headers=headers)
    assert answer.status_code == 422
    (error,) = answer.json()["records"][0]["errors"]
    assert error["code"] == "wrong_encoding"
    assert "this is UTF-16; send UTF-8" in error["message"]
    assert gateway.raw(gateway.entries()[0]).decode(encoding) == text


def test_what_is_not_gzip_is_one_record(gateway: Serving) -> None:
    with gateway.client() as client:
        answer = client.post(
            "/v1/reports", json=report(), headers=JSON | {"content-encoding": "gzip"}
        )
    assert answer.status_code == 422
    assert answer.json()["records"][0]["errors"][0]["code"] == "damaged_gzip"
    assert json.loads(gateway.raw(gateway.entries()[0])) == report()


def test_of_a_record_over_a_mebibyte_the_first_one_is_kept(gateway: Serving) -> None:
    raw = _as_sent(report(narrative="n" * 3_000_000))
    with gateway.client() as client:
        answer = client.post("/v1/reports", content=b"[" + raw + b"]", headers=JSON)
    assert answer.status_code == 422
    (record,) = answer.json()["records"]
    assert record["id"] == "A-1"
    assert record["errors"][0]["code"] == "record_too_large"
    assert f"{len(raw)} bytes, SHA-256" in record["errors"][0]["message"]
    assert gateway.raw(gateway.entries()[0]) == raw[: 1 << 20]


def test_a_record_names_fifty_faults_and_how_many_more(gateway: Serving) -> None:
    with gateway.client() as client:
        answer = client.post("/v1/reports", json=report(**{f"x{i}": 1 for i in range(60)}))
    errors = answer.json()["records"][0]["errors"]
    assert len(errors) == 51
    assert (errors[-1]["code"], errors[-1]["message"]) == ("more_faults", "and 10 more")


def test_an_id_that_holds_nul_names_nothing(gateway: Serving) -> None:
    with gateway.client() as client:
        answer = client.post("/v1/reports", json=report(report_id="A\x00"))
    assert answer.json()["records"][0]["id"] is None
    (entry,) = gateway.entries()
    assert (entry.sender, entry.record_id) == (SENDER, None)


def test_values_are_not_repeated_to_anyone_who_reads_errors(gateway: Serving) -> None:
    bad = report(
        country="Jane Doe",
        received_at="Jane Doe",
        products=[{"name": "Ketamine", "role": "Jane Doe", "dose_mg": "Jane Doe"}],
        reactions=[{"term": "Nausea", "onset_at": 5, "outcome": "Jane Doe"}],
    )
    with gateway.client() as client:
        answer = client.post("/v1/reports", json=bad)
    assert answer.status_code == 422
    assert len(answer.json()["records"][0]["errors"]) == 6
    assert "Jane" not in answer.text
