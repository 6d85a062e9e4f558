"""Checking one record: each bad input has its code, good ones a canonical form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import record
from schemas.errors import InvalidRecord, MalformedRecord
from schemas.record import MAX_BYTES, MAX_DEPTH, MAX_FAULTS, check, depth, named_id
from tests.schemas.examples import NOW, checked, dose, faults, report


def nested(levels: int) -> bytes:
    return b'{"sender": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (nested(MAX_DEPTH + 1), "too_deep"),
        (nested(100_000), "too_deep"),
        (b'{"sender": "clinic\x00a"}', "nul_byte"),
        (b'{"sender": "clinic\\u0000a"}', "nul_byte"),
        ('{"sender": "Zürich"}'.encode("latin-1"), "wrong_encoding"),
        (b'{"sender": "clinic-a"', "malformed_json"),
        (b"", "malformed_json"),
        (b'{"sender": "\\ud800"}', "malformed_json"),
        (b" " * (MAX_BYTES + 1), "record_too_large"),
    ],
)
def test_bytes_that_are_no_record_are_malformed(raw: bytes, code: str) -> None:
    with pytest.raises(MalformedRecord) as caught:
        check("reports", raw, sender="clinic-a", taken_at=NOW)
    assert caught.value.code == code
    assert faults(raw) == [(code, "")]


@pytest.mark.parametrize(
    ("record", "code", "path"),
    [
        (report(received_at="2025-07-03T10:00:00"), "naive_datetime", "received_at"),
        (report(received_at="2025-07-03T25:00:00Z"), "not_a_date", "received_at"),
        (report(received_at=20250703), "wrong_type", "received_at"),
        (report(received_at="2025-07-06"), "future_date", "received_at"),
        (report(received_at="2025-07-04T12:06:00Z"), "future_date", "received_at"),
        (report(first_received_at="2026"), "future_date", "first_received_at"),
        (
            report(reactions=[{"term": "Nausea", "onset_at": "2026-01"}]),
            "future_date",
            "reactions[0].onset_at",
        ),
        (
            report(products=[{"name": "Spravato", "dose_mg": -1}]),
            "too_small",
            "products[0].dose_mg",
        ),
        (
            report(products=[{"name": "Spravato", "role": "culprit"}]),
            "not_permitted",
            "products[0].role",
        ),
        (report(sender="clinic-b"), "another_sender", "sender"),
        (report(patient={"name": "Jane Roe"}), "direct_identifier", "patient"),
        (report(patient={"shoe_size": 38}), "unknown_field", "patient.shoe_size"),
        (report(report_id=""), "too_short", "report_id"),
        (report(report_id="x" * 101), "too_long", "report_id"),
        (report(products=[]), "no_product", ""),
        (report(reactions=[]), "no_reaction", ""),
        (report(country="Utopia"), "wrong_pattern", "country"),
        (report(version=-1), "too_small", "version"),
        (report(external_ids=["x"] * 51), "too_many", "external_ids"),
        (report(patient={"age_years": "old"}), "wrong_type", "patient.age_years"),
    ],
)
def test_a_field_that_is_not_permitted_has_a_code_and_its_path(
    record: dict[str, Any], code: str, path: str
) -> None:
    assert faults(record) == [(code, path)]


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"1e999"])
def test_a_number_must_be_finite(value: bytes) -> None:
    raw = (
        json.dumps(report(patient={"age_years": 0})).encode().replace(b": 0}", b": " + value + b"}")
    )
    assert [code for code, _ in faults(raw)] in (["not_finite"], ["malformed_json"])


@pytest.mark.parametrize("field", ["sender", "report_id", "received_at"])
def test_a_report_without_a_required_field_says_which(field: str) -> None:
    record = report()
    del record[field]
    assert faults(record) == [("missing", field)]


def test_every_fault_of_a_record_is_told_at_once() -> None:
    record = report(country="x", received_at="soon")
    assert sorted(faults(record)) == [("not_a_date", "received_at"), ("wrong_pattern", "country")]


def test_a_record_with_very_many_faults_is_told_the_first_and_how_many_more() -> None:
    told = faults(report(reactions=[{}] * (MAX_FAULTS + 5)))
    assert len(told) == MAX_FAULTS + 1
    assert told[0] == ("missing", "reactions[0].term")
    assert told[-1] == ("more_faults", "")


def test_what_the_sender_is_told_does_not_repeat_the_value() -> None:
    raw = json.dumps(report(received_at="Jane Roe", country="Jane Roe")).encode()
    with pytest.raises(InvalidRecord) as caught:
        check("reports", raw, sender="clinic-a", taken_at=NOW)
    assert "Jane" not in str(caught.value)
    raw = json.dumps(dose(kind="Jane Roe")).encode()
    with pytest.raises(InvalidRecord) as caught:
        check("followups", raw, sender="registry-a", taken_at=NOW)
    assert "Jane" not in str(caught.value)


def test_a_nullification_needs_neither_products_nor_reactions() -> None:
    record = {
        "sender": "clinic-a",
        "report_id": "A-1",
        "received_at": "2025-07-03",
        "status": "nullified",
    }
    assert checked(record).status == "nullified"


def test_the_narrative_is_in_the_hash_and_not_in_the_body() -> None:
    without, told = checked(report()), checked(report(narrative="She felt far away."))
    assert without.body == told.body
    assert without.content_hash != told.content_hash


def test_the_form_of_the_json_does_not_matter() -> None:
    record = report()
    spaced = json.dumps(dict(reversed(record.items())), indent=3).encode()
    again = check("reports", spaced, sender="clinic-a", taken_at=NOW)
    assert again == checked(record)


def test_versions_are_ordered_by_number_then_information_date_then_content() -> None:
    first = checked(report())
    dated = checked(report(received_at="2025-07-03T09:00:00Z"))
    numbered = checked(report(version=1, received_at="2024"))
    assert first.order_key < dated.order_key < numbered.order_key


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30)
names = texts.filter(str.strip)
reports = st.builds(
    lambda name, term, age, narrative: report(
        products=[{"name": name}],
        reactions=[{"term": term}],
        patient={"age_years": age},
        narrative=narrative,
    ),
    names,
    names,
    st.none() | st.floats(0, 120),
    st.none() | texts,
)


@given(reports)
def test_checking_a_checked_body_changes_nothing(record: dict[str, Any]) -> None:
    once = checked(record)
    again = check("reports", once.body, sender="clinic-a", taken_at=NOW)
    assert again.body == once.body
    assert again.order_key[:2] == once.order_key[:2]


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_reason(raw: bytes) -> None:
    assert faults(raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


def levels(value: Any) -> int:
    if isinstance(value, list):
        return 1 + max(map(levels, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(levels, value.values()), default=0)
    return 0


@settings(deadline=None)
@given(json_values, st.booleans())
def test_depth_counts_brackets_outside_strings(value: Any, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode(errors="replace")
    assert depth(raw) == levels(value)


def test_a_refused_record_is_still_known_by_its_id() -> None:
    assert named_id("reports", b'{"report_id": "A-1", "sender": 3}') == "A-1"
    assert named_id("followups", b'{"record_id": "R-1"}') == "R-1"
    assert named_id("reports", b'{"report_id": 7}') is None
    assert named_id("reports", b"[" * 100_000) is None
    assert named_id("reports", b"\xff") is None


def test_a_followup_record_is_checked_as_its_kind() -> None:
    assert faults(dose(), "followups") == []
    assert faults(dose(dose_mg=-1), "followups") == [("too_small", "dose_mg")]
    assert faults(dose(kind="mood"), "followups") != []
    assert faults(dose(kind="telepathy"), "followups") == [("not_permitted", "")]
    assert faults(dose(at="2025-07-03T10:00:00"), "followups") == [("naive_datetime", "at")]
    assert faults(dose(at="2025-07-06"), "followups") == [("future_date", "at")]
    assert faults(dose(registry="registry-b"), "followups") == [("another_sender", "registry")]


def test_a_nul_character_of_a_table_is_refused_as_that_of_json_is() -> None:
    content = report(reactions=[{"term": "Dis\x00sociation"}])
    with pytest.raises(MalformedRecord) as refused:
        record.checked("reports", record.report_of(content), sender=content["sender"], taken_at=NOW)
    assert [fault.code for fault in refused.value.faults] == ["nul_byte"]
