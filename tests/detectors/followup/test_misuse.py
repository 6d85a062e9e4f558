"""Misuse, on courses worked out by hand: each marker at its threshold, levels, and their fading.

The first day of every course is 1 January 2025; `day(n)` is n days later.
"""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.followup.beginning import KETAMINE
from detectors.followup.finding import Finding
from detectors.followup.misuse import STREAM
from detectors.followup.misuse_evidence import level
from detectors.followup.misuse_markers import Parameters
from detectors.followup.record import Observed
from schemas.vocabulary import data
from tests.detectors.followup.records import findings, record


def day(number: int) -> str:
    return (date(2025, 1, 1) + timedelta(days=number)).isoformat()


def plan(number: int = 0, **values: Any) -> Observed:
    whole = {"product": "ketamine", "setting": "home", **values}
    return record("enrolment", day(number), f"plan{number}", **whole)


def fill(number: int, supply: float | None = None, name: str = "", **values: Any) -> Observed:
    whole = {"product": "ketamine", "setting": "home", "days_supply": supply, **values}
    return record("dispensing", day(number), name or f"fill{number}", **whole)


def dose(number: int, mg: float = 100, **values: Any) -> Observed:
    whole = {"product": "ketamine", "phase": "maintenance", "dose_mg": mg, **values}
    return record("dose", day(number), f"dose{number}", **whole)


def screen(number: int, score: float, instrument: str = "DAST-10") -> Observed:
    return record(
        "misuse_screen",
        day(number),
        f"{instrument}{number}",
        instrument=instrument,
        score=score,
    )


def evidence(records: list[Observed], parameters: Any = None) -> dict[str, float]:
    """The points of each marker in the state after records, the latest of each."""
    state: Any = STREAM.start
    for one in sorted(records, key=lambda one: one.order):
        state, _ = STREAM.step(state, one, parameters or STREAM.parameters)
    return {one.marker: one.points for one in state.evidence}


def coded(found: list[Finding]) -> list[tuple[str, str, int]]:
    start = date(2025, 1, 1).toordinal()
    return [(one.code, one.level, one.day - start) for one in found]


# early refill and overlap


def test_refills_before_85_percent_of_the_supply_is_used_count_from_the_second_on() -> None:
    # 20 days of supply: 85 % are used on day 17; day 16 is early, day 17 is not
    assert evidence([fill(0, 20), fill(16, 20)]) == {}
    assert evidence([fill(0, 20), fill(16, 20), fill(32, 20)]) == {"early_refill": 2}
    assert evidence([fill(0, 20), fill(17, 20), fill(34, 20)]) == {}
    assert evidence([fill(0, 20), fill(17, 20), fill(33, 20)]) == {}
    # 30 days: 25.5, so day 25 is early and day 26 is not
    assert evidence([fill(0, 30), fill(25, 30), fill(50, 30)]) == {"early_refill": 2}
    assert evidence([fill(0, 30), fill(26, 30), fill(52, 30)]) == {}


def test_two_early_refills_are_two_within_180_days() -> None:
    fills = [fill(0, 20), fill(16, 20)]
    assert evidence([*fills, fill(180, 20), fill(196, 20)]) == {"early_refill": 2}
    assert evidence([*fills, fill(181, 20), fill(197, 20)]) == {}


def test_packages_of_one_day_are_one_supply() -> None:
    assert evidence([fill(0, 30, "a"), fill(0, 30, "b"), fill(0, 30, "c")]) == {}


def test_two_refills_of_one_day_are_one_occasion() -> None:
    assert evidence([fill(0, 20), fill(10, 20, "a"), fill(10, 20, "b")]) == {"overlap": 1}


def test_a_short_supply_does_not_hide_a_long_one() -> None:
    # on day 12 the week of day 5 is used, and 12 of the 60 days of day 0
    found = evidence([fill(0, 60), fill(5, 7), fill(12, 7)])
    assert found == {"early_refill": 2, "overlap": 1}


def test_overlap_counts_from_seven_days() -> None:
    # of 30 days handed out on day 0, 7 are left on day 23 and 6 on day 24
    assert evidence([fill(0, 30), fill(23, 30)]) == {"overlap": 1}
    assert evidence([fill(0, 30), fill(24, 30)]) == {}


def test_supplies_of_different_products_and_of_other_medicines_do_not_overlap() -> None:
    assert evidence([fill(0, 30), fill(5, 30, product="arketamine")]) == {}
    others = [fill(n, 30, product="sertraline") for n in (0, 5, 10)]
    assert evidence([plan(), *others]) == {}


def test_a_product_that_only_the_plan_names_belongs_to_the_course() -> None:
    fills = [fill(n, 30, product="methoxetamine") for n in (0, 5, 10)]
    assert evidence(fills) == {}
    assert evidence([plan(product="methoxetamine"), *fills]) == {"early_refill": 2, "overlap": 1}


def test_supply_that_stays_in_the_clinic_is_not_in_the_hands_of_the_patient() -> None:
    kept = [fill(n, 30, setting="clinic", lost_doses=5, compounded=True) for n in (0, 5, 10)]
    assert evidence(kept) == {}


def test_without_days_of_supply_nothing_is_early() -> None:
    assert evidence([fill(0), fill(1), fill(2)]) == {}


# dose and frequency


def test_a_dose_counts_when_over_one_and_a_half_times_the_lowest_of_90_days() -> None:
    home: dict[str, Any] = {"setting": "home"}
    assert evidence([dose(0, 100, **home), dose(90, 151, **home)]) == {"dose_escalation": 2}
    assert evidence([dose(0, 100, **home), dose(90, 150, **home)]) == {}
    assert evidence([dose(0, 100, **home), dose(91, 151, **home)]) == {}


def test_small_steps_add_up_within_the_90_days() -> None:
    steps = [dose(n, mg, setting="home") for n, mg in ((0, 100), (30, 120), (60, 140), (89, 155))]
    assert evidence(steps) == {"dose_escalation": 2}


def test_a_dose_within_the_plan_is_no_escalation_and_the_plan_counts_as_a_dose() -> None:
    agreed = plan(planned_dose_mg=200)
    assert evidence([agreed, dose(1, 100), dose(2, 200)]) == {}
    # 210 is beyond the plan and more than 1.5 times the 100 of the day before
    assert evidence([agreed, dose(1, 100), dose(2, 210)]) == {"dose_escalation": 2}
    # without a lower dose before it, from over 1.5 times the planned one
    assert evidence([agreed, dose(1, 300)]) == {}
    assert evidence([agreed, dose(1, 301)]) == {"dose_escalation": 2}


def test_a_new_plan_allows_what_it_says() -> None:
    records = [plan(planned_dose_mg=100), dose(1, 100), plan(5, planned_dose_mg=160), dose(6, 160)]
    assert evidence(records) == {}


def test_doses_of_another_route_are_not_compared() -> None:
    records = [dose(0, 40, route="intravenous"), dose(7, 200, route="oral")]
    assert evidence(records) == {}
    agreed = plan(route="intravenous", planned_dose_mg=40)
    assert evidence([agreed, dose(7, 200, route="oral")]) == {}
    # where either route is not told, the plan holds
    assert evidence([agreed, dose(7, 61)]) == {"dose_escalation": 2}
    assert evidence([plan(planned_dose_mg=40), dose(7, 61, route="oral")]) == {"dose_escalation": 2}


def test_a_dose_of_another_route_in_between_makes_nothing_forgotten() -> None:
    first, last = (dose(n, mg, route="oral", setting="home") for n, mg in ((0, 100), (90, 151)))
    values = {"product": "ketamine", "dose_mg": 40, "route": "sublingual"}
    between = record("dose", day(90), "another", **values)
    assert evidence([first, between, last]) == {"dose_escalation": 2}


def test_esketamine_nasal_spray_may_rise_to_the_label_dose() -> None:
    nasal: dict[str, Any] = {"product": "esketamine", "route": "intranasal", "setting": "clinic"}
    assert evidence([dose(0, 28, **nasal), dose(3, 84, **nasal)]) == {}
    assert evidence([dose(0, 28, **nasal), dose(3, 112, **nasal)]) == {"dose_escalation": 1}
    assert evidence([dose(0, 112, **nasal)]) == {}  # 1.33 times the 84 of the label


def test_in_the_clinic_a_prescriber_decides_so_the_points_are_fewer() -> None:
    assert evidence([dose(0, 40, setting="clinic"), dose(7, 80)]) == {"dose_escalation": 1}
    assert evidence([dose(0, 40), dose(7, 80, setting="telehealth")]) == {"dose_escalation": 2}


def test_a_dose_that_was_not_given_is_no_dose() -> None:
    assert evidence([dose(0, 0, setting="home"), dose(1, 100, setting="home")]) == {}


def test_four_days_of_dosing_closer_than_the_plan_by_half_count() -> None:
    weekly = plan(planned_interval_days=7)
    # three intervals of 7 days are 21; at 1.5 times the rate they are 14
    assert evidence([weekly, *(dose(n) for n in (40, 45, 50, 54))]) == {}
    assert evidence([weekly, *(dose(n) for n in (40, 45, 50, 53))]) == {"frequency_escalation": 2}
    assert evidence([weekly, *(dose(n) for n in (40, 41, 42))]) == {}


def test_frequency_is_not_judged_without_a_plan_or_in_induction() -> None:
    daily = (40, 41, 42, 43)
    assert evidence([dose(n) for n in daily]) == {}
    weekly = plan(planned_interval_days=7)
    assert evidence([weekly, *(dose(n, phase="induction") for n in daily)]) == {}
    # no phase: the first 28 days from the first dose, day 10, up to day 37, are induction
    early = [dose(n, phase=None) for n in (10, 34, 35, 36, 37)]
    assert evidence([weekly, *early]) == {}
    late = [dose(n, phase=None) for n in (10, 38, 39, 40, 41)]
    assert evidence([weekly, *late]) == {"frequency_escalation": 2}


def test_two_doses_of_one_day_are_one_day_and_a_new_interval_starts_anew() -> None:
    weekly = plan(planned_interval_days=7)
    values = {"product": "ketamine", "dose_mg": 100, "phase": "maintenance"}
    twice = [dose(40), record("dose", day(40), "second", **values), dose(41)]
    assert evidence([weekly, *twice, dose(42)]) == {}
    slower = plan(45, planned_interval_days=14)
    assert evidence([weekly, dose(41), dose(43), slower, dose(47), dose(49)]) == {}


# home, providers, losses


def test_compounded_product_counts_at_home_alone() -> None:
    assert evidence([fill(0, compounded=True)]) == {"compounded": 1}
    assert evidence([fill(0, compounded=True, setting=None)]) == {}
    assert evidence([plan(), fill(0, compounded=True, setting=None)]) == {"compounded": 1}


def test_home_dispensing_of_esketamine_nasal_spray_is_diversion_each_time() -> None:
    first, second = (fill(n, product="esketamine") for n in (0, 200))
    found = findings(STREAM, [first, second])
    assert [one for one in coded(found) if one[0] == "diversion"] == [
        ("diversion", "finding", 0),
        ("diversion", "finding", 200),
    ]
    assert found[0].event == "Drug diversion"
    assert found[0].records == ("fill0",)
    assert found[0].explanation == "esketamine intranasal dispensed at home"
    again = findings(STREAM, [first, fill(20, product="esketamine")])
    assert [one.code for one in again] == ["diversion", "level_2", "diversion"]


def test_esketamine_that_is_not_the_nasal_spray_or_not_at_home_is_no_diversion() -> None:
    assert evidence([fill(0, product="esketamine", setting="clinic")]) == {}
    assert evidence([fill(0, product="esketamine", setting=None)]) == {}
    assert evidence([fill(0, product="esketamine", compounded=True)]) == {"compounded": 1}
    oral = plan(product="esketamine", route="oral")
    assert evidence([oral, fill(1, product="esketamine")]) == {}


def test_esketamine_nasal_spray_taken_at_home_is_diversion_once() -> None:
    home: dict[str, Any] = {"product": "esketamine", "setting": "home"}
    doses = [dose(n, 56, route="intranasal", **home) for n in (0, 4)]
    assert coded(findings(STREAM, doses)) == [
        ("diversion", "finding", 0),
        ("level_2", "finding", 0),
    ]
    assert evidence([dose(0, 56, route="oral", **home)]) == {}


def test_providers_count_from_three_of_each_and_doubly_from_five() -> None:
    def seen(prescribers: int, dispensers: int, apart: int = 45) -> dict[str, float]:
        most = max(prescribers, dispensers)
        return evidence(
            [
                fill(
                    n * apart,
                    prescriber=f"p{min(n, prescribers - 1)}",
                    dispenser=f"d{min(n, dispensers - 1)}",
                )
                for n in range(most)
            ]
        )

    assert seen(2, 3) == {}
    assert seen(3, 3) == {"providers": 2}
    assert seen(5, 4, 45) == {"providers": 2}
    assert seen(5, 5, 45) == {"providers": 4}  # the first and the fifth are 180 days apart
    assert seen(5, 5, 46) == {"providers": 2}  # 184 days: four within 180


def test_five_prescribers_and_dispensers_are_a_finding_at_once() -> None:
    fills = [fill(n, prescriber=f"p{n}", dispenser=f"d{n}") for n in range(5)]
    found = findings(STREAM, fills)
    assert coded(found) == [("level_1", "note", 2), ("level_2", "finding", 4)]
    assert found[1].records == ("fill4", "fill3", "fill2", "fill1", "fill0")
    assert found[1].explanation == (
        "misuse level 2 of 3, 4 points (from 4): "
        "5 or more prescribers and 5 or more dispensers in 180 days (4)"
    )


def test_lost_doses_count_more_when_many_or_again() -> None:
    assert evidence([fill(0, lost_doses=0)]) == {}
    assert evidence([fill(0, lost_doses=2)]) == {"lost_doses": 1}
    assert evidence([fill(0, lost_doses=3)]) == {"lost_doses": 2}
    assert evidence([fill(0, lost_doses=1), fill(180, lost_doses=1)]) == {"lost_doses": 2}
    assert evidence([fill(0, lost_doses=1), fill(181, lost_doses=1)]) == {"lost_doses": 1}


def test_doses_that_are_neither_used_nor_returned_nor_lost_are_unaccounted_for() -> None:
    agreed = plan(planned_dose_mg=100, planned_interval_days=7)
    # 6 doses handed out, 4 used in 28 days: 2 should be there
    assert evidence([agreed, fill(0, quantity_mg=600), fill(28, returned_doses=0)]) == {
        "unaccounted_doses": 2
    }
    assert evidence([agreed, fill(0, quantity_mg=600), fill(28, returned_doses=1)]) == {}
    assert evidence([agreed, fill(0, quantity_mg=600), fill(35, returned_doses=0)]) == {}
    lost = fill(28, returned_doses=0, lost_doses=1)
    assert evidence([agreed, fill(0, quantity_mg=600), lost]) == {"lost_doses": 1}
    # nobody counted
    assert evidence([agreed, fill(0, quantity_mg=600), fill(28, quantity_mg=600)]) == {}


def test_what_is_left_of_one_supply_is_added_to_the_next() -> None:
    agreed = plan(planned_dose_mg=100, planned_interval_days=7)
    records = [
        agreed,
        fill(0, quantity_mg=500),  # 5 doses
        fill(28, quantity_mg=500),  # 4 used, 1 left, 6 in hand
        fill(56, quantity_mg=500, returned_doses=0),  # 4 used, 2 missing; 5 in hand
        fill(84, returned_doses=0),  # 4 used, 1 missing
    ]
    (found,) = findings(STREAM, records)
    assert (found.code, found.anchor) == ("level_1", day(56))
    assert found.records == ("plan0", "fill0", "fill28", "fill56")
    assert "2 doses unaccounted for, 2 in hand by the plan (2)" in found.explanation


def test_lost_doses_and_a_long_pause_take_from_what_is_in_hand() -> None:
    agreed = plan(planned_dose_mg=100, planned_interval_days=7)
    records = [agreed, fill(0, quantity_mg=600), fill(14, lost_doses=3), fill(28, returned_doses=0)]
    assert evidence(records) == {"lost_doses": 2}  # 6 - 2 used - 3 lost; none in hand on day 28
    pause = [agreed, fill(0, quantity_mg=600), fill(100, quantity_mg=200)]
    assert evidence([*pause, fill(101, returned_doses=1)]) == {}


# screens


def test_bands_of_dast_10_after_the_start_of_treatment() -> None:
    def of(score: float) -> dict[str, float]:
        return evidence([dose(0), screen(1, score)])

    assert of(2) == {}
    assert of(3) == of(5) == {"abuse_scale": 2}
    assert of(6) == of(8) == {"abuse_scale": 4}
    assert of(9) == of(10) == {"abuse_scale": 6}
    assert of(11) == {}  # DAST-10 has ten items


def test_a_substantial_score_is_a_finding_at_once_and_a_severe_one_is_urgent() -> None:
    assert coded(findings(STREAM, [dose(0), screen(1, 5)])) == [("level_1", "note", 1)]
    found = findings(STREAM, [dose(0), screen(1, 6)])
    assert coded(found) == [("abuse_scale", "finding", 1), ("level_2", "finding", 1)]
    assert (found[0].event, found[0].explanation) == ("Drug abuse", "DAST-10 6 (from 6)")
    found = findings(STREAM, [dose(0), screen(1, 9)])
    assert coded(found) == [("abuse_scale", "urgent", 1), ("level_3", "urgent", 1)]


def test_dependence_counts_from_the_cut_off_of_four() -> None:
    assert findings(STREAM, [dose(0), screen(1, 3, "SDS")]) == []
    found = findings(STREAM, [dose(0), screen(1, 4, "SDS")])
    assert coded(found) == [("dependence_scale", "finding", 1), ("level_2", "finding", 1)]
    assert found[0].event == "Drug dependence"
    assert evidence([dose(0), screen(1, 15, "SDS")]) == {"dependence_scale": 4}
    assert evidence([dose(0), screen(1, 16, "SDS")]) == {}  # SDS goes to 15


def test_what_a_screen_showed_before_treatment_is_not_new() -> None:
    before = [screen(0, 7), dose(0)]
    assert coded(findings(STREAM, [*before, screen(30, 8)])) == [("level_1", "note", 0)]
    found = findings(STREAM, [*before, screen(30, 9)])
    assert coded(found)[1:] == [("abuse_scale", "urgent", 30), ("level_3", "urgent", 30)]
    # a dose of 0 mg was not given
    assert evidence([dose(0, 0), screen(5, 6)]) == {"abuse_scale": 1}
    # a course that tells of no dose: from day 29 on the patient is taken as treated
    assert evidence([screen(0, 0), screen(28, 6)]) == {"abuse_scale": 1}
    assert evidence([screen(0, 0), screen(29, 6)]) == {"abuse_scale": 4}


def test_unknown_instruments_say_nothing_and_names_may_be_written_otherwise() -> None:
    assert evidence([dose(0), screen(1, 10, "AUDIT")]) == {}
    assert evidence([dose(0), screen(1, 6, "dast10")]) == {"abuse_scale": 4}


def test_a_score_is_told_again_when_it_is_worse_or_has_faded() -> None:
    def told(later: Observed) -> list[int]:
        found = findings(STREAM, [dose(0), screen(1, 6), later])
        return [n for code, _, n in coded(found) if code == "abuse_scale"]

    assert told(screen(60, 7)) == [1]
    assert told(screen(60, 9)) == [1, 60]
    assert told(screen(92, 6)) == [1, 92]


# levels


def test_levels_are_reached_at_1_4_and_6_points() -> None:
    """Compounded 1; + DAST-10 of 3: 3; + overlap: 4; + a second early refill: 6."""
    records = [
        fill(0, 30, compounded=True),
        screen(10, 3),
        fill(20, 30),
        fill(40, 30),
    ]
    found = findings(STREAM, records)
    assert coded(found) == [
        ("level_1", "note", 0),
        ("level_2", "finding", 20),
        ("level_3", "urgent", 40),
    ]
    assert found[1].explanation == (
        "misuse level 2 of 3, 4 points (from 4): compounded product at home (1); "
        "DAST-10 3 (from 3) (2); 10 days of overlapping supply (1)"
    )
    assert found[1].records == ("fill0", "DAST-1010", "fill20")
    assert found[2].explanation == (
        "misuse level 3 of 3, 6 points (from 6): compounded product at home (1); "
        "DAST-10 3 (from 3) (2); refills after 20 of 30 and 20 of 30 days of supply (2); "
        "10 days of overlapping supply (1)"
    )
    assert found[2].records == ("fill0", "DAST-1010", "fill20", "fill40")
    assert {one.event for one in found} == {"Intentional product misuse"}
    assert {one.anchor for one in found} == {day(0), day(20), day(40)}


def test_points_count_in_full_to_day_90_by_half_to_day_180_and_then_no_more() -> None:
    def then(number: int) -> list[tuple[str, str, int]]:
        # 2 points on day 1, and 2 more from an escalated dose
        plain = [dose(0), screen(1, 3), dose(number, 151, setting="home")]
        low = dose(number - 1, 100, setting="home")
        return coded(findings(STREAM, [*plain, low]))

    assert then(91) == [("level_1", "note", 1), ("level_2", "finding", 91)]  # 2 + 2
    assert then(92) == [("level_1", "note", 1)]  # 1 + 2
    assert then(181) == [("level_1", "note", 1)]  # 1 + 2
    assert then(182) == [("level_1", "note", 1), ("level_1", "note", 182)]  # 0, then 2


def test_a_faded_marker_says_so() -> None:
    found = findings(STREAM, [fill(0, compounded=True), fill(100, lost_doses=3), screen(110, 3)])
    assert coded(found) == [
        ("level_1", "note", 0),
        ("level_1", "note", 100),
        ("level_2", "finding", 110),
    ]
    assert "compounded product at home (0.5, half of 1 after 110 days)" in found[2].explanation
    assert "4.5 points" in found[2].explanation


def test_a_repeat_renews_a_marker_and_does_not_double_it() -> None:
    monthly = [fill(n * 30, compounded=True) for n in range(12)]
    assert coded(findings(STREAM, monthly)) == [("level_1", "note", 0)]


def test_a_low_score_takes_nothing_back() -> None:
    found = findings(STREAM, [dose(0), screen(1, 5), screen(10, 0), fill(20, lost_doses=3)])
    assert coded(found)[-1] == ("level_2", "finding", 20)


def test_an_orderly_course_says_nothing() -> None:
    weekly = plan(
        product="esketamine", setting="clinic", planned_dose_mg=84, planned_interval_days=7
    )
    spray: dict[str, Any] = {"product": "esketamine", "route": "intranasal", "setting": "clinic"}
    doses = [dose(n, 56, phase="induction", **spray) for n in range(0, 28, 3)]
    doses += [dose(n, 84, **spray) for n in range(28, 300, 7)]
    handed = [
        fill(n, 28, product="esketamine", setting="clinic", prescriber="p", dispenser="d")
        for n in range(0, 300, 28)
    ]
    screens = [screen(n, 1) for n in range(0, 300, 90)] + [screen(n, 2, "SDS") for n in (0, 200)]
    assert findings(STREAM, [weekly, *doses, *handed, *screens]) == []


def test_an_orderly_course_at_home_says_nothing() -> None:
    agreed = plan(planned_dose_mg=100, planned_interval_days=3.5)
    fills = [fill(n, 30, quantity_mg=800, prescriber="p", dispenser="d") for n in range(0, 300, 28)]
    doses = [dose(n, 100, setting="home") for n in range(0, 300, 4)]
    assert findings(STREAM, [agreed, *fills, *doses]) == []


# state


def test_the_state_stays_small_however_long_the_course() -> None:
    """Every marker at once, daily for three years, by ever new prescribers, in rising doses."""
    state: Any = STREAM.start
    largest = 0
    start = plan(planned_dose_mg=10, planned_interval_days=30)
    records = [start]
    for n in range(1100):
        records += [
            dose(n, 100 + n, setting="home"),
            fill(n, 30, prescriber=f"p{n}", dispenser=f"d{n}", lost_doses=n % 5, quantity_mg=500),
            screen(n, n % 11),
        ]
    for one in sorted(records, key=lambda one: one.order):
        state, _ = STREAM.step(state, one, STREAM.parameters)
        largest = max(largest, len(msgspec.msgpack.encode(state)))
    assert largest < 2500


# laws


@st.composite
def histories(draw: st.DrawFn) -> list[Observed]:
    """Dispensings, doses and screens of a year; none tells of a return, which is in favour."""
    out = []
    for number in range(draw(st.integers(1, 14))):
        at, name = draw(st.integers(0, 365)), f"r{number}"
        match draw(st.sampled_from(["fill", "fill", "dose", "screen"])):
            case "fill":
                one = fill(
                    at,
                    draw(st.sampled_from([None, 7, 28, 30])),
                    name,
                    product=draw(st.sampled_from(["ketamine", "ketamine", "esketamine"])),
                    setting=draw(st.sampled_from(["home", "home", "clinic"])),
                    prescriber=draw(st.sampled_from(["p1", "p2", "p3", "p4", "p5", "p6"])),
                    dispenser=draw(st.sampled_from(["d1", "d2", "d3", "d4", "d5", "d6"])),
                    compounded=draw(st.booleans()),
                    lost_doses=draw(st.integers(0, 3)),
                )
            case "dose":
                values = {
                    "product": "ketamine",
                    "dose_mg": draw(st.sampled_from([50, 76, 100, 200])),
                    "setting": draw(st.sampled_from(["home", "clinic"])),
                    "phase": draw(st.sampled_from([None, "maintenance"])),
                }
                one = record("dose", day(at), name, **values)
            case _:
                values = {
                    "instrument": draw(st.sampled_from(["DAST-10", "SDS"])),
                    "score": draw(st.integers(0, 10)),
                }
                one = record("misuse_screen", day(at), name, **values)
        out.append(one)
    return out


def points(records: list[Observed], at: int) -> float:
    """The points of a course on a day after its last record."""
    state: Any = STREAM.start
    for one in sorted(records, key=lambda one: one.order):
        state, _ = STREAM.step(state, one, STREAM.parameters)
    return Parameters().fading.total(state.evidence, at)


@settings(max_examples=150, deadline=None)
@given(histories(), st.data())
def test_a_weaker_history_never_has_a_higher_level(
    records: list[Observed], choice: st.DataObject
) -> None:
    """Fewer dispensings and doses.

    The screens stay, and so does the day on which treatment began: a score from before it is in
    favour.
    """
    weaker = [
        one
        for one in records
        if one.record.kind == "misuse_screen" or choice.draw(st.booleans(), label=one.id)
    ]
    same = [plan(planned_dose_mg=60, planned_interval_days=7), dose(0, 50, phase="induction")]
    at = max(one.day for one in records) + choice.draw(st.integers(0, 200))
    assert points([*same, *weaker], at) <= points([*same, *records], at)


@settings(max_examples=100, deadline=None)
@given(histories())
def test_a_record_never_lowers_the_points_of_its_day_and_time_alone_never_raises_them(
    records: list[Observed],
) -> None:
    state: Any = STREAM.start
    fading = Parameters().fading
    before, last = 0.0, 0
    for one in sorted(records, key=lambda one: one.order):
        waited = fading.total(state.evidence, one.day)
        assert waited <= before or not last
        state, found = STREAM.step(state, one, STREAM.parameters)
        before, last = fading.total(state.evidence, one.day), one.day
        assert before >= waited
        # a level is told exactly when the record raises it
        bounds = STREAM.parameters.level_points  # type: ignore[attr-defined]
        was, now = level(waited, bounds), level(before, bounds)
        told = [f.code for f in found if f.code.startswith("level")]
        assert told == ([f"level_{now}"] if now > was else [])


@settings(max_examples=100, deadline=None)
@given(histories())
def test_the_records_of_a_level_alone_give_it_again(records: list[Observed]) -> None:
    """What a finding rests on, and nothing else of the course but when treatment began."""
    started = dose(-400, 1000, setting="clinic")
    for found in findings(STREAM, [started, *records]):
        if found.code.startswith("level"):
            part = [one for one in records if one.id in found.records and one.day <= found.day]
            again = findings(STREAM, [started, *part])
            assert max(f.code for f in again if f.code.startswith("level")) >= found.code


def test_the_names_are_those_of_the_vocabulary() -> None:
    def table(name: str) -> Any:
        return tomllib.loads((files(data) / name).read_text(encoding="utf-8"))

    assert set(STREAM.events.values()) <= set(table("events.toml")["groups"]["misuse"]["narrow"])
    assert set(KETAMINE) <= set(table("watchlist.toml")["products"])


@pytest.mark.parametrize("code", sorted(STREAM.events))
def test_every_finding_can_come_about(code: str) -> None:
    records = [
        *(fill(n, 30, product="esketamine", lost_doses=3) for n in (0, 5, 10)),
        screen(1, 9),
        screen(1, 9, "SDS"),
        screen(400, 3),
        fill(405, lost_doses=3),
    ]
    assert code in {one.code for one in findings(STREAM, records)}
