"""When a course was treated, by its doses, supplies and exit."""

from __future__ import annotations

from datetime import date

import pytest

from detectors.followup.record import Observed
from detectors.followup.treatment import Treatment
from tests.detectors.followup.records import record

FIRST = "2025-01-10"


def dose(at: str, dose_mg: float = 56) -> Observed:
    return record("dose", at, product="esketamine", dose_mg=dose_mg)


def after(*records: Observed, untold_days: int = 56) -> Treatment:
    treatment = Treatment()
    for one in records:
        treatment = treatment.after(one, untold_days)
    return treatment


def stopped_on(treatment: Treatment, day: str) -> bool:
    return treatment.stopped(date.fromisoformat(day).toordinal(), 42)


@pytest.mark.parametrize(
    ("given", "measured", "before"),
    [
        (FIRST, "2025-01-09", True),
        (FIRST, FIRST, True),
        (FIRST, "2025-01-11", False),
        (FIRST, "2025-01-10T15:00Z", True),
        ("2025-01-10T10:00Z", FIRST, True),
        ("2025-01-10T10:00Z", "2025-01-10T10:00Z", True),
        ("2025-01-10T10:00Z", "2025-01-10T10:01Z", False),
    ],
)
def test_what_is_measured_on_the_day_of_the_first_dose_came_before_it_unless_times_say_otherwise(
    given: str, measured: str, before: bool
) -> None:
    score = record("mood", measured, instrument="PHQ-9", score=12)
    assert Treatment().preceded_by(score)
    assert after(dose(given), dose("2025-02-01")).preceded_by(score) == before


def test_treatment_is_over_by_an_exit_or_a_gap_after_the_last_dose() -> None:
    """42 days after 10 January is 21 February."""
    treated = after(dose("2025-01-03"), dose(FIRST))
    assert not stopped_on(treated, "2025-02-21")
    assert stopped_on(treated, "2025-02-22")
    exited = treated.after(record("exit", "2025-01-20", reason="completed"), 56)
    assert stopped_on(exited, "2025-01-21")
    assert not stopped_on(exited.after(dose("2025-01-25"), 56), "2025-01-26")


def test_a_supply_covers_the_days_that_it_is_for() -> None:
    """30 days from 10 January is 9 February, and 42 more 23 March."""
    supply = record("dispensing", FIRST, product="ketamine", days_supply=30)
    assert not stopped_on(after(supply), "2025-03-23")
    assert stopped_on(after(supply), "2025-03-24")
    unsaid = record("dispensing", FIRST, product="ketamine")
    assert stopped_on(after(unsaid), "2025-02-22")
    # a dose within it does not shorten it
    assert not stopped_on(after(supply, dose("2025-01-12")), "2025-03-23")


def test_a_dose_of_nothing_begins_nothing() -> None:
    assert after(dose(FIRST, 0)) == Treatment(seen_day=date(2025, 1, 10).toordinal())
    assert not stopped_on(after(dose(FIRST, 0)), "2030-01-01")


def test_a_course_whose_doses_are_not_sent_is_taken_as_treated_after_a_while() -> None:
    """56 days after 10 January is 7 March."""
    began = record("enrolment", FIRST, product="ketamine")
    early, late = record("biomarker", "2025-03-07"), record("biomarker", "2025-03-08")
    assert after(began, early).preceded_by(early)
    assert not after(began, late).preceded_by(late)
    # no gap shows that it is over, but an exit does
    much_later = record("biomarker", "2026-03-08")
    assert not stopped_on(after(began, late, much_later), "2026-03-08")
    exit_ = record("exit", "2026-03-09", reason="completed")
    assert stopped_on(after(began, late, much_later, exit_), "2026-03-10")
    # a dose that is sent after all counts from then on
    told = after(began, late, dose("2025-04-01"))
    assert (told.untold, told.first_day) == (False, date(2025, 3, 7).toordinal())
    assert stopped_on(told, "2025-06-01")
