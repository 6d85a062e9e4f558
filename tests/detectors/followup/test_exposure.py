"""Exposure and spells, on courses worked out by hand; day 0 is 1 January 2025."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.followup.exposure import STREAM, Parameters, State, Stratum
from detectors.followup.record import Observed
from detectors.followup.spells import (
    BANDS,
    BEFORE,
    GAP,
    KINDS,
    STOPPED,
    TREATED,
    Spell,
    doses,
    spells,
    status,
    windows,
)
from schemas.followup import Followup
from tests.detectors.followup.records import findings, record
from tests.detectors.followup.test_contract import records

ZERO = date(2025, 1, 1)
FIRST = ZERO.toordinal()
DEFAULT = Parameters()


def at(day: int) -> str:
    return (ZERO + timedelta(days=day)).isoformat()


def enrolment(day: int, **fields: Any) -> Observed:
    return record(
        "enrolment", at(day), f"enrolment {day}", **{"product": "esketamine", "route": "intranasal"}
        | fields,
    )  # fmt: skip


def dose(day: int, mg: float = 56, **fields: Any) -> Observed:
    return record("dose", at(day), dose_mg=mg, **{"product": "esketamine"} | fields)


def visit(day: int) -> Observed:
    return record("mood", at(day), f"mood {day}", instrument="PHQ-9", score=9)


def leave(day: int, reason: str = "completed") -> Observed:
    return record("exit", at(day), f"exit {day}", reason=reason)


def after(*course: Observed, parameters: Parameters = DEFAULT) -> State:
    state = State()
    for one in sorted(course, key=lambda one: one.order):
        state, _ = STREAM.step(state, one, parameters)
    return state


def told(*course: Observed) -> list[tuple[int, int, str, str]]:
    """The spells: first day, day after the last, kind, band of sessions."""
    return [
        (s.start - FIRST, s.end - FIRST, KINDS[s.kind], BANDS[s.band])
        for s in spells(after(*course), DEFAULT)
    ]


def test_every_kind_of_record_is_read() -> None:
    union, _ = get_args(Followup)
    kinds = {get_args(one.model_fields["kind"].annotation)[0] for one in get_args(union)}
    assert kinds == STREAM.kinds


def test_a_course_from_enrolment_to_exit() -> None:
    course = [enrolment(0), *(dose(d) for d in (3, 7, 10)), leave(20)]
    assert told(*course) == [(0, 3, "before", "0"), (3, 21, "treated", "1-8")]
    (before, treated) = spells(after(*course), DEFAULT)
    strata = after(*course).strata
    assert strata[before.stratum] == Stratum("esketamine", "intranasal")
    assert strata[treated.stratum] == Stratum("esketamine", "intranasal", dose="42-70 mg")


def test_without_an_enrolment_it_begins_with_the_first_dose() -> None:
    assert told(visit(0), dose(5), leave(9)) == [(5, 10, "treated", "1-8")]
    assert told(visit(0)) == []


def test_doses_before_the_enrolment_are_sessions_without_person_time() -> None:
    course = [dose(d) for d in range(0, 63, 7)]  # nine sessions, the enrolment after the fourth
    assert told(*course, enrolment(25, route=None), leave(60)) == [
        (25, 56, "treated", "1-8"),
        (56, 61, "treated", "9-12"),
    ]


def test_a_gap_opens_when_no_dose_came_for_longer_than_28_days() -> None:
    assert told(dose(0), dose(28), leave(30)) == [(0, 31, "treated", "1-8")]
    assert told(dose(0), dose(29), leave(30)) == [(0, 31, "treated", "1-8")]
    assert told(dose(0), dose(30), leave(30)) == [
        (0, 29, "treated", "1-8"),
        (29, 30, "gap", "1-8"),
        (30, 31, "treated", "1-8"),
    ]


def test_days_count_as_exposed_for_56_days_and_then_as_after_stopping() -> None:
    assert told(dose(0), visit(80), leave(85, "no_efficacy")) == [
        (0, 29, "treated", "1-8"),
        (29, 57, "gap", "1-8"),
        (57, 86, "stopped", "1-8"),
    ]


def test_where_the_carry_over_is_shorter_than_a_gap_there_is_none() -> None:
    short = Parameters(gap_days=28, carry_over_days=14)
    found = spells(after(dose(0), leave(40), parameters=short), short)
    assert found == (
        Spell(FIRST, FIRST + 15, TREATED, 0, 1),
        Spell(FIRST + 15, FIRST + 41, STOPPED, 0, 1),
    )


def test_what_is_given_changes_on_the_day_of_the_dose() -> None:
    course = [
        enrolment(0, setting="clinic", indication="TRD"),
        dose(0, phase="induction"),
        dose(7, phase="induction"),
        dose(14, 84, phase="induction"),
        dose(21, 84, phase="maintenance", setting="home"),
        dose(28, 100, product="ketamine", route="sublingual"),
        leave(30),
    ]
    state = after(*course)
    cut = [(s.start - FIRST, state.strata[s.stratum]) for s in spells(state, DEFAULT)]
    given = Stratum("esketamine", "intranasal", "clinic", "induction", "42-70 mg", "TRD")
    assert cut == [
        (0, given),
        (14, Stratum("esketamine", "intranasal", "clinic", "induction", "70-98 mg", "TRD")),
        (21, Stratum("esketamine", "intranasal", "home", "maintenance", "70-98 mg", "TRD")),
        # another product: neither its route nor its setting is the planned one's
        (28, Stratum("ketamine", "sublingual", "", "", "98-200 mg", "TRD")),
    ]


def test_of_two_doses_on_a_day_the_later_says_what_the_day_is() -> None:
    morning = record("dose", "2025-01-01T08:00Z", dose_mg=28, product="esketamine")
    noon = record("dose", "2025-01-01T12:00Z", dose_mg=84, product="esketamine")
    state = after(morning, noon, leave(3))
    assert [state.strata[s.stratum].dose for s in spells(state, DEFAULT)] == ["70-98 mg"]
    assert doses(state) == [FIRST, FIRST]


def test_a_dose_that_was_not_given_is_a_contact_alone() -> None:
    state = after(dose(0), dose(7, 0))
    assert doses(state) == [FIRST]
    assert state.contact == FIRST + 7


def test_nobody_hears_of_a_patient_for_more_than_90_days() -> None:
    """Counted to day 90; from day 91 silent; what comes later opens a window of its own."""
    state = after(dose(0))
    assert windows(state, DEFAULT)[0].end == FIRST + 91
    assert told(dose(0), visit(90))[-1] == (57, 181, "stopped", "1-8")
    assert told(dose(0), visit(91), leave(95)) == [
        (0, 29, "treated", "1-8"),
        (29, 57, "gap", "1-8"),
        (57, 91, "stopped", "1-8"),
        (91, 96, "stopped", "1-8"),
    ]
    course = after(dose(0), visit(120), leave(125))
    assert [(w.start - FIRST, w.end - FIRST, w.why) for w in course.windows] == [
        (0, 91, "silent"),
        (120, 126, "completed"),
    ]


def test_an_exit_is_no_contact() -> None:
    state = after(dose(0), leave(200, "lost"))
    assert [(w.start - FIRST, w.end - FIRST, w.why) for w in state.windows] == [(0, 91, "lost")]
    assert status(state, FIRST + 150, DEFAULT) == ("silent", FIRST + 91, "")
    assert status(state, FIRST + 200, DEFAULT) == ("exited", FIRST + 91, "lost")


def test_a_dose_after_the_exit_begins_anew_and_a_visit_does_not() -> None:
    left = [dose(0), leave(10)]
    assert told(*left, visit(20)) == [(0, 11, "treated", "1-8")]
    assert told(*left, dose(20), leave(21)) == [(0, 11, "treated", "1-8"),
                                                (20, 22, "treated", "1-8")]  # fmt: skip
    again = told(enrolment(0), *left, enrolment(70), leave(80))
    assert again == [(0, 11, "treated", "1-8"), (70, 81, "stopped", "1-8")]


def test_an_exit_before_anything_is_no_time() -> None:
    assert told(leave(0)) == []
    assert told(leave(0), dose(4), leave(5)) == [(4, 6, "treated", "1-8")]
    assert status(after(leave(0)), FIRST + 3, DEFAULT) == ("exited", FIRST, "completed")


def test_the_band_is_that_of_the_sessions_so_far() -> None:
    course = [dose(d) for d in range(0, 7 * 110, 7)] + [leave(7 * 110)]
    starts = [(day // 7, band) for day, _, _, band in told(*course)]
    assert starts == [(0, "1-8"), (8, "9-12"), (12, "13-49"), (49, "50-99"), (99, "100+")]


def test_status_over_a_course() -> None:
    state = after(enrolment(0), dose(3), visit(60), leave(70, "withdrawn"))
    days = [-1, 0, 2, 3, 31, 32, 59, 60, 70, 71]
    assert [status(state, FIRST + day, DEFAULT).name for day in days] == [
        "not begun", "enrolled", "enrolled", "on treatment", "on treatment", "in gap", "in gap",
        "after stopping", "after stopping", "exited",
    ]  # fmt: skip
    assert status(state, FIRST + 71, DEFAULT).reason == "withdrawn"
    assert status(state, FIRST + 31, DEFAULT).since == FIRST + 3


def test_status_of_a_course_that_came_back() -> None:
    state = after(dose(0), leave(10, "lost"), dose(30), leave(40, "lost"), leave(90, "death"))
    assert status(state, FIRST + 20, DEFAULT) == ("exited", FIRST + 11, "lost")
    assert status(state, FIRST + 30, DEFAULT) == ("on treatment", FIRST + 30, "")
    # by then nobody knew of the death
    assert status(state, FIRST + 60, DEFAULT) == ("exited", FIRST + 41, "")
    assert status(state, FIRST + 90, DEFAULT) == ("exited", FIRST + 41, "death")


def test_an_adverse_event_and_a_death_are_notes() -> None:
    assert findings(STREAM, [dose(0), leave(4)]) == []
    (note,) = findings(STREAM, [dose(0), dose(3), leave(4, "adverse_event")])
    assert (note.code, note.level, note.records) == ("exit_adverse_event", "note", ("exit 4",))
    assert note.explanation == ("left for an adverse event after 2 sessions, 5 days seen")
    (note,) = findings(STREAM, [dose(0), leave(0, "death")])
    assert (note.event, note.explanation) == (
        "Death", "left by death after 1 session, 1 day seen",
    )  # fmt: skip


def test_age_sex_and_markers_are_kept() -> None:
    gene = {"name": "cyp2b6", "value": "*6/*6"}
    other = {"name": "ferritin", "value": 12.0}
    state = after(
        enrolment(0, sex="female", age_years=44),
        enrolment(1),
        record("biomarker", at(2), biomarkers=[other, gene]),
    )
    assert (state.sex, state.age_years, state.markers) == ("female", 44, {"CYP2B6": "*6/*6"})


@pytest.mark.parametrize(("mg", "band"), [(41.9, "<42 mg"), (42, "42-70 mg"), (84, "70-98 mg")])
def test_dose_bands(mg: float, band: str) -> None:
    assert DEFAULT.dose_band(mg) == band
    assert Parameters(dose_edges_mg=()).dose_band(mg) == ""


every = records(tuple(sorted(STREAM.kinds)), largest=20)


@settings(max_examples=60, deadline=None)
@given(course=every)
def test_spells_split_the_windows_and_lose_no_day(course: list[Observed]) -> None:
    state = after(*course)
    cut = spells(state, DEFAULT)
    by_day = [day for spell in cut for day in range(spell.start, spell.end)]
    whole = [day for w in windows(state, DEFAULT) for day in range(w.start, w.end)]
    assert by_day == whole
    assert len(set(whole)) == len(whole)
    assert all(spell.start < spell.end for spell in cut)


@settings(max_examples=60, deadline=None)
@given(course=every, data=st.data())
def test_what_a_day_is_exposed_to_does_not_depend_on_what_comes_later(
    course: list[Observed], data: st.DataObject
) -> None:
    """But for the enrolment, which says that nothing before it counts."""
    course = [one for one in course if one.record.kind != "enrolment"]
    ordered = sorted(course, key=lambda one: one.order)
    if not ordered:
        return
    cut = data.draw(st.sampled_from([one.day for one in ordered]))
    then = after(*(one for one in ordered if one.day <= cut))
    now = after(*ordered)
    assert _days(then, cut) == _days(now, cut)


def _days(state: State, until: int) -> list[tuple[int, int, Stratum, int]]:
    return [
        (day, spell.kind, state.strata[spell.stratum], spell.band)
        for spell in spells(state, DEFAULT)
        for day in range(spell.start, min(spell.end, until + 1))
    ]


@settings(max_examples=60, deadline=None)
@given(course=every, day=st.integers(-20, 700))
def test_status_and_spells_agree(course: list[Observed], day: int) -> None:
    state = after(*course)
    lock = date(2024, 1, 1).toordinal() + day
    inside = [s for s in spells(state, DEFAULT) if s.start <= lock < s.end]
    found = status(state, lock, DEFAULT)
    names = {BEFORE: "enrolled", TREATED: "on treatment", GAP: "in gap", STOPPED: "after stopping"}
    if inside:
        assert found.name == names[inside[0].kind]
    else:
        assert found.name in {"not begun", "silent", "exited"}
