"""What becomes of a record, from the answer a sender gets to its place in the store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import Deployment, eventually, report

BAD: dict[str, tuple[dict[str, Any] | bytes, str, str]] = {
    "a naive datetime": (
        report("clinic", "B-1", received_at="2025-07-03T10:00:00"),
        "naive_datetime",
        "received_at",
    ),
    "a date in the future": (
        report("clinic", "B-2", received_at="2999-01-01"),
        "future_date",
        "received_at",
    ),
    "a dose below zero": (
        report("clinic", "B-3", products=[{"name": "Ketamine", "dose_mg": -1}]),
        "too_small",
        "products[0].dose_mg",
    ),
    "another's sender": (report("somebody", "B-4"), "another_sender", "sender"),
    "a NUL character": (report("clinic", "B-5", narrative="a\x00b"), "nul_byte", ""),
    "nesting without end": (b"[" * 5_000 + b"]" * 5_000, "too_deep", ""),
    "another encoding": (
        json.dumps(report("clinic", "B-6", country="GB")).encode("utf-16"),
        "wrong_encoding",
        "",
    ),
    "latin-1 bytes": (
        json.dumps(report("clinic", "B-7", narrative="caf\u00e9"), ensure_ascii=False).encode(
            "latin-1"
        ),
        "wrong_encoding",
        "",
    ),
    "no JSON": (b'{"sender": "clinic", ', "malformed_json", ""),
    "a direct identifier": (
        report("clinic", "B-8", patient={"name": "N."}),
        "direct_identifier",
        "patient",
    ),
    "no product": (report("clinic", "B-9", products=[]), "no_product", ""),
    "an unknown field": (report("clinic", "B-10", colour="blue"), "unknown_field", "colour"),
}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(tmp_path_factory.mktemp("records")) as running:
        yield running.up()


@pytest.fixture(scope="module")
def key(deployment: Deployment) -> str:
    return deployment.key("clinic")


def settled(deployment: Deployment, key: str, receipt_id: str) -> list[Any]:
    """The records of a receipt once nothing is pending."""
    found: list[Any] = []

    def reached() -> bool:
        found[:] = deployment.receipt(key, receipt_id)["records"]
        return all(record["disposition"] != "pending" for record in found)

    eventually(reached, "the receipt")
    return found


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_and_held(name: str, deployment: Deployment, key: str) -> None:
    record, code, path = BAD[name]
    body = record if isinstance(record, bytes) else json.dumps(record).encode()
    answer = deployment.push(key, body)
    assert answer.status_code == 422
    (told,) = answer.json()["records"]
    assert told["status"] == "rejected"
    assert (told["errors"][0]["code"], told["errors"][0]["path"]) == (code, path)
    (became,) = settled(deployment, key, answer.json()["receipt_id"])
    assert became["disposition"] == "quarantined"
    assert became["errors"][0]["code"] == code
    held = json.loads(deployment.run("quarantine", "list", "--json", "--code", code).stdout)
    assert held[0]["faults"][0]["code"] == code
    if isinstance(record, dict):
        assert record["report_id"] in {one["report_id"] for one in held}


def test_what_is_refused_whole_leaves_nothing_behind(deployment: Deployment, key: str) -> None:
    before = deployment.verify()["checks"][0]["figures"]
    assert deployment.push("kv_wrong", [report("clinic", "R-1")]).status_code == 401
    large = deployment.push(key, b" " * (16 * 1024 * 1024 + 1))
    assert large.status_code == 413
    assert "nothing" in large.text.lower()
    assert deployment.verify()["checks"][0]["figures"] == before


def test_versions_count_by_their_key_and_repeats_are_duplicates(
    deployment: Deployment, key: str
) -> None:
    states = []
    for record in (
        report("clinic", "V-1", version=2),
        report("clinic", "V-1", version=1, received_at="2025-06-01"),
        report("clinic", "V-1", version=2),
        report("clinic", "V-2", version=1),
        report("clinic", "V-2", version=2, status="nullified", products=[], reactions=[]),
    ):
        answer = deployment.push(key, [record])
        assert answer.status_code == 202, answer.text
        states.append((answer.json()["receipt_id"], record))
    eventually(
        lambda: settled(deployment, key, states[-1][0])[0]["disposition"] != "pending", "intake"
    )
    found = [settled(deployment, key, receipt)[0]["disposition"] for receipt, _ in states]
    assert found == ["counted", "superseded", "duplicate", "superseded", "nullified"]


def test_the_same_version_with_other_content_is_flagged(deployment: Deployment, key: str) -> None:
    for term in ("Nausea", "Headache"):
        record = report("clinic", "C-1", version=1, reactions=[{"term": term}])
        answer = deployment.push(key, [record])
        settled(deployment, key, answer.json()["receipt_id"])
    with sqlite3.connect(f"file:{deployment.data}/store.db?mode=ro", uri=True) as connection:
        flags = connection.execute(
            "SELECT version_conflict FROM versions v JOIN cases c ON c.id = v.case_id "
            "WHERE c.report_id = 'C-1'"
        ).fetchall()
    assert flags == [(1,), (1,)]


def test_a_row_that_fails_a_quality_rule_is_held_by_the_rules_name(
    deployment: Deployment, key: str
) -> None:
    old = report("clinic", "Q-1", patient={"age_years": 900})
    answer = deployment.push(key, [old])
    assert answer.status_code == 202
    (became,) = settled(deployment, key, answer.json()["receipt_id"])
    assert became["disposition"] == "quarantined"
    held = json.loads(deployment.run("quarantine", "list", "--json").stdout)
    (one,) = [row for row in held if row["report_id"] == "Q-1"]
    assert (one["stage"], one["rule"]) == ("quality", "age_range")
    assert "900" in deployment.run("quarantine", "show", str(one["id"])).stdout
    again = deployment.run("quarantine", "replay", str(one["id"])).stdout
    assert "0 accepted, 1 still held" in again
    # who read it, and who sent it again, is in the audit trail
    with closing(sqlite3.connect(deployment.data / "store.db")) as connection:
        subject = (f"record {one['id']}",)
        query = "SELECT what, role FROM trail WHERE subject = ? ORDER BY seq"
        rows = connection.execute(query, subject).fetchall()
    assert rows == [("patient_rows_read", "console"), ("record_replayed", "console")]


def test_follow_up_records_are_taken(deployment: Deployment, key: str) -> None:
    record = {
        "registry": "clinic",
        "record_id": "F-1",
        "patient": "p1",
        "course": "c1",
        "at": "2025-07-03T10:40:00Z",
        "kind": "vital_signs",
        "minutes": 40,
        "systolic_mmhg": 151,
    }
    lines = "\n".join(json.dumps(one) for one in (record, record | {"record_id": "F-2"})).encode()
    answer = deployment.push(key, lines, stream="followups", kind="application/x-ndjson")
    assert answer.status_code == 202, answer.text
    states = [r["disposition"] for r in settled(deployment, key, answer.json()["receipt_id"])]
    assert states == ["counted", "counted"]


def test_conservation_holds_at_the_end(deployment: Deployment) -> None:
    found = deployment.verify()
    assert [c["name"] for c in found["checks"] if not c["holds"]] == []
    law = found["checks"][0]["figures"]
    assert law["received"] == sum(n for name, n in law.items() if name != "received")
    assert law["quarantined"] >= len(BAD)


def test_a_second_worker_is_refused(deployment: Deployment) -> None:
    assert "worker_running" in deployment.run("worker", status=2).stderr


def test_a_store_without_its_own_log_is_refused(tmp_path: Path) -> None:
    with Deployment(tmp_path / "d") as one:
        one.up()
        one.stop()
        for path in one.data.glob("log.db*"):
            path.unlink()
        assert "another_log" in one.run("worker", status=2).stderr
