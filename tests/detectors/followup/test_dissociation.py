"""Dissociation on the CADSS, on sessions and courses worked out by hand (esketamine label)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings

from detectors.followup.dissociation import STREAM, Parameters
from detectors.followup.finding import Finding
from detectors.followup.record import Observed
from schemas.followup import Dissociation
from tests.detectors.followup import test_contract
from tests.detectors.followup.records import findings, record

DAY = "2025-07-03"


def dose(at: str = DAY, mg: float = 56, product: str = "esketamine") -> Observed:
    return record("dose", at, f"dose {at}", product=product, dose_mg=mg)


def cadss(score: float, minutes: float | None = None, at: str = DAY) -> Observed:
    return record("dissociation", at, f"{at} {minutes} {score}", score=score, minutes=minutes)


def last(records: list[Observed], parameters: Parameters | None = None) -> dict[str, Finding]:
    """What holds in the end, by code and anchor (the code alone for the day's dose)."""
    return {
        one.code if one.anchor in ("", f"dose {DAY}") else f"{one.code} {one.anchor}": one
        for one in findings(STREAM, records, parameters)
    }


def levels(records: list[Observed]) -> dict[str, str]:
    return {name: one.level for name, one in last(records).items()}


def course(
    peaks: list[float | None], *, mg: list[float] | None = None, minutes: float = 40
) -> list[Observed]:
    """Weekly sessions with 0 before the dose and a peak after it."""
    records: list[Observed] = []
    for week, peak in enumerate(peaks):
        at = (date(2025, 1, 6) + timedelta(weeks=week)).isoformat()
        records += [dose(at, mg[week] if mg else 56), cadss(0, -10, at)]
        if peak is not None:
            records.append(cadss(peak, minutes, at))
    return records


def above(records: list[Observed], parameters: Parameters | None = None) -> list[Finding]:
    return [one for one in findings(STREAM, records, parameters) if one.code == "above_course"]


@pytest.mark.parametrize(
    ("before", "after", "level"),
    [
        (0, 4, None),
        (0, 4.5, "finding"),
        (0, 5, "finding"),
        (4, 5, "finding"),
        (5, 6, "finding"),
        # above 4, but not above what was there before the dose: shown, not counted
        (6, 6, "note"),
        (7, 6, "note"),
    ],
)
def test_dissociation_is_a_total_above_4_and_above_the_one_before(
    before: float, after: float, level: str | None
) -> None:
    expected = {"dissociation": level} if level else {}
    assert levels([dose(), cadss(before, -10), cadss(after, 40)]) == expected
    assert levels([dose(), cadss(before, 0), cadss(after)]) == expected


def test_without_a_total_before_the_dose_it_is_a_note() -> None:
    found = last([dose(), cadss(30, 40)])["dissociation"]
    assert (found.level, found.event, found.unit) == ("note", "Dissociation", "session")
    assert found.explanation == (
        "CADSS 30 at 40 min (dissociation above 4), no total before the dose to compare with"
    )
    assert last([dose(), cadss(4, 40)]) == {}


def test_a_session_is_told_once_with_its_highest_total() -> None:
    found = findings(STREAM, [dose(), cadss(0, -10), cadss(12, 20), cadss(30, 40), cadss(8, 90)])
    assert [one.explanation for one in found] == [
        "CADSS 12 at 20 min (dissociation above 4), 0 before the dose",
        "CADSS 30 at 40 min (dissociation above 4), 0 before the dose",
    ]
    assert len({one.key for one in found}) == 1
    assert found[1].anchor == f"dose {DAY}"
    assert found[1].records == (f"dose {DAY}", f"{DAY} -10 0", f"{DAY} 40 30")


def test_a_total_before_the_dose_that_stands_later_in_order_is_still_compared() -> None:
    """A total without minutes stands before those with."""
    said = findings(STREAM, [dose(), cadss(9), cadss(2, -10)])
    assert [one.level for one in said] == ["note", "finding"]
    assert said[1].explanation == (
        "CADSS 9 at a time not stated (dissociation above 4), 2 before the dose"
    )
    # the last one before the dose, by its time where it has no minutes
    (found,) = findings(
        STREAM,
        [
            dose("2025-07-03T09:00Z"),
            cadss(3, None, "2025-07-03T08:58Z"),
            cadss(8, -30, "2025-07-03T08:30Z"),
            cadss(7, 40, "2025-07-03T09:40Z"),
        ],
    )
    assert (found.level, found.explanation[-17:]) == ("finding", "3 before the dose")


@pytest.mark.parametrize(
    ("score", "minutes", "level"),
    [
        (5, 119, None),
        (5, 120, "finding"),
        (4, 120, None),
        (5, 200, "finding"),
        (5, None, None),
    ],
)
def test_dissociation_at_two_hours_is_a_finding_of_its_own(
    score: float, minutes: float | None, level: str | None
) -> None:
    found = levels([dose(), cadss(0, -10), cadss(20, 40), cadss(score, minutes)])
    assert found.get("not_over") == level
    # it is about two hours: being over later does not undo it
    found = levels([dose(), cadss(0, -10), cadss(score, minutes), cadss(0, 300)])
    assert found.get("not_over") == level


def test_two_doses_a_day_are_two_sessions() -> None:
    first, second = "2025-07-03T09:00Z", "2025-07-03T15:00Z"
    found = last(
        [
            dose(first),
            dose(second),
            cadss(0, -5, "2025-07-03T08:55Z"),
            cadss(3, 40, "2025-07-03T09:40Z"),
            cadss(2, -5, "2025-07-03T14:55Z"),
            cadss(9, 40, "2025-07-03T15:40Z"),
        ]
    )
    assert set(found) == {f"dissociation dose {second}"}
    assert found[f"dissociation dose {second}"].explanation.endswith("2 before the dose")


def test_totals_without_a_dose_are_shown_and_not_counted() -> None:
    found = last([cadss(0, -10), cadss(20, 40), cadss(9, 130)])
    assert {name: (one.level, one.unit) for name, one in found.items()} == {
        f"dissociation {DAY}": ("note", "course"),
        f"not_over {DAY}": ("note", "course"),
    }
    assert findings(STREAM, [cadss(30)]) == []
    assert last([dose(mg=0), cadss(0, -10), cadss(20, 40)])[f"dissociation {DAY}"].level == "note"


def test_what_was_said_before_the_dose_was_known_is_said_of_the_dose() -> None:
    """Clocks that differ over midnight: scored 10 minutes after a dose stamped later."""
    at = "2025-07-04T00:05Z"
    early = [cadss(0, -5, "2025-07-03T23:44Z"), cadss(9, 10, "2025-07-03T23:59Z")]
    said = findings(STREAM, [*early, dose(at)])
    assert [(one.anchor, one.level) for one in said] == [
        (DAY, "note"),
        (f"dose {at}", "finding"),
        (DAY, "note"),
    ]


RISING: list[float | None] = [20, 15, 12, 12, 45, 50, 55, 60]


def test_peaks_that_rise_over_sessions_are_a_finding_of_the_course() -> None:
    """Expected at the eighth, by hand: log(1 + peak) - log(share) of the first four is 3.04, 2.93,
    2.85, 2.96, mean 2.945; with the eighth share, 0.544, exp(2.945 - 0.608) - 1 = 9.3.
    """
    records = course(RISING)
    assert above(records[:-3]) == []
    (found,) = above(records)
    assert (found.level, found.unit, found.anchor) == ("finding", "course", "")
    assert found.event == "Dissociation above its expected course"
    assert found.day == records[-1].day
    assert found.records == (records[2].id, *(one.id for one in records[14::3]))
    assert found.explanation == (
        "CADSS 60 at 40 min of session 8, 9 expected: the last 4 peaks are 4.7 times what the 4 "
        "before let expect (3.8 standard errors, from 3.5)"
    )
    # first time only, also after its session is over
    assert len(above(course([*RISING, 60, 60, 60]))) == 1


@pytest.mark.parametrize(
    "peaks",
    [
        [20, 15, 12, 11, 10, 10, 9, 10, 10, 11, 10, 10],  # weakens
        [20] * 12,  # neither weakens nor rises: not reliably above
        [20, 15, 12, 11, 10, 10, 92, 10, 10, 11, 10, 10],  # one outlier
        [0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4],  # no dissociation
        [20, 15, 12, 12, 45, 50],  # too few yet
        [20, None, None, None, 45, 50, None, None],  # hardly measured
    ],
)
def test_what_is_not_above_the_expected_course(peaks: list[float | None]) -> None:
    assert above(course(peaks)) == []


def test_only_a_total_near_the_peak_enters_the_course() -> None:
    for minutes, is_found in ((19, False), (20, True), (75, True), (76, False)):
        assert bool(above(course(RISING, minutes=minutes))) == is_found


def test_a_higher_dose_explains_a_higher_peak() -> None:
    # by hand: 45 / 12 = 3.75, and the last doses are four times the first
    assert above(course(RISING, mg=[28, 28, 28, 28, 112, 112, 112, 112])) == []


def test_a_peak_as_high_as_before_the_dose_is_no_evidence() -> None:
    records = course(RISING)
    high = [cadss(60, -10, one.record.at) if one.id == records[-2].id else one for one in records]
    assert above(high) == []


def test_sessions_whose_dose_is_not_known_are_not_in_the_course() -> None:
    records = course([20, 15, 12, 12])
    stray = [cadss(60, 40, f"2025-03-0{day}") for day in range(1, 7)]
    assert above([*records, *stray]) == []


def test_the_course_is_told_at_once_and_a_later_record_can_undo_it() -> None:
    """A total without minutes stands before those with; its time says 40 minutes after."""
    *records, _, _, _ = course(RISING)
    at = "2025-02-24"
    session = [
        record("dose", f"{at}T09:00Z", product="esketamine", dose_mg=56),
        cadss(60, None, f"{at}T09:40Z"),
    ]
    assert [one.level for one in above([*records, *session])] == ["finding"]
    undone = above([*records, *session, cadss(70, -5, f"{at}T08:55Z")])
    assert [one.level for one in undone] == ["finding", "note"]
    assert undone[1].explanation.startswith("no longer so after a later record: CADSS 60 at 40 min")


@settings(max_examples=150, deadline=None)
@given(test_contract.records(("dissociation", "dose")))
def test_what_counts_for_a_session_rests_on_its_dose_and_a_total_before_it(
    given_records: list[Observed],
) -> None:
    told = {one.key: one for one in findings(STREAM, given_records)}.values()
    ids = {one.id: one.record for one in given_records}
    for one in told:
        if one.unit == "session" and one.level == "finding":
            totals = [ids[name] for name in one.records if name != one.anchor]
            scores = [total.score for total in totals if isinstance(total, Dissociation)]
            assert ids[one.anchor].kind == "dose"
            assert len(scores) == 2
            assert scores[1] > max(4, scores[0])
