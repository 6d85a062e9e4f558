"""Sedation on the MOAA/S, on sessions worked out by hand (esketamine label, section 6)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from detectors.followup.finding import Finding
from detectors.followup.record import Observed
from detectors.followup.sedation import STREAM
from tests.detectors.followup import test_contract
from tests.detectors.followup.records import findings, record

DAY = "2025-07-03"


def dose(at: str = DAY, mg: float = 56) -> Observed:
    return record("dose", at, f"dose {at}", product="esketamine", dose_mg=mg)


def moaa(score: float, minutes: float | None = None, at: str = DAY) -> Observed:
    return record("sedation", at, f"{at} {minutes} {score}", score=score, minutes=minutes)


def last(records: list[Observed]) -> dict[str, Finding]:
    """What holds in the end, by code and anchor (the code alone for the day's dose)."""
    return {
        one.code if one.anchor == f"dose {DAY}" else f"{one.code} {one.anchor}": one
        for one in findings(STREAM, records)
    }


def levels(records: list[Observed]) -> dict[str, str]:
    return {name: one.level for name, one in last(records).items()}


@pytest.mark.parametrize(
    ("score", "codes"),
    [
        (5, {}),
        (4.5, {}),
        (4, {"sedation": "finding"}),
        (3, {"sedation": "finding", "moderate_sedation": "finding"}),
        (1, {"sedation": "finding", "moderate_sedation": "finding"}),
        (
            0,
            {
                "sedation": "finding",
                "moderate_sedation": "finding",
                "loss_of_consciousness": "urgent",
            },
        ),
    ],
)
def test_a_score_of_4_is_sedation_3_moderate_and_0_loss_of_consciousness(
    score: float, codes: dict[str, str]
) -> None:
    assert levels([dose(), moaa(5, -10), moaa(score, 40)]) == codes
    # without a score before the dose, or a time, it is as low
    assert levels([dose(), moaa(score, 40)]) == codes
    assert levels([dose(), moaa(score)]) == codes


def test_a_session_is_told_once_with_its_lowest_score() -> None:
    found = findings(STREAM, [dose(), moaa(5, -10), moaa(4, 15), moaa(4, 30), moaa(3, 40)])
    assert [one.code for one in found] == ["sedation", "sedation", "moderate_sedation"]
    assert found[1].key == found[0].key
    assert found[1].explanation == ("MOAA/S 3 at 40 min (sedation from 4 down), 5 before the dose")
    assert (found[1].unit, found[1].anchor, found[1].event) == (
        "session",
        f"dose {DAY}",
        "Sedation",
    )
    assert found[1].records == (f"dose {DAY}", f"{DAY} -10 5", f"{DAY} 40 3")


def test_low_as_before_the_dose_is_a_note() -> None:
    """The label counts a fall from the score before the dose."""
    assert levels([dose(), moaa(4, -10), moaa(4, 40)]) == {"sedation": "note"}
    assert levels([dose(), moaa(4, -10), moaa(3, 40)]) == {
        "sedation": "finding",
        "moderate_sedation": "finding",
    }
    # the last score before the dose counts
    assert levels([dose(), moaa(4, -30), moaa(5, -10), moaa(4, 40)]) == {"sedation": "finding"}
    # no response is urgent whatever was before
    assert levels([dose(), moaa(0, -10), moaa(0, 40)])["loss_of_consciousness"] == "urgent"


def test_a_score_before_the_dose_that_stands_later_in_order_is_still_compared() -> None:
    """A score without minutes stands before those with."""
    said = findings(STREAM, [dose(), moaa(4), moaa(4, -10)])
    assert [(one.code, one.level) for one in said] == [
        ("sedation", "finding"),
        ("sedation", "note"),
    ]
    at = [
        dose("2025-07-03T09:00Z"),
        moaa(5, None, "2025-07-03T08:58Z"),
        moaa(4, -30, "2025-07-03T08:30Z"),
        moaa(4, 40, "2025-07-03T09:40Z"),
    ]
    (found,) = findings(STREAM, at)
    assert found.explanation.endswith("5 before the dose")


@pytest.mark.parametrize(
    ("score", "minutes", "is_late"),
    [(4, 119, False), (4, 120, True), (4, 240, True), (5, 120, False), (4, None, False)],
)
def test_sedation_at_two_hours_is_a_finding_of_its_own(
    score: float, minutes: float | None, is_late: bool
) -> None:
    found = last([dose(), moaa(5, -10), moaa(4, 40), moaa(score, minutes)])
    assert ("not_over" in found) == is_late
    if is_late:
        assert found["not_over"].level == "finding"
        assert found["not_over"].explanation == (
            f"MOAA/S 4 at {minutes} min (over by 120 min, sedation from 4 down), 5 before the dose"
        )
    # alert again later does not undo it
    later = last([dose(), moaa(score, minutes), moaa(5, 300)])
    assert later.get("not_over") is None or later["not_over"].level == "finding"
    assert ("not_over" in later) == is_late


def test_a_dose_that_nobody_observed_is_a_note_and_not_clear() -> None:
    found = last([dose(), dose("2025-07-10"), moaa(5, 40, "2025-07-10")])
    (note,) = found.values()
    assert (note.code, note.level, note.unit) == ("not_observed", "note", "session")
    assert (note.anchor, note.records) == (f"dose {DAY}", (f"dose {DAY}",))
    assert note.day == dose("2025-07-10").day
    assert note.event == "Session not observed for sedation"
    # a score before the dose observes nothing after it
    assert "not_observed" in last([dose(), moaa(5, -10), dose("2025-07-10")])
    # one after it does, timed or not
    assert last([dose(), moaa(5, 40), dose("2025-07-10")]) == {}
    assert last([dose(), moaa(5), dose("2025-07-10")]) == {}


def test_a_session_is_not_called_unobserved_while_a_score_may_still_come() -> None:
    # over midnight UTC: the next day's dose stands before the night's score
    late, next_day = dose("2025-07-03T23:30Z"), dose("2025-07-04T20:00Z")
    assert findings(STREAM, [late, next_day, moaa(5, 40, "2025-07-04T00:10Z")]) == []
    assert findings(STREAM, [dose(), dose("2025-07-05")]) == []
    assert set(last([dose(), dose("2025-07-06")])) == {"not_observed"}
    # the last dose of a course: until its exit
    done = record("exit", "2025-07-20", reason="completed")
    assert findings(STREAM, [dose()]) == []
    assert set(last([dose(), done])) == {"not_observed"}


def test_two_doses_a_day_are_two_sessions() -> None:
    first, second = "2025-07-03T09:00Z", "2025-07-03T15:00Z"
    found = last(
        [
            dose(first),
            dose(second),
            moaa(5, 40, "2025-07-03T09:40Z"),
            moaa(3, 40, "2025-07-03T15:40Z"),
        ]
    )
    assert set(found) == {f"sedation dose {second}", f"moderate_sedation dose {second}"}
    found = last([dose(first), dose(second), moaa(5, 40, "2025-07-03T15:40Z"), dose("2025-07-10")])
    assert set(found) == {f"not_observed dose {first}"}


def test_scores_without_a_dose_are_shown_and_only_no_response_counts() -> None:
    found = last([moaa(0, 40)])
    assert {name: (one.level, one.unit) for name, one in found.items()} == {
        f"sedation {DAY}": ("note", "course"),
        f"moderate_sedation {DAY}": ("note", "course"),
        f"loss_of_consciousness {DAY}": ("urgent", "course"),
    }
    assert findings(STREAM, [moaa(3)]) == []
    for records in ([moaa(0)], [dose(), moaa(0, -10)]):
        (urgent,) = findings(STREAM, records)
        assert (urgent.code, urgent.event) == ("unresponsive_at_rest", "Loss of consciousness")
        assert (urgent.level, urgent.unit, urgent.anchor) == ("urgent", "course", DAY)
    # a session whose dose is not known is not called unobserved
    assert findings(STREAM, [moaa(5, -10), dose("2025-07-10"), moaa(5, 40, "2025-07-10")]) == []


def test_a_dose_of_nothing_is_no_session() -> None:
    assert findings(STREAM, [dose(mg=0), dose("2025-07-10"), moaa(5, 40, "2025-07-10")]) == []


def test_what_was_said_before_the_dose_was_known_is_said_of_the_dose() -> None:
    """A clock 15 minutes ahead: scored 10 minutes after a dose that is stamped after midnight."""
    at = "2025-07-04T00:05Z"
    said = findings(STREAM, [moaa(4, 10, "2025-07-03T23:59Z"), dose(at)])
    assert [(one.code, one.anchor, one.level) for one in said] == [
        ("sedation", DAY, "note"),
        ("sedation", f"dose {at}", "finding"),
        ("sedation", DAY, "note"),
    ]


@settings(max_examples=150, deadline=None)
@given(test_contract.records(("dose", "exit", "sedation")))
def test_no_response_is_urgent_wherever_it_is_placed(given_records: list[Observed]) -> None:
    told = {one.key: one for one in findings(STREAM, given_records)}.values()
    silent = [one for one in given_records if getattr(one.record, "score", 5) == 0]
    assert bool(silent) == any(one.level == "urgent" for one in told)
    doses = {one.id for one in given_records if one.record.kind == "dose"}
    for one in told:
        # what counts for a session has a dose in the denominator, and rests on it
        assert (one.unit == "session") == (one.anchor in doses)
        if one.unit == "session":
            assert one.anchor in one.records
