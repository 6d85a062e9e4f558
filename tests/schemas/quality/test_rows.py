"""Row rules: what holds one record back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.quality import QualitySuite, measures
from schemas.quality.limits import limits
from tests.schemas.quality.rows import broken, row


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        ({}, []),
        ({"patient": {"age_years": 125, "weight_kg": 500}}, []),
        ({"patient": {"age_years": 126}}, ["age_range"]),
        ({"patient": {"weight_kg": 0.1}}, ["weight_range"]),
        ({"patient": {"weight_kg": 700}}, ["weight_range"]),
        ({"products": [{"dose_mg": 0}, {"dose_mg": 1_000_000}]}, []),
        ({"products": [{"dose_mg": 50}, {"dose_mg": 2_000_000}]}, ["dose_range"]),
        ({"first_received_at": "2025-07-03"}, []),
        ({"first_received_at": "2025-07-04"}, ["first_received_after_received"]),
        ({"products": [{"started_at": "2025-07"}]}, []),
        ({"products": [{}, {"started_at": "2025-08"}]}, ["started_after_received"]),
        ({"products": [{"started_at": "2025-05-02", "stopped_at": "2025-05"}]}, []),
        (
            {"products": [{"started_at": "2025-05-02", "stopped_at": "2025-04"}]},
            ["stopped_before_started"],
        ),
        ({"products": [{"started_at": "2025-05-02"}, {"stopped_at": "2025-04"}]}, []),
        ({"products": [{"stopped_at": "2026-07-05"}]}, []),
        ({"products": [{"stopped_at": "2205-07-04"}]}, ["stopped_after_taken"]),
        ({"reactions": [{"onset_at": "2025"}]}, []),
        ({"reactions": [{"onset_at": "2025-07-04"}]}, ["onset_after_received"]),
        (
            {"patient": {"age_years": 300}, "reactions": [{"onset_at": "2025-07-04"}]},
            ["age_range", "onset_after_received"],
        ),
    ],
)
def test_a_report_out_of_range_or_order_breaks_the_rule_of_that_name(
    body: dict[str, Any], rules: list[str]
) -> None:
    assert broken(row(**body)) == rules


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        ({"kind": "enrolment", "weight_kg": 80}, []),
        ({"kind": "enrolment", "weight_kg": 0.1}, ["weight_range"]),
        ({"kind": "dose", "dose_mg": 56}, []),
        ({"kind": "dose", "dose_mg": 56_000}, ["dose_range"]),
        ({"kind": "vital_signs", "systolic_mmhg": 120, "diastolic_mmhg": 80}, []),
        (
            {"kind": "vital_signs", "systolic_mmhg": 80, "diastolic_mmhg": 120},
            ["blood_pressure_order"],
        ),
        ({"kind": "vital_signs", "diastolic_mmhg": 120}, []),
        ({"kind": "mood", "instrument": "PHQ-9", "score": 27}, []),
        ({"kind": "mood", "instrument": "phq-9", "score": 28}, ["score_range"]),
        ({"kind": "mood", "instrument": "our own scale", "score": 280}, []),
        ({"kind": "urinary", "instrument": "BPIC-SS", "score": -1}, ["score_range"]),
        ({"kind": "liver", "alt_xuln": 2, "ast_xuln": 900}, ["liver_range"]),
        ({"kind": "dispensing", "days_supply": 4000}, ["days_supply_range"]),
    ],
)
def test_a_followup_record_out_of_range_breaks_the_rule_of_that_name(
    body: dict[str, Any], rules: list[str]
) -> None:
    assert broken(row(**body), "followups") == rules


def test_each_row_is_named_by_its_place_with_a_message_for_people() -> None:
    rows = [row(place, patient={"age_years": age}) for place, age in ((3, 40), (8, 140), (9, 150))]
    result = QualitySuite("reports").check(rows)
    message = "the age is not between 0 and 125 years"
    assert result.row_faults == {8: [("age_range", message)], 9: [("age_range", message)]}


def test_a_message_does_not_repeat_the_value() -> None:
    faults = QualitySuite("reports").check([row(patient={"age_years": 987})]).row_faults
    assert "987" not in str(faults)


def test_every_row_rule_of_the_limits_is_measured() -> None:
    day = row().taken_day
    assert list(measures.report(row().body, day)) == list(limits().reports.rows)
    assert list(measures.followup({}, day)) == list(limits().followups.rows)


def test_an_empty_batch_is_in_order() -> None:
    result = QualitySuite("reports").check([])
    assert (result.row_faults, result.batch, result.suite_errors) == ({}, [], set())


SUITE = QualitySuite("reports")
dates = st.sampled_from(["2025", "2025-07", "2025-07-03", "2025-07-04", "2025-07-03T12:00:00Z"])
bodies = st.fixed_dictionaries(
    {},
    optional={
        "patient": st.fixed_dictionaries(
            {},
            optional={
                "age_years": st.sampled_from([None, 3, 125.5, "old"]),
                "weight_kg": st.sampled_from([0.1, 70]),
            },
        ),
        "first_received_at": dates,
        "products": st.lists(
            st.fixed_dictionaries({}, optional={"started_at": dates, "stopped_at": dates}),
            max_size=2,
        ),
    },
)


@settings(max_examples=12, deadline=None)
@given(st.lists(bodies, min_size=2, max_size=4))
def test_what_a_rule_says_of_a_row_does_not_depend_on_its_batch(
    listed: list[dict[str, Any]],
) -> None:
    rows = [row(place, **body) for place, body in enumerate(listed)]
    together = SUITE.check(rows)
    alone = [SUITE.check([one]) for one in rows]
    assert together.row_faults == {
        place: found for result in alone for place, found in result.row_faults.items()
    }
    assert together.suite_errors == {place for result in alone for place in result.suite_errors}
