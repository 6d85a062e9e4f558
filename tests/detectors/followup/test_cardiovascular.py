"""Blood pressure, heart rate, saturation and QTc, on sessions and courses worked out by hand.

Thresholds: esketamine label 2021 (excursion, advice, two hours), Rodrigues 2022 (165/100), ACC/AHA
2017 (crisis, stage 2); see `detectors.followup.vitals.Parameters` for what is ours.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from detectors.followup.cardiovascular import STREAM
from detectors.followup.finding import Finding
from detectors.followup.record import Observed
from detectors.followup.vitals import EVENTS, Parameters
from tests.detectors.followup import test_contract
from tests.detectors.followup.records import findings, record

DAY = "2025-07-03"


def dose(at: str = DAY, mg: float = 56) -> Observed:
    return record("dose", at, f"dose {at}", product="esketamine", dose_mg=mg)


def pressure(
    systolic: float | None,
    diastolic: float | None,
    minutes: float | None = None,
    at: str = DAY,
    **values: float,
) -> Observed:
    return record(
        "vital_signs",
        at,
        f"{at} {minutes} {systolic}/{diastolic}",
        systolic_mmhg=systolic,
        diastolic_mmhg=diastolic,
        minutes=minutes,
        **values,
    )


def signs(minutes: float | None = 40, at: str = DAY, **values: float) -> Observed:
    return record("vital_signs", at, f"{at} {minutes} {values}", minutes=minutes, **values)


def last(records: list[Observed], parameters: Parameters | None = None) -> dict[str, Finding]:
    """What holds in the end, by code and anchor (the code alone for the day's dose)."""
    found = findings(STREAM, records, parameters)
    return {
        one.code if one.anchor in ("", f"dose {DAY}") else f"{one.code} {one.anchor}": one
        for one in found
    }


def levels(records: list[Observed], parameters: Parameters | None = None) -> dict[str, str]:
    return {name: one.level for name, one in last(records, parameters).items()}


REST = pressure(120, 80)


@pytest.mark.parametrize(
    ("after", "is_excursion"),
    [
        (pressure(160, 80, 40), True),
        (pressure(159, 80, 40), False),
        (pressure(120, 105, 40), True),
        (pressure(120, 104, 40), False),
        (pressure(160, 80, 90), True),
        (pressure(160, 80, 90.5), False),
        (pressure(None, 105, 40), True),
        (pressure(160, None, 40), True),
    ],
)
def test_an_excursion_is_a_rise_of_40_or_25_within_90_minutes(
    after: Observed, is_excursion: bool
) -> None:
    found = last([dose(), REST, after])
    assert ("excursion" in found) == is_excursion
    if is_excursion:
        one = found["excursion"]
        assert (one.level, one.unit, one.anchor) == ("finding", "session", f"dose {DAY}")
        assert one.records == (f"dose {DAY}", REST.id, after.id)


def test_an_excursion_says_both_pressures_and_the_highest_of_each() -> None:
    found = last([dose(), REST, pressure(164, 92, 30), pressure(158, 106, 40)])["excursion"]
    assert found.explanation == (
        "systolic 164 at 30 min, 44 above 120 before the dose (from 40 within 90 min); "
        "diastolic 106 at 40 min, 26 above 80 before the dose (from 25 within 90 min)"
    )
    assert len(found.records) == 4


def test_excursions_are_not_named_as_what_forms_report() -> None:
    """The REMS counts 0.9 % of sessions with raised blood pressure as reported on its forms."""
    reported = {"Blood pressure increased", "Hypertension"}
    for code in ("excursion", "hypertension", "not_back", "prolonged", "raised_before"):
        assert EVENTS[code] not in reported
    assert "vital signs" in EVENTS["excursion"]


@pytest.mark.parametrize(
    ("before", "after", "level"),
    [
        (REST, pressure(165, 90, 100), "finding"),
        (REST, pressure(164, 99, 100), None),
        (REST, pressure(130, 100, 100), "finding"),
        (REST, pressure(130, 100, 300), "finding"),
        # was there before the dose: shown, not counted
        (pressure(166, 80), pressure(170, 85, 100), "note"),
        (pressure(166, 80), pressure(170, 100, 100), "finding"),
        # never measured before: the definition of the study asks for nothing more
        (dose(), pressure(165, 90, 100), "finding"),
    ],
)
def test_treatment_emergent_hypertension_begins_at_165_or_100(
    before: Observed, after: Observed, level: str | None
) -> None:
    assert levels([dose(), before, after]).get("hypertension") == level


def test_hypertension_says_when_and_what_was_before() -> None:
    found = last([dose(), REST, pressure(150, 101, 40), pressure(170, 90, 100)])["hypertension"]
    assert found.explanation == (
        "systolic 170 at 100 min; diastolic 101 at 40 min (hypertension from 165/100), "
        "120/80 before the dose"
    )
    unknown = last([dose(), pressure(170, 90, 40)])["hypertension"]
    assert unknown.explanation.endswith("not measured before the dose")


@pytest.mark.parametrize(
    ("systolic", "diastolic", "is_crisis"),
    [(180, 120, False), (181, 90, True), (150, 121, True)],
)
def test_a_crisis_is_above_180_or_120_and_urgent(
    systolic: float, diastolic: float, is_crisis: bool
) -> None:
    found = last([dose(), REST, pressure(systolic, diastolic, 40)])
    assert ("crisis" in found) == is_crisis
    if is_crisis:
        assert (found["crisis"].level, found["crisis"].unit) == ("urgent", "session")
        assert found["crisis"].event == "Hypertensive crisis"
    # before the dose, and on a day without one: of the course, by the day
    for records in ([dose()], []):
        found = last([*records, pressure(systolic, diastolic)])
        assert (f"crisis_at_rest {DAY}" in found) == is_crisis
        if is_crisis:
            one = found[f"crisis_at_rest {DAY}"]
            assert (one.level, one.unit) == ("urgent", "course")


@pytest.mark.parametrize(
    ("after", "codes"),
    [
        ([(140, 95, 120)], set()),  # 20 and 15 above are near enough
        ([(141, 80, 120)], {"not_back"}),
        ([(120, 96, 120)], {"not_back"}),
        ([(141, 80, 119)], set()),  # before discharge
        ([(141, 80, 239)], {"not_back"}),
        ([(141, 80, 240)], {"not_back", "prolonged"}),
        ([(141, 80, 120), (141, 80, 239), (150, 80, 260)], {"not_back", "prolonged"}),
    ],
)
def test_not_back_before_discharge(
    after: list[tuple[float, float, float]], codes: set[str]
) -> None:
    found = last([dose(), REST, *(pressure(*one) for one in after)])
    assert {code for code in ("not_back", "prolonged") if code in found} == codes
    assert all(found[code].level == "finding" for code in codes)


def test_who_is_back_at_the_last_reading_is_back() -> None:
    found = last([dose(), REST, pressure(150, 85, 125), pressure(130, 82, 180)])["not_back"]
    assert found.level == "note"
    assert found.explanation == (
        "no longer so after a later record: 150/85 at 125 min, systolic 30 above 120/80 before the "
        "dose (back within 20/15)"
    )
    # the times of readings without minutes decide, in whatever order records of a day stand
    start = "2025-07-03T09:00Z"
    late = pressure(150, 85, None, "2025-07-03T12:00Z")
    records = [
        record("dose", start, f"dose {DAY}", product="esketamine", dose_mg=56),
        pressure(120, 80, -5, "2025-07-03T08:55Z"),
        pressure(130, 82, 125, "2025-07-03T11:05Z"),
        late,
    ]
    assert last(records)["not_back"].explanation.startswith("150/85 at 180 min")


@pytest.mark.parametrize(
    ("age", "before", "is_raised"),
    [
        (44, (140, 90), False),
        (44, (141, 80), True),
        (44, (120, 91), True),
        (65, (141, 80), True),
        (66, (150, 90), False),
        (66, (151, 80), True),
        (66, (120, 91), True),
        (None, (141, 80), True),
    ],
)
def test_a_start_against_the_advice_of_the_label_is_a_note(
    age: int | None, before: tuple[float, float], is_raised: bool
) -> None:
    who = record("enrolment", "2025-06-01", product="esketamine", age_years=age)
    found = last([who, dose(), pressure(*before)])
    assert ("raised_before" in found) == is_raised
    if is_raised:
        assert (found["raised_before"].level, found["raised_before"].unit) == ("note", "session")


def test_a_pressure_measured_again_before_the_dose_is_what_counts() -> None:
    first, again = pressure(150, 95, -20), pressure(130, 80, -5)
    found = last([dose(), first, again, pressure(169, 90, 40)])
    assert found["raised_before"].explanation == (
        "150/95 before the dose, the label advises to weigh a delay above 140/90; last 130/80"
    )
    assert "excursion" not in found
    assert found["hypertension"].explanation.endswith("130/80 before the dose")
    # one pressure alone does not take the place of both
    partial = pressure(100, None, -1)
    found = last([dose(), again, partial, pressure(169, 90, 40)])
    assert "excursion" not in found
    # a reading without pressures is none
    found = last([dose(), again, signs(-1, heart_rate_bpm=80), pressure(169, 90, 40)])
    assert found["hypertension"].explanation.endswith("130/80 before the dose")


def test_an_earlier_visit_is_not_the_reading_before_the_dose() -> None:
    """Nothing is compared, and it is said that it was not measured."""
    yesterday = pressure(110, 70, None, "2025-07-02")
    found = last([yesterday, dose(), pressure(160, 95, 40)])
    assert set(found) == {"no_reading_before"}
    assert found["no_reading_before"].level == "note"
    assert "excursion" not in levels([yesterday, dose(), pressure(160, 95, 40)])


def test_a_reading_before_the_dose_that_comes_later_in_order_is_still_compared() -> None:
    """A reading without minutes stands before those with; its time says 40 minutes after."""
    records = [
        record("dose", "2025-07-03T09:00Z", f"dose {DAY}", product="esketamine", dose_mg=56),
        pressure(160, 85, None, "2025-07-03T09:40Z"),
        pressure(120, 80, -5, "2025-07-03T08:55Z"),
    ]
    said = findings(STREAM, records)
    assert [(one.code, one.level) for one in said] == [
        ("no_reading_before", "note"),
        ("excursion", "finding"),
        ("no_reading_before", "note"),
    ]
    assert said[-1].explanation.startswith("no longer so")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"heart_rate_bpm": 120}, None),
        ({"heart_rate_bpm": 121}, "heart_rate_high"),
        ({"heart_rate_bpm": 50}, None),
        ({"heart_rate_bpm": 49}, "heart_rate_low"),
        ({"spo2_percent": 90}, None),
        ({"spo2_percent": 89}, "low_saturation"),
    ],
)
def test_heart_rate_and_saturation_out_of_range(values: dict[str, Any], code: str | None) -> None:
    found = last([dose(), signs(40, **values)])
    assert set(found) == ({code} if code else set())
    # before the dose and at rest they say nothing of a session
    assert last([dose(), signs(-5, **values)]) == {}
    assert last([signs(None, **values)]) == {}


def test_the_extremes_of_a_session_are_told_once_each() -> None:
    found = findings(
        STREAM,
        [
            dose(),
            signs(20, heart_rate_bpm=125),
            signs(40, heart_rate_bpm=131),
            signs(60, heart_rate_bpm=128),
        ],
    )
    assert [one.explanation for one in found] == [
        "heart rate 125 at 20 min (above 120)",
        "heart rate 131 at 40 min (above 120)",
    ]
    assert len({one.key for one in found}) == 1


def test_two_doses_a_day_are_two_sessions() -> None:
    first, second = "2025-07-03T09:00Z", "2025-07-03T15:00Z"
    found = last(
        [
            dose(first),
            dose(second),
            pressure(120, 80, -5, "2025-07-03T08:55Z"),
            pressure(150, 85, 40, "2025-07-03T09:40Z"),
            pressure(125, 80, -5, "2025-07-03T14:55Z"),
            pressure(166, 85, 40, "2025-07-03T15:40Z"),
        ]
    )
    assert set(found) == {f"excursion dose {second}", f"hypertension dose {second}"}
    assert "41 above 125" in found[f"excursion dose {second}"].explanation


def test_devices_five_minutes_apart_share_the_reading_before_them() -> None:
    found = last(
        [
            dose("2025-07-03T09:00Z", 28),
            dose("2025-07-03T09:05Z", 28),
            pressure(120, 80, -5, "2025-07-03T08:55Z"),
            pressure(160, 85, 40, "2025-07-03T09:40Z"),
        ]
    )
    assert set(found) == {"excursion dose 2025-07-03T09:00Z"}


def test_dates_alone_are_enough() -> None:
    assert set(last([dose(), pressure(120, 80), pressure(160, 85, 40)])) == {"excursion"}


def test_readings_without_a_dose_are_shown_and_only_a_crisis_counts() -> None:
    found = last([pressure(120, 80, -5), pressure(182, 96, 40)])
    assert {name: (one.level, one.unit) for name, one in found.items()} == {
        f"excursion {DAY}": ("note", "course"),
        f"hypertension {DAY}": ("note", "course"),
        f"crisis {DAY}": ("urgent", "course"),
    }
    assert found[f"excursion {DAY}"].explanation.endswith("; the dose is not recorded")
    # raised before a dose that is not known says nothing
    assert last([pressure(150, 80, -5)]) == {}


def test_a_dose_of_nothing_is_no_session() -> None:
    assert last([dose(mg=0), pressure(150, 95)]) == {}
    assert set(last([dose(mg=0), REST, pressure(170, 80, 40)])) == {
        f"hypertension {DAY}",
        f"no_reading_before {DAY}",
    }


def test_a_session_over_midnight_keeps_its_reading_before() -> None:
    """Measured at 23:55 UTC, dosed at 00:05: the dose's own once it is known."""
    at = "2025-07-04T00:05Z"
    said = findings(
        STREAM,
        [
            pressure(150, 80, -10, "2025-07-03T23:55Z"),
            dose(at),
            pressure(190, 85, 40, "2025-07-04T00:45Z"),
        ],
    )
    assert [(one.code, one.anchor) for one in said] == [
        ("raised_before", f"dose {at}"),
        ("excursion", f"dose {at}"),
        ("hypertension", f"dose {at}"),
        ("crisis", f"dose {at}"),
    ]


def test_a_new_stage_2_needs_readings_at_rest_or_before_doses() -> None:
    weeks = ["2025-07-03", "2025-07-10", "2025-07-17", "2025-07-24"]
    values = [(124, 78), (126, 80), (144, 84), (146, 86)]
    records = []
    for at, (systolic, diastolic) in zip(weeks, values, strict=True):
        records += [dose(at), pressure(systolic, diastolic, -5, at), pressure(150, 95, 40, at)]
    found = last(records)
    assert (found["new_stage_2"].level, found["new_stage_2"].day) == (
        "finding",
        records[-1].day,
    )
    after = [one for one in records if one.order[2] != -5]
    assert "new_stage_2" not in last(after)
    # a pressure alone enters no visit
    halves = [pressure(value[0], None, None, at) for at, value in zip(weeks, values, strict=True)]
    assert last(halves) == {}


def test_a_second_reading_of_the_day_can_take_a_stage_2_back() -> None:
    visits = [("2025-07-03", 124), ("2025-07-10", 126), ("2025-07-17", 144), ("2025-07-24", 146)]
    records = [pressure(systolic, 80, None, at) for at, systolic in visits]
    assert levels(records) == {"new_stage_2": "finding"}
    # (146 + 126) / 2 = 136
    assert levels([*records, pressure(126, 80, None, "2025-07-24T15:00Z")]) == {
        "new_stage_2": "note"
    }


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([(None, 500)], {}),
        ([(None, 501)], {"qtc_long": "finding"}),
        ([(40, 501)], {"qtc_long": "finding"}),
        ([(None, 420), (40, 480)], {}),
        ([(None, 420), (40, 481)], {"qtc_rise": "finding"}),
        ([(None, 420), (40, 501)], {"qtc_rise": "finding", "qtc_long": "finding"}),
        # a reading after the dose is no baseline
        ([(40, 420), (120, 490)], {}),
    ],
)
def test_qtc_above_500_or_60_above_its_baseline(
    values: list[tuple[float | None, float]], codes: dict[str, str]
) -> None:
    records = [dose(), *(signs(minutes, qtc_ms=value) for minutes, value in values)]
    assert levels(records) == codes


def test_a_long_qtc_is_told_the_first_time_only() -> None:
    records = [signs(None, at, qtc_ms=510) for at in ("2025-07-03", "2025-07-10")]
    (found,) = findings(STREAM, records)
    assert (found.event, found.unit, found.anchor) == (
        "Electrocardiogram QT prolonged",
        "course",
        "",
    )
    assert found.day == records[0].day


def test_a_calm_session_says_nothing() -> None:
    who = record("enrolment", "2025-06-01", product="esketamine")
    again = record("enrolment", "2025-06-02", product="esketamine", age_years=70)
    calm = [pressure(138, 92, 40, heart_rate_bpm=80, spo2_percent=97), pressure(122, 80, 120)]
    assert findings(STREAM, [who, again, dose(), REST, *calm]) == []


@settings(max_examples=150, deadline=None)
@given(test_contract.records(("dose", "enrolment", "vital_signs")))
def test_a_crisis_is_urgent_wherever_it_is_placed(given_records: list[Observed]) -> None:
    told = {one.key: one for one in findings(STREAM, given_records)}.values()
    high = [
        one
        for one in given_records
        if (getattr(one.record, "systolic_mmhg", None) or 0) > 180
        or (getattr(one.record, "diastolic_mmhg", None) or 0) > 120
    ]
    assert bool(high) == any(one.level == "urgent" for one in told)
    doses = {one.id for one in given_records if one.record.kind == "dose"}
    for one in told:
        if one.unit == "session":
            assert one.anchor in doses & set(one.records)
        elif one.code in ("excursion", "hypertension", "not_back", "prolonged"):
            assert one.level == "note"
