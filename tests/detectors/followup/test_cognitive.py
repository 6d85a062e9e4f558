"""Cognition, on courses worked out by hand.

The error of a change of the MoCA is 1.206 points, so that a fall of 2 is 1.658 errors, of 3 2.488
and of 4 3.317; at the lower limit of its reliability they shrink by sqrt(0.18 / 0.38) = 0.688, to
1.712 and 2.283 for 3 and 4. That of the HVLT-R total is 4.5 sqrt(0.52) = 3.245 points, and the
factor sqrt(0.26 / 0.44) = 0.769.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.followup.cognitive import STREAM
from detectors.followup.cognitive_norms import MEASURES, MOCA, Norm, Parameters, change, expected
from detectors.followup.finding import Finding
from detectors.followup.record import Observed
from detectors.followup.reliable_change import (
    chelune,
    jacobson_truax,
    regression,
    regression_line,
    temkin,
)
from schemas.errors import InputError
from schemas.vocabulary import Vocabulary
from tests.detectors.followup.records import findings, record

DAYS = ("2025-01-01", "2025-02-01", "2025-03-01", "2025-04-01", "2025-05-01", "2025-06-01")
HVLT = {"instrument": "HVLT-R", "measure": "total_recall"}
DETECTION = {"instrument": "Cogstate", "measure": "detection"}
ONE_CARD = {"instrument": "Cogstate", "measure": "one_card"}


def score(at: str, points: float, instrument: str = "MoCA", **values: Any) -> Observed:
    """Its id is its moment, instrument and measure."""
    name = f"{at} {instrument} {values.get('measure') or ''}".strip()
    return record("cognitive", at, name, instrument=instrument, score=points, **values)


def dose(at: str, dose_mg: float = 56) -> Observed:
    return record("dose", at, f"{at} dose", product="esketamine", dose_mg=dose_mg)


def sedation(at: str, points: float, minutes: float | None = None) -> Observed:
    return record("sedation", at, f"{at} sedation", score=points, minutes=minutes)


def mocas(*points: float) -> list[Finding]:
    return findings(STREAM, [score(day, one) for day, one in zip(DAYS, points, strict=False)])


def said(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.code, one.level) for one in found]


def test_a_fall_of_3_on_the_moca_is_provisional_and_of_4_beyond_chance() -> None:
    assert mocas(25, 27, 25) == []
    (three,) = mocas(25, 27, 24)
    assert (three.code, three.level) == ("decline_provisional", "note")
    (four,) = mocas(25, 27, 23)
    assert (four.code, four.level) == ("decline_once", "note")
    assert four.explanation == (
        "moca_total 23, 27 at the baseline 28 days before: worse by 3.32 standard errors "
        "(from 1.96 by jacobson_truax), 2.28 at the lowest reliability"
    )
    assert four.records == ("2025-02-01 MoCA", "2025-03-01 MoCA")
    assert four.anchor == "moca_total 2025-03-01"


def test_the_first_session_of_an_instrument_with_practice_is_never_the_baseline() -> None:
    # 4 below the first session and 1 below the second
    assert mocas(29, 26, 25) == []
    # the six forms of the HVLT-R are equivalent: its first session is the baseline
    (found,) = findings(STREAM, [score(DAYS[0], 30, **HVLT), score(DAYS[1], 21, **HVLT)])
    assert (found.code, found.level) == ("decline_once", "note")


def test_a_rise_is_no_finding() -> None:
    assert mocas(25, 24, 30, 30) == []


def test_a_decline_that_is_repeated_at_the_next_visit_is_a_finding() -> None:
    once, twice = mocas(25, 27, 24, 24)
    assert (once.level, twice.code, twice.level) == ("note", "decline_repeated", "finding")
    assert twice.records == ("2025-02-01 MoCA", "2025-03-01 MoCA", "2025-04-01 MoCA")
    assert twice.explanation == (
        "moca_total 24, 27 at the baseline 59 days before: worse by 2.49 standard errors, "
        "2.49 at the visit before (both from 1.96 by jacobson_truax)"
    )
    assert Vocabulary.load().groups_of(twice.event) == ("cognitive",)


def test_a_visit_without_a_decline_in_between_begins_anew() -> None:
    assert {one.level for one in mocas(25, 27, 24, 26, 24)} == {"note"}


def test_a_decline_that_goes_on_is_said_once_and_one_that_comes_back_again() -> None:
    assert said(mocas(25, 27, 23, 23, 23, 23))[1:] == [("decline_repeated", "finding")]
    days = [f"2025-{month:02}-01" for month in range(1, 9)]
    points = [25, 27, 23, 23, 27, 23, 23, 22]
    found = findings(STREAM, [score(day, one) for day, one in zip(days, points, strict=True)])
    repeated = [one.anchor for one in found if one.code == "decline_repeated"]
    assert repeated == ["moca_total 2025-04-01", "moca_total 2025-07-01"]


def test_two_tests_of_one_day_are_one_visit_and_the_first_counts() -> None:
    course = [score(DAYS[0], 25), score(DAYS[1], 27)]
    found = findings(
        STREAM,
        [*course, score("2025-03-01T09:00Z", 24), score("2025-03-01T15:00Z", 24)],
    )
    assert said(found) == [("decline_provisional", "note")]
    later = [score("2025-03-01T09:00Z", 27), score("2025-03-01T15:00Z", 20)]
    assert findings(STREAM, course + later) == []


def test_a_familiarisation_run_on_the_day_of_the_baseline_is_one() -> None:
    runs = [score("2025-01-01T09:00Z", 24), score("2025-01-01T09:10Z", 28)]
    (found,) = findings(STREAM, [*runs, score(DAYS[1], 24)])
    assert found.code == "decline_once"
    assert found.records == ("2025-01-01T09:10Z MoCA", "2025-02-01 MoCA")


def test_declines_on_two_measures_of_one_visit_are_a_finding() -> None:
    """m 2: each at p <= 2 x 0.025 / 2, from 1.96; 9 points on the HVLT-R are 2.132, 8 are 1.895."""
    start = [score(DAYS[0], 25), score(DAYS[1], 27), score(DAYS[1], 30, **HVLT)]
    found = findings(STREAM, [*start, score(DAYS[2], 23), score(DAYS[2], 21, **HVLT)])
    assert said(found) == [
        ("decline_once", "note"),
        ("decline_once", "note"),
        ("decline_several", "finding"),
    ]
    assert found[2].records == (
        "2025-02-01 HVLT-R total_recall",
        "2025-02-01 MoCA",
        "2025-03-01 HVLT-R total_recall",
        "2025-03-01 MoCA",
    )
    assert found[2].explanation.startswith("2 of 2 measures at one visit, from 1.96 each: ")
    found = findings(STREAM, [*start, score(DAYS[2], 23), score(DAYS[2], 22, **HVLT)])
    assert {one.level for one in found} == {"note"}
    # a provisional decline does not count towards it
    found = findings(STREAM, [*start, score(DAYS[2], 24), score(DAYS[2], 21, **HVLT)])
    assert {one.level for one in found} == {"note"}


def test_the_more_measures_a_course_has_the_more_each_must_show() -> None:
    """m 4: from Phi^-1(1 - 0.0125) = 2.241, more than the 2.132 of a fall of 9 on the HVLT-R."""
    start = [score(DAYS[0], 25), score(DAYS[1], 27), score(DAYS[1], 30, **HVLT)]
    for test in (DETECTION, ONE_CARD):
        points = 2.5 if test is DETECTION else 1.0
        start += [score(DAYS[0], points, **test), score(DAYS[1], points, **test)]
    found = findings(STREAM, [*start, score(DAYS[2], 23), score(DAYS[2], 21, **HVLT)])
    assert {one.level for one in found} == {"note"}
    found = findings(STREAM, [*start, score(DAYS[2], 23), score(DAYS[2], 20, **HVLT)])
    assert said(found)[-1] == ("decline_several", "finding")


def test_the_more_measures_a_course_has_the_more_a_repeated_decline_must_show() -> None:
    """DSST, error 12 sqrt(0.3) = 6.573, a gain of 2 expected: a fall of 11 is 13 / 6.573 = 1.978.

    P(two visits from 1.978) is 0.0044 by integration: 5 x 0.0044 is below 0.025, 6 x 0.0044 above.
    """
    others: list[tuple[float, dict[str, Any]]] = [
        (27, {}),
        (30, HVLT),
        (10, {"instrument": "HVLT-R", "measure": "delayed_recall"}),
        (2.5, DETECTION),
        (1.0, ONE_CARD),
    ]
    for measures, last in ((5, "decline_repeated"), (6, "decline_provisional")):
        battery = [
            score(day, points, **test)
            for day in DAYS[:2]
            for points, test in others[: measures - 1]
        ]
        falls = zip(DAYS, (60, 60, 49, 49), strict=False)
        course = [score(day, points, "DSST") for day, points in falls]
        assert said(findings(STREAM, battery + course))[-1][0] == last


@pytest.mark.parametrize(
    ("given", "tested", "judged"),
    [
        ("2025-03-01T09:00Z", "2025-03-01T15:00Z", False),
        ("2025-03-01T09:00Z", "2025-03-01T08:30Z", True),
        ("2025-02-28T09:00Z", "2025-03-01T09:00Z", False),
        ("2025-02-28T09:00Z", "2025-03-01T09:01Z", True),
        ("2025-03-01", "2025-03-01", False),
        ("2025-02-28", "2025-03-01", False),
        ("2025-02-27", "2025-03-01", True),
        # where one of both has no time, days decide
        ("2025-02-28T09:00Z", "2025-03-01", False),
        ("2025-02-28", "2025-03-01T23:00Z", False),
        ("2025-02-27T23:59Z", "2025-03-01", True),
        ("2025-03-01", "2025-03-01T08:00Z", False),
    ],
)
def test_within_24_hours_after_a_dose_nothing_is_judged(
    given: str, tested: str, judged: bool
) -> None:
    course = [score(DAYS[0], 25), score(DAYS[1], 27), dose(given), score(tested, 20)]
    (found,) = findings(STREAM, course)
    assert found.level == "note"
    assert (found.code == "decline_once") == judged
    if not judged:
        assert found.code == "decline_acute"
        assert "not judged: a dose was given" in found.explanation


def test_an_older_dose_is_still_known_after_a_later_one() -> None:
    course = [score(DAYS[0], 25), score(DAYS[1], 27), dose("2025-03-01T09:00Z")]
    later = [dose("2025-03-02T10:00Z"), dose("2025-03-02")]
    (found,) = findings(STREAM, [*course, later[0], score("2025-03-02T08:00Z", 20)])
    assert found.code == "decline_acute"
    (found,) = findings(STREAM, [*course, later[1], score("2025-03-03T08:00Z", 20)])
    assert found.code == "decline_acute"
    dates = [dose("2025-02-28"), dose("2025-03-01T20:00Z"), score("2025-03-01T08:00Z", 20)]
    (found,) = findings(STREAM, [*course[:2], *dates])
    assert found.code == "decline_acute"


def test_a_dose_of_nothing_is_no_dose() -> None:
    course = [score(DAYS[0], 25), score(DAYS[1], 27), dose(DAYS[2], 0), score(DAYS[2], 20)]
    assert said(findings(STREAM, course)) == [("decline_once", "note")]


def test_a_test_under_the_drug_is_no_session_and_confirms_nothing() -> None:
    # the second session would be the baseline; it is left out, so the third is
    course = [score(DAYS[0], 29), dose(DAYS[1]), score(DAYS[1], 20), score(DAYS[2], 28)]
    (found,) = findings(STREAM, [*course, score(DAYS[3], 24)])
    assert found.records == ("2025-03-01 MoCA", "2025-04-01 MoCA")
    acute = [score(DAYS[0], 25), score(DAYS[1], 27), score(DAYS[2], 24), dose(DAYS[3])]
    found_ = findings(STREAM, [*acute, score(DAYS[3], 20), score(DAYS[4], 27)])
    assert {one.level for one in found_} == {"note"}
    # nor does it break a pair of visits
    found_ = findings(STREAM, [*acute, score(DAYS[3], 27), score(DAYS[4], 24)])
    assert said(found_)[-1] == ("decline_repeated", "finding")


@pytest.mark.parametrize(
    ("measured", "points", "tested", "judged"),
    [
        ("2025-03-01", 4, "2025-03-01", False),
        ("2025-03-01", 5, "2025-03-01", True),
        ("2025-03-01T08:00Z", 4, "2025-03-01T15:00Z", False),
        ("2025-03-01T15:00Z", 0, "2025-03-01T08:00Z", True),
        ("2025-03-01T15:00Z", 3, "2025-03-01", False),
        ("2025-02-28", 0, "2025-03-01", True),
    ],
)
@pytest.mark.parametrize("minutes", [None, 40.0])
def test_a_day_with_sedation_before_the_test_is_not_judged(
    measured: str, points: float, tested: str, judged: bool, minutes: float | None
) -> None:
    """A sedation score with minutes comes after the test in the order of records."""
    course = [score(DAYS[0], 25), score(DAYS[1], 27)]
    found = findings(STREAM, [*course, sedation(measured, points, minutes), score(tested, 20)])
    last = {one.key: one for one in found}
    assert ("decline_acute" not in {one.code for one in last.values()}) == judged
    assert all(
        "not judged: the patient was sedated that day" in one.explanation for one in last.values()
    ) == (not judged)


def test_sedation_takes_back_a_finding_of_the_day_and_the_state_with_it() -> None:
    course = [score(DAYS[0], 25), score(DAYS[1], 27), score(DAYS[2], 23), score(DAYS[3], 23)]
    drowsy = sedation(DAYS[3], 3, minutes=40)
    found = findings(STREAM, [*course, drowsy])
    assert said(found) == [
        ("decline_once", "note"),
        ("decline_repeated", "finding"),
        ("decline_acute", "note"),
        ("decline_repeated", "note"),
    ]
    assert found[1].key == found[3].key
    assert found[3].records == (*found[1].records, drowsy.id)
    # the pair is still open: the next visit confirms the one before
    found = findings(STREAM, [*course, drowsy, score(DAYS[4], 23)])
    assert found[-1].records == ("2025-02-01 MoCA", "2025-03-01 MoCA", "2025-05-01 MoCA")
    assert (found[-1].code, found[-1].level) == ("decline_repeated", "finding")


def test_the_earliest_sedation_of_a_day_counts() -> None:
    course = [score(DAYS[0], 25), score(DAYS[1], 27), score("2025-03-01T12:00Z", 20)]
    late = sedation("2025-03-01T15:00Z", 4, minutes=20)
    early = sedation("2025-03-01T10:00Z", 4, minutes=40)
    assert said(findings(STREAM, [*course, late])) == [("decline_once", "note")]
    assert said(findings(STREAM, [*course, late, early]))[1:] == [
        ("decline_acute", "note"),
        ("decline_once", "note"),
    ]


def test_of_log10_ms_and_errors_the_higher_are_worse() -> None:
    """Detection: error 0.1 sqrt(0.5) = 0.0707, so that 0.15 is 2.121 and 0.13 is 1.838."""

    def runs(points: float) -> list[Finding]:
        scores = zip(DAYS, (2.6, 2.5, points), strict=False)
        return findings(STREAM, [score(day, one, **DETECTION) for day, one in scores])

    assert said(runs(2.65)) == [("decline_provisional", "note")]
    assert runs(2.63) == []
    assert runs(2.3) == []
    maze = [
        score(day, one, "Cogstate", measure="groton maze learning")
        for day, one in zip(DAYS, (60, 50, 75), strict=False)
    ]
    assert said(findings(STREAM, maze)) == [("decline_provisional", "note")]


def test_the_sdmt_is_expected_to_gain() -> None:
    """(44 - 50 - 1.8) / 4.255 = -1.833; (43 - 50 - 1.8) / 4.255 = -2.068."""

    def last(points: float) -> list[Finding]:
        scores = zip(DAYS, (48, 50, points), strict=False)
        return findings(STREAM, [score(day, one, "SDMT") for day, one in scores])

    assert last(44) == []
    assert "worse by 2.07 standard errors (from 1.96 by temkin)" in last(43)[0].explanation


def test_the_cvlt_is_expected_to_regress_to_its_mean() -> None:
    """70 predicts 50 + 0.63 x 20 = 62.6, SEE 10 sqrt(1 - 0.3969) = 7.766: 48 is 1.880, 47 2.009."""

    def last(points: float) -> list[Finding]:
        return findings(STREAM, [score(DAYS[0], 70, "CVLT-2"), score(DAYS[1], points, "CVLT-2")])

    assert last(48) == []
    assert "worse by 2.01 standard errors (from 1.96 by regression)" in last(47)[0].explanation


SPACED = ("2020-01-01", "2020-02-01", "2021-01-26", "2022-01-21", "2023-01-16")


@pytest.mark.parametrize(("points", "found"), [((27, 23, 20, 16), False), ((27, 23, 19, 15), True)])
def test_a_slope_is_a_finding_where_its_limit_is_beyond_the_reliable_change(
    points: tuple[float, ...], found: bool
) -> None:
    """Visits each 360 days, Sxx 648,000; SD of one score 1.206 / sqrt(2) = 0.853, above residuals.

    SE 0.853 / sqrt(648,000) x 365.25 = 0.3869 a year, t(0.975, 2) = 4.303. 0.01 a day is 3.653 a
    year, at least 1.988; 4 / 360 a day is 4.058, at least 2.394, beyond 1.96 x 1.206 = 2.364.
    """
    scores = zip(SPACED, (25, *points), strict=True)
    slopes = [
        one
        for one in findings(STREAM, [score(day, value) for day, value in scores])
        if one.code == "decline_slope"
    ]
    assert [one.level for one in slopes] == ["finding"] * found
    if found:
        assert slopes[0].explanation == (
            "moca_total worse by 4.06 a year over 4 visits in 1080 days, at least 2.39; "
            "reliable from 2.36"
        )
        assert slopes[0].records == ("2020-02-01 MoCA", "2023-01-16 MoCA")


def test_with_two_measures_the_limit_of_a_slope_is_lower() -> None:
    """t(1 - 0.0125, 2) = 6.205: of 4.058 a year at least 4.058 - 6.205 x 0.3869 = 1.657."""
    course = [score(day, one) for day, one in zip(SPACED, (25, 27, 23, 19, 15), strict=True)]
    found = findings(STREAM, [*course, score(SPACED[0], 30, **HVLT)])
    assert "decline_slope" not in {one.code for one in found}


def test_a_slope_is_said_once_and_not_of_three_visits() -> None:
    months = [f"{year}-02-01" for year in range(2018, 2025)]
    points = (27, 27, 22, 17, 12, 7, 2)

    def slopes(visits: int) -> list[str]:
        pairs = zip(months[:visits], points[:visits], strict=True)
        found = findings(STREAM, [score(day, one) for day, one in pairs])
        return [one.anchor for one in found if one.code == "decline_slope"]

    assert slopes(4) == []
    assert slopes(5) == ["moca_total 2022-02-01"]
    assert slopes(7) == ["moca_total 2022-02-01"]


def test_a_difference_between_settings_is_a_note_and_no_decline() -> None:
    """One Card: error 0.1 sqrt(0.6) = 0.0775, so that 0.2 is 2.582."""
    clinic = [
        score(DAYS[0], 0.9, **ONE_CARD, setting="clinic"),
        score(DAYS[1], 1.0, **ONE_CARD, setting="clinic"),
    ]
    home = [score(day, 0.8, **ONE_CARD, setting="home") for day in DAYS[2:5]]
    (found,) = findings(STREAM, clinic + home)
    assert (found.code, found.level) == ("setting_differs", "note")
    assert found.explanation == (
        "cogstate_one_card@home 0.8, 1 at the baseline 28 days before: worse by 2.58 standard "
        "errors (from 1.96): another setting than that of cogstate_one_card@clinic, no decline"
    )
    # at home there is a baseline of its own, and the one of the clinic stays
    back = score(DAYS[5], 0.8, **ONE_CARD, setting="clinic")
    assert said(findings(STREAM, [*clinic, *home, back]))[1:] == [("decline_once", "note")]
    away = score(DAYS[5], 0.6, **ONE_CARD, setting="telehealth")
    assert said(findings(STREAM, [*clinic, *home, away]))[1:] == [("decline_once", "note")]
    near = [score(day, 0.9, **ONE_CARD, setting="home") for day in DAYS[2:5]]
    assert findings(STREAM, clinic + near) == []


def test_another_form_is_told() -> None:
    course = [score(DAYS[0], 25, form="A"), score(DAYS[1], 27, form="A")]
    (found,) = findings(STREAM, [*course, score(DAYS[2], 23, form="B")])
    assert found.explanation.startswith("moca_total 23 on another form, 27 at the baseline")
    (found,) = findings(STREAM, [*course, score(DAYS[2], 23)])
    assert found.explanation.startswith("moca_total 23, 27 at the baseline")


def test_a_score_in_another_unit_is_told_and_not_judged() -> None:
    course = [score(day, 316 if day == DAYS[1] else 2.5, **DETECTION) for day in DAYS[:3]]
    (found,) = findings(STREAM, course)
    assert (found.code, found.level) == ("score_out_of_range", "note")
    assert found.explanation == "cogstate_detection 316, outside 2 to 3.3: not judged"
    # it was no session either: the third is the baseline, not a change
    assert said(findings(STREAM, [*course, score(DAYS[3], 2.7, **DETECTION)]))[1:] == [
        ("decline_once", "note")
    ]


def test_an_instrument_without_a_norm_says_nothing() -> None:
    own = [score(day, 100 - 50 * i, "own test") for i, day in enumerate(DAYS)]
    half = [score(day, 30 - 5 * i, "HVLT-R") for i, day in enumerate(DAYS)]
    assert findings(STREAM, own + half) == []


def test_sessions_of_other_settings_count_for_familiarisation() -> None:
    course = [score(DAYS[0], 25, setting="clinic"), score(DAYS[1], 28, setting="home")]
    (found,) = findings(STREAM, [*course, score(DAYS[2], 24, setting="home")])
    assert found.records == ("2025-02-01 MoCA", "2025-03-01 MoCA")


def test_a_deployment_may_use_other_norms() -> None:
    course = [score(day, one) for day, one in zip(DAYS, (25, 27, 24), strict=False)]
    better = replace(Parameters(), moca_total=MOCA._replace(r=0.95, r_lower=0.9))
    assert said(findings(STREAM, course, better)) == [("decline_once", "note")]
    worse = replace(Parameters(), moca_total=MOCA._replace(r=0.5, r_lower=0.4))
    assert findings(STREAM, course, worse) == []
    assert said(findings(STREAM, course, replace(Parameters(), z=2.5))) == []


@pytest.mark.parametrize(
    "values",
    [
        {"method": "guess"},
        {"worse": 0},
        {"sd": 0.0},
        {"r": 1.0},
        {"r_lower": 0.9},
        {"r_lower": 0.0},
        {"method": "temkin"},
    ],
)
def test_a_norm_that_nothing_can_be_judged_by_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InputError) as error:
        replace(Parameters(), moca_total=MOCA._replace(**values))
    assert error.value.code == "bad_norm"


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_a_change_is_that_of_the_method_of_the_measure(name: str) -> None:
    norm = Parameters().norm(name)
    assert norm is not None
    first, second = norm.lowest + (norm.highest - norm.lowest) / 2, norm.lowest
    by: dict[str, Any] = {
        "jacobson_truax": lambda n: jacobson_truax(first, second, n.sd, n.r),
        "chelune": lambda n: chelune(first, second, n.practice, n.sd, n.r),
        "temkin": lambda n: temkin(first, second, n.practice, n.sd_difference),
        "regression": lambda n: regression(
            first, second, regression_line(n.mean, n.sd, n.mean + n.practice, n.sd, n.r)
        ),
    }
    assert change(norm, first, second) == pytest.approx(norm.worse * float(by[norm.method](norm)))
    assert norm.worse == (1 if name.endswith(("detection", "identification", "maze")) else -1)
    assert expected(Norm(*norm)) == expected(norm)


def test_the_state_of_a_course_of_forty_records_is_small() -> None:
    """Three measures at eight visits and sixteen doses."""
    state: Any = STREAM.start
    days = [f"2025-{month:02}-{day:02}" for month in range(1, 9) for day in (1, 8, 15)]
    for i, day in enumerate(days):
        one = (
            [dose(day)]
            if i % 3
            else [score(day, 26), score(day, 30, **HVLT), score(day, 2.5, **DETECTION)]
        )
        for observed in one:
            state, _ = STREAM.step(state, observed, STREAM.parameters)
    assert len(msgspec.msgpack.encode(state)) < 700


@given(points=st.lists(st.integers(0, 12), min_size=2, max_size=6), shift=st.integers(0, 20))
def test_only_differences_matter_and_only_those_below_the_baseline(
    points: list[int], shift: int
) -> None:
    def of(add: int) -> list[tuple[str, str]]:
        pairs = zip(DAYS, points, strict=False)
        return said(findings(STREAM, [score(day, one + add, **HVLT) for day, one in pairs]))

    assert of(shift) == of(0)
    if min(points) >= points[0] - 6:  # 6 / 3.245 is 1.849
        assert not any(code.startswith("decline") and code != "decline_slope" for code, _ in of(0))
    elif min(points[1:]) < points[0] - 6:
        assert any(code.startswith("decline") for code, _ in of(0))
