"""Follow-up records: the kinds and their fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.followup import FOLLOWUP
from tests.schemas.examples import dose, faults

KINDS: dict[str, dict[str, Any]] = {
    "enrolment": {"product": "Spravato", "planned_interval_days": 3.5},
    "dose": {"product": "Spravato", "dose_mg": 56},
    "vital_signs": {"minutes": 40, "systolic_mmhg": 150, "diastolic_mmhg": 95},
    "dissociation": {"score": 12, "minutes": 40},
    "sedation": {"score": 4},
    "cognitive": {"instrument": "HVLT-R", "measure": "total recall", "score": 24},
    "mood": {"instrument": "PHQ-9", "score": 11},
    "suicidality": {"ideation": 1, "behaviour": False},
    "urinary": {"instrument": "OABSS", "score": 3},
    "liver": {"alt_xuln": 1.2},
    "dispensing": {"product": "ketamine", "quantity_mg": 900, "days_supply": 28},
    "misuse_screen": {"instrument": "DAST-10", "score": 1},
    "biomarker": {"biomarkers": [{"name": "BDNF", "value": 21.0, "unit": "ng/mL"}]},
    "exit": {"reason": "completed"},
}
COURSE = {key: value for key, value in dose().items() if key not in ("kind", *KINDS["dose"])}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read_with_its_fields(kind: str) -> None:
    record = COURSE | {"kind": kind} | KINDS[kind]
    assert faults(record, "followups") == []
    found = FOLLOWUP.validate_json(json.dumps(record))
    assert found.kind == kind
    assert found.case == ("registry-a", "R-1")


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"vital_signs"}))
def test_no_kind_takes_the_fields_of_another(kind: str) -> None:
    record = COURSE | {"kind": kind, "systolic_mmhg": 120} | KINDS[kind]
    assert faults(record, "followups") == [("unknown_field", "systolic_mmhg")]


@pytest.mark.parametrize(
    ("kind", "changes", "code", "path"),
    [
        ("dissociation", {"score": 93}, "too_large", "score"),
        ("sedation", {"score": -1}, "too_small", "score"),
        ("vital_signs", {"spo2_percent": 101}, "too_large", "spo2_percent"),
        ("exit", {"reason": "bored"}, "not_permitted", "reason"),
        ("dose", {"setting": "garden"}, "not_permitted", "setting"),
        ("dispensing", {"prescriber": ""}, "too_short", "prescriber"),
        ("enrolment", {"birth_date": "1980-01-01"}, "direct_identifier", ""),
    ],
)
def test_a_value_out_of_its_range_has_a_code(
    kind: str, changes: dict[str, Any], code: str, path: str
) -> None:
    record = COURSE | {"kind": kind} | KINDS[kind] | changes
    assert faults(record, "followups") == [(code, path)]


def test_the_moments_of_a_record_are_its_own_and_its_biomarkers() -> None:
    record = COURSE | {
        "kind": "biomarker",
        "biomarkers": [
            {"name": "ALT", "value": 40, "at": "2025-07-01"},
            {"name": "x", "value": "y"},
        ],
    }
    found = FOLLOWUP.validate_json(json.dumps(record))
    assert found.moments() == [("at", "2025-07-03T10:00:00Z"), ("biomarkers[0].at", "2025-07-01")]
