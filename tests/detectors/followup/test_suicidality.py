"""Suicidality, on courses worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.followup.finding import Finding
from detectors.followup.record import Observed
from detectors.followup.suicidality import EVENTS, STREAM, Parameters
from schemas.vocabulary import Vocabulary
from tests.detectors.followup.records import findings, record

DOSE = record("dose", "2025-01-10", "dose", product="esketamine", dose_mg=56)


def columbia(at: str, ideation: int | None = None, **values: Any) -> Observed:
    return record("suicidality", at, ideation=ideation, **values)


def item9(at: str, item_score: int) -> Observed:
    return record("suicidality", at, f"{at} item", instrument="PHQ-9", item_score=item_score)


def treated(*records: Observed, parameters: Parameters | None = None) -> list[Finding]:
    """With a first dose on 10 January."""
    return findings(STREAM, [DOSE, *records], parameters)


def said(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.code, one.level) for one in found]


def test_every_event_is_of_the_suicidality_group() -> None:
    for event in EVENTS.values():
        assert Vocabulary.load().groups_of(event) == ("suicidality",)


@pytest.mark.parametrize(
    ("before", "after", "code", "level"),
    [
        (0, 1, "ideation_new", "finding"),
        (0, 3, "ideation_new", "finding"),
        (0, 4, "ideation_severe", "urgent"),
        (0, 5, "ideation_severe", "urgent"),
        (1, 3, "ideation_new", "finding"),
        (3, 4, "ideation_severe", "urgent"),
        (4, 5, "ideation_severe", "urgent"),
        (4, 4, "ideation_as_before", "note"),
        (5, 4, "ideation_as_before", "note"),
    ],
)
def test_ideation_counts_where_it_is_above_the_level_before_treatment(
    before: int, after: int, code: str, level: str
) -> None:
    found = treated(columbia("2025-01-05", before), columbia("2025-02-01", after))
    assert (found[-1].code, found[-1].level) == (code, level)
    assert found[-1].records == ("2025-01-05", "2025-02-01")
    assert {one.level for one in found[:-1]} <= {"note"}


@pytest.mark.parametrize(("before", "after"), [(0, 0), (2, 2), (3, 1), (5, 0)])
def test_what_was_there_before_treatment_is_not_new(before: int, after: int) -> None:
    found = treated(columbia("2025-01-05", before), columbia("2025-02-01", after))
    assert [one for one in found if one.code != "before_treatment"] == []


def test_the_worst_level_before_treatment_counts() -> None:
    pre = [columbia("2025-01-02", 3), columbia("2025-01-05", 1)]
    assert treated(*pre, columbia("2025-02-01", 3)) == []
    assert treated(*pre, columbia("2025-02-01", 4))[0].records == ("2025-01-02", "2025-02-01")
    # an assessment of the day of the first dose without a time is one before it
    assert treated(columbia("2025-01-10", 3), columbia("2025-02-01", 3)) == []


def test_severe_ideation_is_urgent_at_each_visit_that_has_it() -> None:
    found = treated(columbia("2025-01-05", 0), columbia("2025-02-01", 4), columbia("2025-02-08", 4))
    assert said(found) == [("ideation_severe", "urgent")] * 2
    assert found[0].key != found[1].key
    assert found[0].explanation == "C-SSRS ideation 4 (severe from 4), 0 at the start"


def test_two_levels_of_one_day_are_both_kept() -> None:
    found = treated(
        columbia("2025-01-05", 0),
        columbia("2025-02-01T09:00Z", 5),
        columbia("2025-02-01T12:00Z", 4),
    )
    assert len({one.key for one in found}) == 2


def test_a_level_that_stays_is_told_once_and_again_where_it_rises_or_comes_back() -> None:
    visits = [
        columbia(f"2025-02-{day:02}", level)
        for day, level in [(1, 1), (8, 1), (15, 2), (22, 1), (23, 0), (24, 1)]
    ]
    found = treated(columbia("2025-01-05", 0), *visits)
    assert [(one.day - DOSE.day, one.code) for one in found] == [
        (22, "ideation_new"),
        (36, "ideation_new"),
        (45, "ideation_new"),
    ]
    # while a severe one goes down it is not new either
    down = [columbia("2025-02-01", 5), columbia("2025-02-08", 3)]
    assert said(treated(columbia("2025-01-05", 0), *down)) == [("ideation_severe", "urgent")]


def test_behaviour_in_treatment_is_always_urgent() -> None:
    pre = columbia("2025-01-05", 5, behaviour=True)
    found = treated(pre, columbia("2025-02-01", 0, behaviour=True))
    assert said(found) == [
        ("before_treatment", "note"),
        ("before_treatment", "note"),
        ("behaviour", "urgent"),
    ]
    assert found[0].key != found[1].key
    assert found[2].event == "Suicidal behaviour"
    assert found[2].explanation == "C-SSRS: suicidal behaviour"
    # also after the course was left, and whatever the instrument is called
    exit_ = record("exit", "2025-02-01", "x", reason="completed")
    late = columbia("2025-03-01", behaviour=True, instrument="own form")
    assert said(treated(exit_, late)) == [("behaviour", "urgent")]
    assert treated(columbia("2025-02-01", behaviour=False)) == []


def test_behaviour_hours_after_the_first_dose_is_urgent_where_times_say_so() -> None:
    dose = record("dose", "2025-01-10T10:00Z", product="esketamine", dose_mg=56)
    after = columbia("2025-01-10T15:00Z", behaviour=True)
    assert said(findings(STREAM, [dose, after])) == [("behaviour", "urgent")]
    before = columbia("2025-01-10T09:00Z", behaviour=True)
    assert said(findings(STREAM, [dose, before])) == [("before_treatment", "note")]


def test_without_a_level_before_treatment_the_first_assessment_stands_for_it() -> None:
    found = treated(columbia("2025-02-01", 2), columbia("2025-02-08", 2), columbia("2025-02-15", 3))
    assert said(found) == [("ideation_without_baseline", "note"), ("ideation_new", "finding")]
    assert said(treated(columbia("2025-02-01", 0), columbia("2025-02-08", 1))) == [
        ("ideation_new", "finding")
    ]
    # it cannot be known that severe ideation is not new
    found = treated(columbia("2025-02-01", 5), columbia("2025-02-08", 5))
    assert said(found) == [("ideation_severe", "urgent")] * 2
    assert found[0].explanation.endswith("no level at the start is known")
    assert found[0].records == ("2025-02-01",)


def test_a_course_whose_doses_are_not_sent_is_judged_all_the_same() -> None:
    """56 days after 1 January is 26 February."""
    began = record("enrolment", "2025-01-01", product="ketamine")
    pre = columbia("2025-01-01", 0)
    assert said(findings(STREAM, [began, pre, columbia("2025-02-26", 5)])) == [
        ("before_treatment", "note")
    ]
    assert said(findings(STREAM, [began, pre, columbia("2025-02-27", 5)])) == [
        ("ideation_severe", "urgent")
    ]


def test_item_9_asks_for_a_columbia_scale() -> None:
    assert treated(item9("2025-02-01", 0)) == []
    (found,) = treated(item9("2025-02-01", 1))
    assert (found.code, found.level) == ("item9", "note")
    assert found.explanation == "PHQ-9 item 9 is 1 (from 1): it asks for a C-SSRS within 7 days"
    other = record("suicidality", "2025-02-01", instrument="own", item_score=5)
    assert treated(other) == []


def dose(at: str) -> Observed:
    return record("dose", at, product="esketamine", dose_mg=56)


@pytest.mark.parametrize(
    ("next_record", "overdue"),
    [
        (dose("2025-02-08"), False),
        (dose("2025-02-09"), True),
        (record("mood", "2025-02-09", instrument="GAD-7", score=3), True),
        (record("exit", "2025-02-09", reason="lost"), True),
        (record("dispensing", "2025-03-01", product="ketamine"), True),
        (columbia("2025-02-08", 0), False),
        (columbia("2025-02-09", 0), True),
    ],
)
def test_an_item_9_without_a_columbia_scale_is_a_finding_once_a_record_shows_it(
    next_record: Observed, overdue: bool
) -> None:
    """The item is of 1 February, 7 days are over after the 8th."""
    found = treated(columbia("2025-01-05", 0), item9("2025-02-01", 2), next_record)
    late = [one for one in found if one.code == "item9_unanswered"]
    assert [one.level for one in late] == ["finding"] * overdue
    if overdue:
        assert late[0].day == next_record.day
        assert late[0].records == ("2025-02-01 item", next_record.id)
        assert late[0].explanation.startswith(
            "PHQ-9 item 9 was 2 (from 1) and no C-SSRS followed within 7 days: "
        )


def test_a_columbia_scale_in_time_answers_item_9() -> None:
    late = dose("2025-03-01")
    for answer in ("2025-02-01", "2025-02-01T08:00Z", "2025-02-08"):
        found = treated(
            columbia("2025-01-05", 0), item9("2025-02-01", 2), columbia(answer, 0), late
        )
        assert said(found) == [("item9", "note")]
    before = treated(columbia("2025-01-31", 0), item9("2025-02-01", 2), late)
    assert said(before)[-1] == ("item9_unanswered", "finding")


def test_the_oldest_open_item_9_counts_and_each_is_told_once() -> None:
    asked = [item9("2025-02-01", 2), item9("2025-02-06", 3), dose("2025-02-09")]
    found = treated(*asked, dose("2025-02-20"), item9("2025-03-01", 1), dose("2025-03-09"))
    assert [one.code for one in found] == [
        "item9",
        "item9",
        "item9_unanswered",
        "item9",
        "item9_unanswered",
    ]
    assert found[2].records[0] == "2025-02-01 item"


def test_item_9_before_treatment_is_a_note_alone() -> None:
    assert said(treated(item9("2025-01-05", 3), dose("2025-02-01"))) == [("item9", "note")]


def test_the_limits_are_parameters() -> None:
    strict = Parameters(severe=3, item9=2, item9_days=1)
    course = [columbia("2025-01-05", 0), columbia("2025-02-01", 3), item9("2025-02-02", 1)]
    assert said(treated(*course, dose("2025-02-05"), parameters=strict)) == [
        ("ideation_severe", "urgent")
    ]
    asked = [item9("2025-02-02", 2), dose("2025-02-04")]
    assert said(treated(*asked, parameters=strict))[-1] == ("item9_unanswered", "finding")


LEVELS = st.lists(st.integers(0, 5), min_size=1, max_size=9)


@given(before=LEVELS, after=LEVELS)
def test_urgent_is_severe_and_new_and_nothing_else_is(before: list[int], after: list[int]) -> None:
    pre = [columbia(f"2025-01-0{i + 1}", level) for i, level in enumerate(before)]
    post = [columbia(f"2025-02-0{i + 1}", level) for i, level in enumerate(after)]
    found = treated(*pre, *post)
    worst = max(before)
    urgent = [one.records[-1] for one in found if one.level == "urgent"]
    assert urgent == [
        visit.id for visit, level in zip(post, after, strict=True) if level >= 4 and level > worst
    ]
    raised = {one.records[-1] for one in found if one.level == "finding"}
    assert raised <= {visit.id for visit, x in zip(post, after, strict=True) if worst < x < 4}
    first = next((i for i, level in enumerate(after) if level > worst), None)
    assert (first is None) == (not raised and not urgent)
    if first is not None:
        assert post[first].id in {*raised, *urgent}
