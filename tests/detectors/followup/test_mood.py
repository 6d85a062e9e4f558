"""Mood, on courses worked out by hand: PHQ-9 unless said, first dose on 10 January."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.followup.finding import Finding
from detectors.followup.mood import EVENTS, PHQ_9, STREAM, Parameters
from detectors.followup.record import Observed
from schemas.vocabulary import Vocabulary
from tests.detectors.followup.records import findings, record

DOSE = record("dose", "2025-01-10", "dose", product="esketamine", dose_mg=56)
EXIT = record("exit", "2025-01-31", "exit", reason="completed")
# weekly, so that the last is within 42 days of the dose
DAYS = ("2025-01-05", "2025-01-17", "2025-01-24", "2025-02-01", "2025-02-08", "2025-02-15")
NEXT = ("2025-02-16", "2025-02-17", "2025-02-18", "2025-02-19", "2025-02-20")


def score(at: str, points: float, instrument: str = "PHQ-9") -> Observed:
    return record("mood", at, f"{at} {instrument}", instrument=instrument, score=points)


def course(*points: float, instrument: str = "PHQ-9") -> list[Observed]:
    """The score before the first dose, then one a week."""
    visits = [score(day, one, instrument) for day, one in zip(DAYS + NEXT, points, strict=False)]
    return [DOSE, *visits]


def said(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.code, one.level) for one in found]


def of(*points: float, instrument: str = "PHQ-9") -> list[tuple[str, str]]:
    return said(findings(STREAM, course(*points, instrument=instrument)))


def test_every_event_is_a_term_of_the_vocabulary() -> None:
    assert all(Vocabulary.load().event(event).matched for event in EVENTS.values())


def test_a_relapse_after_a_response_is_a_note_first_and_a_finding_at_the_second_visit() -> None:
    """Start 18; 6 and 5 hold 6, a response (9 or less); 13 is 7 above it and from 10."""
    note, found = findings(STREAM, course(18, 6, 5, 13, 14))
    assert (note.code, note.level, note.event) == ("depression_rise", "note", "Depression")
    assert note.explanation == (
        "PHQ-9 13, 18 at the start, best held 6: from 10 after a response and 5 or more above "
        "the best, at one visit"
    )
    assert (found.code, found.level) == ("depression_relapse", "finding")
    assert found.records == (
        "2025-01-05 PHQ-9",
        "2025-01-17 PHQ-9",
        "2025-02-01 PHQ-9",
        "2025-02-08 PHQ-9",
    )
    assert found.explanation == (
        "PHQ-9 14, 18 at the start, best held 6: from 10 after a response and 7 or more above "
        "the best, at a second visit"
    )


@pytest.mark.parametrize(
    ("instrument", "points", "relapse", "below"),
    [
        # from the cut-off, or the reliable change above the best where that is more
        ("PHQ-9", (18, 3, 3), 10, 9),
        ("PHQ-9", (18, 5, 5), 12, 11),
        ("MADRS", (34, 10, 10), 22, 21),
        ("QIDS-SR16", (18, 5, 5), 11, 10),
        ("QIDS-SR", (18, 8, 8), 14, 13),
        ("GAD-7", (14, 4, 4), 10, 9),
        ("GAD-7", (14, 7, 7), 13, 12),
    ],
)
def test_where_a_relapse_begins(
    instrument: str, points: tuple[float, ...], relapse: float, below: float
) -> None:
    domain = "anxiety" if instrument == "GAD-7" else "depression"
    found = of(*points, relapse, relapse, instrument=instrument)
    assert found == [(f"{domain}_rise", "note"), (f"{domain}_relapse", "finding")]
    levels = {level for _, level in of(*points, below, below, instrument=instrument)}
    assert "finding" not in levels


def test_a_score_that_is_severe_needs_no_second_visit() -> None:
    """Start 24, response 12 or less; severe from 20, and 7 above the best."""
    found = findings(STREAM, course(24, 6, 6, 20))
    assert said(found) == [("depression_relapse", "finding")]
    assert found[0].explanation.endswith("7 or more above the best, severe from 20")
    assert of(24, 6, 6, 19) == [("depression_rise", "note")]


@pytest.mark.parametrize(
    ("instrument", "start", "noted", "worse", "severe"),
    [
        ("PHQ-9", 10, 15, 17, 20),
        ("MADRS", 20, 26, 26, 35),
        ("QIDS-SR16", 8, 13, 14, 16),
        ("GAD-7", 8, 12, 14, 15),
    ],
)
def test_a_deterioration_is_a_rise_above_the_start(
    instrument: str, start: float, noted: float, worse: float, severe: float
) -> None:
    domain = "anxiety" if instrument == "GAD-7" else "depression"
    note = (f"{domain}_rise", "note")
    found = (f"{domain}_deterioration", "finding")
    assert of(start, start, noted - 1, noted - 1, instrument=instrument) == []
    if noted < worse:
        assert of(start, start, worse - 1, worse - 1, instrument=instrument) == [note]
    assert of(start, start, worse, worse, instrument=instrument) == [note, found]
    assert of(start, start, severe, instrument=instrument) == [found]
    event = findings(STREAM, course(start, start, severe, instrument=instrument))[0].event
    assert event == ("Anxiety" if instrument == "GAD-7" else "Depression")


def test_two_rises_of_different_weight_count_as_the_lesser_until_the_greater_is_repeated() -> None:
    """Start 12, best 5: 12 is a relapse, 19 is 7 above the start."""
    found = findings(STREAM, course(12, 5, 5, 12, 19, 19))
    assert said(found) == [
        ("depression_rise", "note"),
        ("depression_relapse", "finding"),
        ("depression_deterioration", "finding"),
    ]
    assert found[1].explanation.endswith("above the best, at a second visit")


def test_the_best_is_a_level_that_held_for_two_visits() -> None:
    # one visit at 6 is no response, and 12 is no rise above the 12 that held
    assert of(18, 6, 12, 12, 12) == []
    assert of(18, 6, 6, 13, 13)[-1] == ("depression_relapse", "finding")


def test_in_treatment_a_score_that_is_only_worse_stays_a_note() -> None:
    """Start 18, best 12: no response; 19 is 7 above it and in the band from 15."""
    assert of(18, 12, 12, 17) == [("depression_rise", "note")]
    assert of(18, 12, 12, 19, 19, 19) == [("depression_rise", "note")]
    assert of(18, 12, 12, 16) == []
    # 27 on the MADRS is 6 above 21, in the same band (20 to 34)
    assert of(30, 21, 21, 27, 27, instrument="MADRS") == []


def test_after_an_exit_a_score_that_is_worse_counts() -> None:
    found = findings(STREAM, [*course(18, 12, 12, 19, 19), EXIT])
    assert said(found) == [
        ("depression_rise", "note"),
        ("depression_worse_after_stopping", "finding"),
    ]
    assert found[1].explanation == (
        "PHQ-9 19 after stopping, 18 at the start, best held 12: 7 or more above the best, in a "
        "worse band, at a second visit"
    )
    found = findings(STREAM, [*course(18, 5, 5, 12, 12), EXIT])
    assert said(found)[1:] == [("depression_relapse_after_stopping", "finding")]
    found = findings(STREAM, [*course(18, 5, 5, 25), EXIT])
    assert said(found) == [("depression_deterioration_after_stopping", "finding")]
    # not where treatment goes on after it
    again = record("dose", "2025-02-01", "again", product="esketamine", dose_mg=56)
    assert said(findings(STREAM, [*course(18, 5, 5, 12, 12), EXIT, again]))[1:] == [
        ("depression_relapse", "finding")
    ]


@pytest.mark.parametrize(("day", "code"), [("2025-02-21", "relapse"), ("2025-02-22", "stopped")])
def test_stopping_is_also_more_than_42_days_without_a_dose(day: str, code: str) -> None:
    """42 days after 10 January is 21 February."""
    found = findings(STREAM, [*course(24, 6, 6), score(day, 20)])
    wanted = "depression_relapse" + "_after_stopping" * (code == "stopped")
    assert said(found) == [(wanted, "finding")]


def test_a_rise_in_treatment_that_goes_on_counts_once_it_is_stopped() -> None:
    late = score("2025-03-01", 19)
    assert said(findings(STREAM, [*course(18, 12, 12, 19, 19), late]))[1:] == [
        ("depression_worse_after_stopping", "finding")
    ]


def test_each_weight_is_told_once_until_a_visit_is_free_of_a_rise() -> None:
    assert of(18, 5, 5, 12, 12, 12, 12) == [
        ("depression_rise", "note"),
        ("depression_relapse", "finding"),
    ]
    found = findings(STREAM, course(18, 5, 5, 12, 12, 5, 12, 12))
    assert said(found) == [("depression_rise", "note"), ("depression_relapse", "finding")] * 2
    assert len({one.key for one in found}) == 4
    # one visit without a rise in between, and nothing was repeated
    assert {level for _, level in of(18, 5, 5, 12, 5, 12, 5)} == {"note"}


def test_two_scores_of_one_day_are_one_visit() -> None:
    day = [score("2025-02-01T09:00Z", 12), score("2025-02-01T15:00Z", 12)]
    assert said(findings(STREAM, [*course(18, 5, 5), *day])) == [("depression_rise", "note")]


def test_the_start_is_the_last_score_before_the_first_dose_and_else_the_first_after_it() -> None:
    pre = [score("2025-01-01", 8), score("2025-01-03", 20)]
    # 15 would be 7 above the first score, but not above the last before the dose
    later = [score("2025-02-01", 15), score("2025-02-08", 15)]
    assert findings(STREAM, [*pre, DOSE, *later]) == []
    same_day = score("2025-01-10", 8)
    assert said(findings(STREAM, [*pre, same_day, DOSE, *later]))[-1] == (
        "depression_deterioration",
        "finding",
    )
    first_after = [DOSE, score("2025-01-20", 8), *later]
    assert said(findings(STREAM, first_after))[-1] == ("depression_deterioration", "finding")


def test_before_the_first_dose_nothing_is_judged() -> None:
    pre = [score(day, points) for day, points in zip(DAYS, (5, 22, 22), strict=False)]
    assert findings(STREAM, pre) == []
    late = record("dose", "2025-02-01", product="esketamine", dose_mg=56)
    assert findings(STREAM, [*pre, late, score("2025-02-08", 22)]) == []


def test_each_scale_has_scores_of_its_own() -> None:
    mixed = [*course(18, 5, 5), *course(3, 3, 3, instrument="GAD-7")[1:]]
    assert findings(STREAM, [*mixed, score("2025-02-01", 6, "GAD-7")]) == []


@pytest.mark.parametrize(("instrument", "points"), [("HAM-D", 40), ("PHQ-9", 28), ("GAD-7", 22)])
def test_what_has_no_bands_or_cannot_be_a_total_says_nothing(
    instrument: str, points: float
) -> None:
    course_ = [*course(3, 3, 3, instrument=instrument), score("2025-02-01", points, instrument)]
    assert findings(STREAM, course_) == []


def test_the_limits_are_parameters() -> None:
    def with_(**values: Any) -> list[tuple[str, str]]:
        chosen = replace(Parameters(), **values)
        return said(findings(STREAM, [*course(18, 8, 8), score("2025-02-01", 15)], chosen))

    early = PHQ_9._replace(severe=15)
    assert with_() == [("depression_rise", "note")]
    assert with_(phq_9=early) == [("depression_relapse", "finding")]
    assert with_(phq_9=PHQ_9._replace(change=8, reliable=8, severe=15)) == []
    # without a response it is only worse, and counts where treatment is over
    assert with_(response=0.6, phq_9=early) == [("depression_rise", "note")]
    assert with_(response=0.6, phq_9=early, stopped_days=10) == [
        ("depression_worse_after_stopping", "finding")
    ]
    assert with_(response=0.6, phq_9_bands=(5,)) == []


@given(st.lists(st.integers(0, 27), min_size=2, max_size=11))
def test_scores_that_never_rise_say_nothing(points: list[int]) -> None:
    assert of(*sorted(points, reverse=True)) == []


@given(st.lists(st.integers(0, 27), min_size=2, max_size=11))
def test_what_counts_is_a_reliable_change_above_a_score_that_was_there(points: list[int]) -> None:
    """And it comes after a note, or is severe."""
    noted = False
    for found in findings(STREAM, course(*points)):
        score_ = points[(DAYS + NEXT).index(found.anchor.removeprefix("phq_9 "))]
        assert score_ >= min(points) + (7 if found.level == "finding" else 5)
        assert found.level == "note" or noted or score_ >= 20
        noted = True
