"""JSON in our own schema: the exact bytes of each record, its stream and its sender."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.errors import RecordError
from schemas.formats import SourceRecord
from schemas.record import MAX_BYTES, check
from tests.schemas.formats.samples import JSON, records, written

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def judged(found: list[SourceRecord]) -> list[str]:
    """The code of the first fault that each record has as it is checked."""
    out = []
    for record in found:
        try:
            check(record.stream, record.raw, sender=record.sender, taken_at=NOW)
            out.append("")
        except RecordError as error:
            out.append(error.code)
    return out


def test_a_list_hands_on_the_exact_bytes_of_each_element(tmp_path: Path) -> None:
    one, other = (
        json.dumps(JSON, indent=2),
        json.dumps(JSON | {"report_id": "Ä"}).replace(",", " ,"),
    )
    found = records(written(tmp_path, f"[{one},\n {other} ]", "reports.json"))
    assert [r.raw.decode() for r in found] == [one, other]
    assert [r.where for r in found] == ["reports.json:1", "reports.json:2"]


def test_one_object_is_one_record_however_many_lines_it_has(tmp_path: Path) -> None:
    for indent in (None, 2):
        found = records(written(tmp_path, json.dumps(JSON, indent=indent), "one"))
        assert judged(found) == [""]


def test_an_empty_list_holds_nothing(tmp_path: Path) -> None:
    assert records(written(tmp_path, "[]", "none.json")) == []


def test_bad_lines_are_records_at_fault_among_good_ones(tmp_path: Path) -> None:
    good = json.dumps(JSON).encode()
    lines = [
        (good, ""),
        (b"{broken", "malformed_json"),
        (b'{"report_id": "\xff"}', "wrong_encoding"),
        (b'{"report_id": "a\\u0000"}', "nul_byte"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too_deep"),
        (b'{"narrative": "' + b"x" * MAX_BYTES + b'"}', "record_too_large"),
        (json.dumps(JSON | {"received_at": "2025-07-03T10:00:00"}).encode(), "naive_datetime"),
        (json.dumps(JSON | {"received_at": "2029-01-01"}).encode(), "future_date"),
        (b"[1]", "wrong_type"),
        (b"17", "wrong_type"),
        (good, ""),
    ]
    found = records(written(tmp_path, b"\n".join(line for line, _ in lines), "reports.ndjson"))
    assert judged(found) == [code for _, code in lines]
    assert [r.where for r in found] == [f"reports.ndjson:{n}" for n in range(1, 12)]


def test_a_record_of_another_sender_than_the_one_given_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(JSON), "one.ndjson")
    assert judged(records(path)) == [""]
    assert judged(records(path, sender="clinic-a")) == [""]
    assert judged(records(path, sender="clinic-b")) == ["another_sender"]


@pytest.mark.parametrize(("given", "sender"), [(None, "import:ndjson"), ("archive", "archive")])
def test_a_record_that_names_no_sender_is_given_the_imports(
    given: str | None, sender: str, tmp_path: Path
) -> None:
    nameless = {name: value for name, value in JSON.items() if name != "sender"}
    (found,) = records(written(tmp_path, json.dumps(nameless), "one.ndjson"), sender=given)
    assert found.sender == sender
    assert check("reports", found.raw, sender=sender, taken_at=NOW).sender == sender
    assert json.loads(found.raw) == nameless | {"sender": sender}


def test_an_object_without_any_field_is_still_one_record(tmp_path: Path) -> None:
    (found,) = records(written(tmp_path, "{}", "one.ndjson"))
    assert json.loads(found.raw) == {"sender": "import:ndjson"}
    assert judged([found]) == ["missing"]


def test_follow_up_records_go_to_their_own_stream(tmp_path: Path) -> None:
    dose = {
        "registry": "registry-a",
        "record_id": "R-1",
        "patient": "P-1",
        "course": "1",
        "at": "2025-07-03T10:00:00Z",
        "kind": "dose",
        "product": "Spravato",
        "dose_mg": 56,
    }
    content = "\n".join(json.dumps(record) for record in (JSON, dose))
    found = records(written(tmp_path, content, "all.ndjson"))
    assert [(r.stream, r.sender) for r in found] == [
        ("reports", "clinic-a"),
        ("followups", "registry-a"),
    ]
    assert judged(found) == ["", ""]


@pytest.mark.parametrize("sender", [7, "", "x" * 101, None, ["a"]])
def test_a_sender_that_is_none_is_a_fault_of_the_record(sender: object, tmp_path: Path) -> None:
    (found,) = records(written(tmp_path, json.dumps(JSON | {"sender": sender}), "one.ndjson"))
    assert found.sender == "import:ndjson"
    assert judged([found]) != [""]
