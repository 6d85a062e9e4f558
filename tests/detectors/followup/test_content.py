"""What a course contributes to the cohort."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from detectors.followup import exposure, urinary
from detectors.followup.content import (
    CourseContent,
    Event,
    assessed_by,
    content,
    decode_content,
    encode_content,
)
from detectors.followup.course import EMPTY, fold
from detectors.followup.exposure import Parameters, Stratum
from detectors.followup.record import Observed
from detectors.followup.spells import Spell
from tests.detectors.followup.records import record
from tests.detectors.followup.test_contract import records

ENROLMENT = {
    "product": "esketamine",
    "route": "intranasal",
    "setting": "clinic",
    "sex": "male",
    "indication": " TRD ",
}


def test_the_content_of_a_course_by_hand() -> None:
    course = fold(
        [
            record("enrolment", "2025-01-01", age_years=64.9, **ENROLMENT),
            record("dose", "2025-01-03", product="esketamine", dose_mg=56),
            record("urinary", "2025-01-03", "u1", haematuria=True),
            record("urinary", "2025-01-05", "u2", haematuria=True),
            record("urinary", "2025-01-05T10:00Z", "u3", haematuria=True),
            record("exit", "2025-01-10", reason="withdrawn"),
        ]
    )
    first = 739252  # 1 January 2025
    planned = Stratum("esketamine", "intranasal", "clinic", indication="TRD")
    given_ = Stratum("esketamine", "intranasal", "clinic", "", "42-70 mg", "TRD")
    assert content(course, "clinic-a", attributes={"region": "EU"}) == CourseContent(
        "clinic-a",
        entry=first,
        contact=first + 4,
        exit_day=first + 9,
        exit_reason="withdrawn",
        strata=(planned, given_),
        spells=(Spell(first, first + 2, 0, 0, 0), Spell(first + 2, first + 10, 1, 1, 1)),
        days={"dose": (first + 2,), "urinary": (first + 2, 2)},
        # one finding an event: haematuria is said once, on its first day
        events=(Event("Haematuria", first + 2),),
        attributes=(("age", "adults"), ("region", "EU"), ("sex", "male")),
    )


def test_a_death_counts_and_other_notes_do_not() -> None:
    dose = record("dose", "2025-01-01", product="x", dose_mg=56)
    dead = content(fold([dose, record("exit", "2025-01-09", reason="death")]), "r")
    assert dead.events == (Event("Death", 739260),)
    stopped = content(fold([dose, record("exit", "2025-01-09", reason="adverse_event")]), "r")
    assert stopped.events == ()
    assert stopped.exit_reason == "adverse_event"


@pytest.mark.parametrize(("age", "band"), [(17.9, "children"), (18, "adults"), (65, "old")])
def test_age_bands(age: float, band: str) -> None:
    course = fold([record("enrolment", "2025-01-01", age_years=age, **ENROLMENT)])
    assert dict(content(course, "r").attributes)["age"] == band


def test_a_course_without_records_contributes_nothing() -> None:
    assert content(EMPTY, "r") == CourseContent("r")


def test_given_parameters_are_those_of_the_spells() -> None:
    own = {"exposure": Parameters(grace_days=10)}
    course = fold([record("dose", "2025-01-01", product="x", dose_mg=56)], parameters=own)
    assert content(course, "r", parameters=own).spells[-1].end == 739252 + 11
    assert content(course, "r").spells[-1].end == 739252 + 91


def test_what_assesses_an_event() -> None:
    other = replace(urinary.STREAM, name="other", kinds=frozenset({"dose", "liver"}))
    own = replace(urinary.STREAM, name="mood", kinds=frozenset({"dose", "mood", "sedation"}))
    assert assessed_by([own])["Haematuria"] == {"mood"}
    doses = replace(urinary.STREAM, name="doses", kinds=frozenset({"dose"}))
    found = assessed_by([urinary.STREAM, other, doses, exposure.STREAM])
    assert found["Haematuria"] == {"urinary", "liver"}
    assert "Death" not in found
    assert assessed_by([doses]) == {}


@settings(max_examples=40, deadline=None)
@given(course=records(largest=15))
def test_a_content_goes_through_a_message(course: list[Observed]) -> None:
    whole = content(fold(course), "r")
    assert decode_content(encode_content(whole)) == whole
    assert sum(s.end - s.start for s in whole.spells) >= 0
    assert list(whole.events) == sorted(whole.events, key=lambda e: (e.name, e.day, e.unit))
