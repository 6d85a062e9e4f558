"""Urinary symptoms, on courses worked out by hand."""

from __future__ import annotations

from detectors.followup.record import Observed
from detectors.followup.urinary import STREAM
from tests.detectors.followup.records import findings, record


def visit(at: str, score: float, instrument: str = "OABSS") -> Observed:
    return record("urinary", at, instrument=instrument, score=score)


def test_a_worse_band_is_a_note_first_and_a_finding_on_the_second_visit() -> None:
    found = findings(STREAM, [visit("2025-01-01", 3), visit("2025-02-01", 6)])
    assert [(f.code, f.level) for f in found] == [("symptoms_worse_once", "note")]
    found = findings(
        STREAM, [visit("2025-01-01", 3), visit("2025-02-01", 6), visit("2025-03-01", 11)]
    )
    assert [(f.code, f.level) for f in found][1:] == [("symptoms_worse", "finding")]
    assert found[1].records == ("2025-01-01", "2025-02-01", "2025-03-01")
    assert found[1].explanation == "OABSS 11 (moderate, from 6), 3 at the first visit (mild)"
    assert found[1].event == "Lower urinary tract symptoms"


def test_the_severe_band_needs_no_second_visit() -> None:
    (found,) = findings(STREAM, [visit("2025-01-01", 0), visit("2025-02-01", 12)])
    assert (found.code, found.level, found.anchor) == ("symptoms_worse", "finding", "OABSS severe")


def test_a_score_that_falls_back_in_between_begins_anew() -> None:
    found = findings(
        STREAM,
        [
            visit("2025-01-01", 3),
            visit("2025-02-01", 7),
            visit("2025-03-01", 4),
            visit("2025-04-01", 7),
        ],
    )
    assert {f.level for f in found} == {"note"}


def test_symptoms_that_were_there_at_the_start_are_no_finding() -> None:
    assert findings(STREAM, [visit("2025-01-01", 9), visit("2025-02-01", 11)]) == []
    (found,) = findings(STREAM, [visit("2025-01-01", 9), visit("2025-02-01", 12)])
    assert found.anchor == "OABSS severe"


def test_two_measurements_of_one_day_are_one_visit() -> None:
    found = findings(
        STREAM,
        [visit("2025-01-01", 3), visit("2025-02-01T09:00Z", 7), visit("2025-02-01T15:00Z", 7)],
    )
    assert {f.level for f in found} == {"note"}


def test_each_instrument_has_a_baseline_of_its_own() -> None:
    found = findings(
        STREAM, [visit("2025-01-01", 3), visit("2025-02-01", 19, "IPSS"), visit("2025-03-01", 3)]
    )
    assert found == []


def test_an_instrument_without_bands_says_nothing_and_haematuria_always_does() -> None:
    assert findings(STREAM, [visit("2025-01-01", 1, "own"), visit("2025-02-01", 60, "own")]) == []
    (found,) = findings(STREAM, [record("urinary", "2025-01-01", haematuria=True)])
    assert (found.code, found.event, found.level) == ("haematuria", "Haematuria", "finding")


def test_what_has_been_said_keeps_its_day() -> None:
    visits = [visit("2025-01-01", 3), visit("2025-02-01", 13), visit("2025-03-01", 13)]
    (found,) = findings(STREAM, visits)
    assert found.records == ("2025-01-01", "2025-02-01")
    blood = [record("urinary", day, haematuria=True) for day in ("2025-01-01", "2025-02-01")]
    (found,) = findings(STREAM, blood)
    assert found.records == ("2025-01-01",)
