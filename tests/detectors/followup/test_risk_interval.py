"""Risk intervals: by hand, against intervals written out one by one, and under recurrence."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.cohort import Cohort
from detectors.followup.content import CourseContent, Event
from detectors.followup.exposure import Stratum
from detectors.followup.protocol import IntervalTest
from detectors.followup.risk_interval import intervals, risk_interval
from detectors.followup.spells import Spell
from detectors.scope import Scope
from tests.detectors.cohort_days import FIRST, contents, deltas
from tests.detectors.sequential.alarms import ever, lower_limit

TEST = IntervalTest(
    "t", datetime.date.fromordinal(FIRST), ("ketamine",), "Cystitis", (0, 1), (2, 6), 40, 3
)
MEASURED = msgspec.structs.replace(TEST, measured_by="vital_signs")


def course(*events: int, doses: tuple[int, ...] = (0,), end: int = 30, **fields: Any
           ) -> CourseContent:  # fmt: skip
    whole: dict[str, Any] = {
        "contact": FIRST + 100,
        "strata": (Stratum("ketamine"),),
        "spells": (Spell(FIRST, FIRST + end, 1, 0, 1),),
        "days": {"dose": deltas(FIRST + d for d in doses)},
        "events": tuple(Event("Cystitis", FIRST + day, "session") for day in events),
    }
    return CourseContent("r", **whole | fields)


def counts(*courses: CourseContent, test: IntervalTest = TEST, lock: int = 60) -> tuple[int, ...]:
    """Cases, controls, several."""
    book = Cohort.of((i, 1, content) for i, content in enumerate(courses))
    found = intervals(book.courses, Scope(FIRST + lock, 0), test)
    return tuple(int(column.sum()) for column in found)


def test_days_0_and_1_are_at_risk_and_days_2_to_6_are_not() -> None:
    found = [counts(course(day)) for day in range(8)]
    assert found == [(1, 0, 0)] * 2 + [(0, 1, 0)] * 5 + [(0, 0, 0)]


def test_an_interval_with_a_dose_inside_compares_nothing() -> None:
    assert counts(course(1, doses=(0, 6))) == (0, 0, 0)
    assert counts(course(1, 9, doses=(0, 7))) == (1, 1, 0)


def test_two_event_days_compare_nothing() -> None:
    assert counts(course(0, 4)) == (0, 0, 1)
    assert counts(course(2, 4)) == (0, 0, 1)


def test_events_counted_by_course_are_taken_at_the_first() -> None:
    both = (Event("Cystitis", FIRST + 1), Event("Cystitis", FIRST + 9))
    assert counts(course(doses=(0, 7), events=both)) == (1, 0, 0)


def test_an_interval_is_known_at_its_end() -> None:
    assert counts(course(0), lock=5) == (0, 0, 0)
    book = Cohort.of([(1, 1, course(0))])
    found = intervals(book.courses, Scope(FIRST + 8, 0), TEST)
    assert found.cases.tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0]


def test_only_who_was_observed_so_long_or_left_by_harm_compares() -> None:
    assert counts(course(1, end=7)) == (1, 0, 0)
    assert counts(course(1, end=6)) == (0, 0, 0)
    for exit_day, reason, expected in [
        (1, "death", 1), (2, "adverse_event", 1), (3, "death", 0), (1, "withdrawn", 0),
    ]:  # fmt: skip
        left = course(1, end=exit_day + 1, exit_day=FIRST + exit_day, exit_reason=reason)
        assert counts(left) == (expected, 0, 0)
    hole = (Spell(FIRST, FIRST + 3, 1, 0, 1), Spell(FIRST + 5, FIRST + 30, 1, 0, 1))
    assert counts(course(1, spells=hole)) == (0, 0, 0)
    split = (Spell(FIRST, FIRST + 3, 1, 0, 1), Spell(FIRST + 3, FIRST + 30, 1, 0, 2))
    assert counts(course(1, spells=split)) == (1, 0, 0)


def test_other_products_and_doses_before_the_opening_do_not_count() -> None:
    assert counts(course(1, strata=(Stratum("esketamine"),))) == (0, 0, 0)
    late = msgspec.structs.replace(TEST, opened=datetime.date.fromordinal(FIRST + 1))
    assert counts(course(1), test=late) == (0, 0, 0)


def test_measured_events_compare_the_first_measured_day_of_each_window() -> None:
    def seen(*days: int) -> dict[str, tuple[int, ...]]:
        return {"dose": (FIRST,), "vital_signs": deltas(FIRST + d for d in days)}

    assert counts(course(0, days=seen(0)), test=MEASURED) == (0, 0, 0)  # nobody looked later
    assert counts(course(0, days=seen(0, 3)), test=MEASURED) == (1, 0, 0)
    assert counts(course(3, days=seen(0, 3)), test=MEASURED) == (0, 1, 0)
    assert counts(course(5, days=seen(0, 3, 5)), test=MEASURED) == (0, 0, 0)  # not the first
    assert counts(course(0, 3, days=seen(0, 3)), test=MEASURED) == (0, 0, 1)
    assert counts(course(1, days=seen(1, 2)), test=MEASURED) == (1, 0, 0)


def written_out(courses: list[CourseContent], test: IntervalTest, through: int) -> list[list[int]]:
    """Known day and 0 case, 1 control, 2 several: one dose after the other."""
    out = []
    for one in courses:
        where = {day: s for s in one.spells for day in range(s.start, s.end)}
        held = {kind: np.cumsum(days).tolist() for kind, days in one.days.items()}
        doses = sorted({d for d in held.get("dose", []) if d in where})
        own = [e for e in one.events if e.name == test.event]
        first = [min(e.day for e in own if e.unit == "course")] if any(
            e.unit == "course" for e in own) else []  # fmt: skip
        days = {e.day for e in own if e.unit == "session"} | set(first)
        for dose in doses:
            known = dose + test.control[1]
            if not test.opened.toordinal() <= dose <= known <= through:
                continue
            if any(dose < other <= known for other in doses):
                continue
            if one.strata[where[dose].stratum].product not in test.products:
                continue
            whole = all(day in where for day in range(dose, known + 1))
            risk = set(range(dose + test.risk[0], dose + test.risk[1] + 1))
            control = set(range(dose + test.control[0], known + 1))
            if test.measured_by:
                seen = set(held.get(test.measured_by, []))
                if not whole or not risk & seen or not control & seen:
                    continue
                risk, control = {min(risk & seen)}, {min(control & seen)}
            harm = one.exit_day if one.exit_reason in {"death", "adverse_event"} else 0
            counted = [
                day for day in days
                if day in where and (whole or (not test.measured_by and harm in {day, day + 1}))
            ]  # fmt: skip
            found = sum(d in risk for d in counted), sum(d in control for d in counted)
            if sum(found) > 1:
                out.append([known, 2])
            elif sum(found) == 1:
                out.append([known, found.index(1)])
    return sorted(out)


@settings(max_examples=150, deadline=None)
@given(
    courses=st.lists(contents(), max_size=4),
    exits=st.lists(st.tuples(st.integers(0, 45), st.sampled_from(["death", "lost"])), min_size=4,
                   max_size=4),
    lock=st.integers(20, 60),
    measured=st.booleans(),
)  # fmt: skip
def test_intervals_are_those_written_out_one_by_one(
    courses: list[CourseContent], exits: list[tuple[int, str]], lock: int, measured: bool
) -> None:
    courses = [
        msgspec.structs.replace(one, exit_day=FIRST + day, exit_reason=reason)
        for one, (day, reason) in zip(courses, exits, strict=False)
    ]
    test = msgspec.structs.replace(
        TEST, products=("esketamine", "ketamine"), measured_by="urinary" if measured else "",
        control=(2, 4),
    )  # fmt: skip
    book = Cohort.of((i, 1, content) for i, content in enumerate(courses))
    found = intervals(book.courses, Scope(FIRST + lock, 0), test)
    listed = [
        [FIRST + day, what]
        for what, column in enumerate(found)
        for day, n in enumerate(column.tolist())
        for _ in range(n)
    ]
    assert sorted(listed) == written_out(courses, test, FIRST + lock)


def test_a_test_over_a_cohort_by_hand() -> None:
    """Nine cases and one control: incidence 2.5 x 9 / 1, and the boundary is reached."""
    held = [course(1, doses=(i,), end=60) if i == 1 else course(i, doses=(i,), end=60)
            for i in range(9)]  # fmt: skip
    book = Cohort.of((i, 1, content) for i, content in enumerate([*held, course(4)]))
    found = risk_interval(book, Scope(FIRST + 60, 0), TEST)
    assert float(found.incidence.estimate) == pytest.approx(22.5)
    assert found.incidence.lower > 3
    assert found.runs[0].end == "signal"
    assert found.evidence.log_e_sup[-1] > np.log(20)
    assert found.evidence.log_e.shape == (61,)
    nothing = risk_interval(book, Scope(FIRST - 9, 0), TEST)
    assert (nothing.runs, len(nothing.evidence.log_e)) == ((), 0)
    assert np.isnan(nothing.incidence.estimate)


def simulated(seed: int, patients: int, ratio: float) -> Cohort:
    """Weekly doses; some patients have events again and again, dose or no dose."""
    rng = np.random.default_rng(seed)
    book = Cohort()
    weeks = 20
    for i in range(patients):
        prone = rng.gamma(0.3, 0.1)
        day = np.arange(weeks * 7)
        hit = rng.random(len(day)) < prone * np.where(day % 7 < 2, ratio, 1)
        book.apply(i, 1, course(*day[hit].tolist(), doses=tuple(range(0, weeks * 7, 7)),
                                end=weeks * 7, contact=FIRST + 200))  # fmt: skip
    return book


def test_patients_whose_events_recur_raise_no_false_alarms() -> None:
    scope = Scope(FIRST + 150, 0)
    found = [risk_interval(simulated(seed, 12, 1.0), scope, TEST) for seed in range(150)]
    assert (
        lower_limit(np.array([any(r.end == "signal" for r in f.runs[:1]) for f in found])) <= 0.05
    )
    reached = ever(np.array([[f.evidence.log_e_sup[-1] for f in found]]))
    assert lower_limit(reached) <= 0.05
    harm = [risk_interval(simulated(seed, 40, 4.0), scope, TEST) for seed in range(20)]
    assert np.mean([f.runs[0].end == "signal" for f in harm]) > 0.8
    assert np.median([float(f.incidence.estimate) for f in harm]) == pytest.approx(4, abs=1.2)
