"""Planted harms: they strike whom they should, show in the records, and are not named there."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import numpy as np
import pytest

from streams.simulate.cohort.cohort import Cohort, simulate
from streams.simulate.cohort.figures import figures, harms
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.pressure import CRISIS
from streams.simulate.cohort.sessions import NEVER
from streams.simulate.cohort.truth import CohortTruth, Planted, told
from streams.simulate.cohort.writing import followups

ORIGIN = date(2024, 1, 1)


def _cohort(plants: dict[str, float], courses: int = 250, **more: object) -> Cohort:
    return simulate(Plan(courses, 500, 9, plants=plants, **more))  # type: ignore[arg-type]


def _clean(plants: dict[str, float], arm: str, courses: int, days: int = 500) -> Cohort:
    return simulate(Plan(courses, days, 9, 0.0, plants, {arm: 1.0}), amiss_too=False)


def _by_course(cohort: Cohort) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for one in followups(cohort, ORIGIN):
        found.setdefault(msgspec.json.decode(one.raw)["patient"], []).append(one.raw)
    return found


def _harm(truth: CohortTruth, name: str) -> Planted:
    return next(harm for harm in truth.harms if harm.name == name)


@pytest.fixture(scope="module")
def nothing() -> Cohort:
    return _cohort({})


@pytest.mark.parametrize("name", list(harms()))
def test_a_harm_changes_the_records_of_those_it_strikes_and_no_others(
    name: str, nothing: Cohort
) -> None:
    cohort = _cohort({name: harms()[name].strengths[2]})
    before, after = _by_course(nothing), _by_course(cohort)
    changed = {patient for patient in before if before[patient] != after[patient]}
    struck = {one.patient for one in _harm(told(cohort, ORIGIN), name).struck if not one.anyway}
    assert changed
    assert changed <= struck
    # an onset shortly before the end, or a decline of less than a point, shows in no record yet
    assert len(changed) > 0.5 * len(struck)


def test_a_harm_at_no_strength_changes_nothing(nothing: Cohort) -> None:
    none = {name: harm.none for name, harm in harms().items()}
    assert _by_course(_cohort(none)) == _by_course(nothing)
    assert all(one.anyway for one in _harm(told(nothing, ORIGIN), "cystitis").struck)


@pytest.mark.parametrize("name", ["cystitis", "misuse"])
def test_a_stronger_harm_strikes_the_same_and_more_and_earlier(name: str) -> None:
    attribute = {"cystitis": "urinary", "misuse": "misuse"}[name]
    weak, strong = (
        getattr(_cohort({name: strength}).harmed, attribute) for strength in (5.0, 50.0)
    )
    assert (strong <= weak).all()
    assert (strong < NEVER).sum() > (weak < NEVER).sum()


def test_a_stronger_stimulant_strikes_the_same_sessions_and_more() -> None:
    weak, strong = (_cohort({"stimulant": strength}).harmed.surge for strength in (3.0, 12.0))
    assert (strong | ~weak).all()
    assert strong.sum() > weak.sum()


def test_cystitis_comes_with_a_high_cumulative_dose_alone() -> None:
    arms = {"esketamine": 1.0, "comparator": 1.0}
    cohort = _cohort({"cystitis": 300.0}, 600, arms=arms, entry=0.0)
    harmed, given = cohort.harmed, cohort.sessions
    own = (harmed.urinary < harmed.urinary_anyway) & (harmed.urinary <= given.until)
    assert own.sum() > 20
    assert not (own & cohort.people.of("comparator")).any()
    for course in np.flatnonzero(own).tolist():
        before = (given.course == course) & (given.day <= harmed.urinary[course])
        assert given.absorbed[before].max() > harms()["cystitis"].above_mg


def test_cystitis_shows_in_the_scales_and_as_blood() -> None:
    cohort = _clean({"cystitis": 300.0}, "oral", 3000)
    table = cohort.records["urinary"].table
    since = table.day - cohort.harmed.urinary[table.course]
    icsi = table.column("instrument") == "ICSI"
    score, blood = table.column("score"), table.column("haematuria") == True  # noqa: E712
    after, before = icsi & (since >= 60), icsi & (since < 0)
    assert score[after].mean() > score[before].mean() + 6
    assert blood[after].mean() == pytest.approx(figures().urinary.bleeds, abs=0.06)
    assert blood[before].mean() < 0.02
    assert set(table.column("haematuria")[~icsi].tolist()) == {None}


def test_cognition_declines_in_carriers_by_so_many_sd_a_year() -> None:
    cohort = _clean({"cognition": 2.0}, "esketamine", 3000, 730)
    table = cohort.records["cognitive"].table
    mine = table.column("measure") == "identification"
    years = (table.day - cohort.harmed.declines_from[table.course])[mine] / 365.25
    carriers = cohort.people.carrier[table.course][mine]
    # lower is better in a speed test, and the SD of the score is 0.07
    score = table.column("score")[mine]
    late, early = years > 0.9, years < 0
    slowed = score[late & carriers].mean() - score[early & carriers].mean()
    assert slowed / 0.07 == pytest.approx(2.0 * years[late & carriers].mean(), rel=0.15)
    others = score[late & ~carriers].mean() - score[early & ~carriers].mean()
    assert abs(others) < 0.01


def test_a_stimulant_makes_crises_so_many_times_as_frequent() -> None:
    cohort = _clean({"stimulant": 4.0}, "esketamine", 9000, 300)
    with_one = cohort.people.stimulant[cohort.sessions.course]
    crisis = cohort.pressures.crisis
    ratio = crisis[with_one].mean() / crisis[~with_one].mean()
    assert ratio == pytest.approx(4.0, rel=0.2)
    table = cohort.records["vital_signs"].table
    day = cohort.sessions.day[cohort.harmed.surge]
    course = cohort.sessions.course[cohort.harmed.surge]
    key = set(zip(course.tolist(), day.tolist(), strict=True))
    peak = table.column("minutes") == 40
    reached = {
        (c, d): s
        for c, d, s in zip(
            table.course[peak].tolist(),
            table.day[peak].tolist(),
            table.column("systolic_mmhg")[peak].tolist(),
            strict=True,
        )
        if (c, d) in key
    }
    assert reached.keys() == key
    assert min(reached.values()) > CRISIS[0]


def test_misuse_shows_as_early_refills_higher_doses_and_screens() -> None:
    cohort = _clean({"misuse": 50.0}, "compounded nasal", 400)
    onset = cohort.harmed.misuse
    doses = cohort.records["dose"].table
    usual = cohort.sessions.dose_mg[cohort.sessions.number == 1]
    ratio = doses.column("dose_mg") / usual[doses.course]
    misusing = doses.day >= onset[doses.course]
    assert set(ratio[~misusing].tolist()) == {1.0}
    assert np.allclose(ratio[misusing], figures().supply.escalation)
    supplies = cohort.records["dispensing"].table
    order = np.lexsort((supplies.day, supplies.course))
    same = np.diff(supplies.course[order]) == 0
    gap = np.diff(supplies.day[order])[same]
    fetched = (supplies.day >= onset[supplies.course])[order][:-1][same]
    assert gap[fetched].max() <= 0.8 * 28 + 1
    assert np.median(gap[~fetched]) >= 28
    screens = cohort.records["misuse_screen"].table
    late = screens.day >= onset[screens.course] + 90
    early = screens.day < onset[screens.course]
    dast = screens.column("instrument") == "DAST-10"
    score = screens.column("score")
    assert score[late & dast].mean() > 3
    assert score[early & dast].mean() < 0.5


def test_some_of_the_harmed_stop_and_nothing_is_sent_of_them_later() -> None:
    cohort = _cohort({"cystitis": 300.0}, arms={"oral": 1.0}, entry=0.0)
    stops = cohort.harmed.stops
    stopped = np.flatnonzero(stops < NEVER)
    assert len(stopped) > 10
    exits = cohort.records["exit"].table
    for course in stopped.tolist():
        for kind, rows in cohort.records.items():
            days = rows.table.day[rows.table.course == course]
            assert kind == "exit" or (days <= stops[course]).all()
        reason = exits.column("reason")[exits.course == course].tolist()
        assert reason in (["adverse_event"], [])


def test_the_truth_names_courses_days_and_whom_nature_would_have_struck() -> None:
    cohort = _cohort({"misuse": 30.0})
    harm = _harm(told(cohort, ORIGIN), "misuse")
    harmed = cohort.harmed
    assert len(harm.struck) == (harmed.misuse <= cohort.sessions.until).sum()
    for one in harm.struck:
        course = int(one.patient.removeprefix("P"))
        assert date.fromisoformat(one.day) == ORIGIN + timedelta(days=int(harmed.misuse[course]))
        assert one.anyway == (harmed.misuse_anyway[course] <= harmed.misuse[course])
        assert one.registry == "registry-ketamine"


def test_nothing_of_the_truth_is_in_the_records() -> None:
    plants = {name: harm.strengths[2] for name, harm in harms().items()}
    cohort = _cohort(plants)
    words = [harm.encode() for harm in harms()] + [b"plant", b"struck", b"harm", b"onset", b"truth"]
    fields: dict[bool, set[tuple[str, ...]]] = {True: set(), False: set()}
    struck = {
        one.patient for harm in told(cohort, ORIGIN).harms for one in harm.struck if not one.anyway
    }
    for one in followups(cohort, ORIGIN):
        # the laboratory's own name for a screen is no secret
        text = one.raw.replace(b"misuse_screen", b"")
        assert not any(word in text for word in words)
        record = msgspec.json.decode(one.raw)
        fields[record["patient"] in struck].add(tuple(record))
    assert fields[True] <= fields[False]
