"""The cohort: counts worked out by hand, and day by day over cohorts of any kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.cohort import Cohort
from detectors.followup import exposure
from detectors.followup.content import CourseContent, Event, content
from detectors.followup.course import fold, state_of
from detectors.followup.exposure import Stratum
from detectors.followup.record import Observed
from detectors.followup.spells import KINDS, Spell, windows
from detectors.scope import Cells, Daily, Scope
from schemas.errors import InputError
from tests.detectors.cohort_days import EVENTS, FIRST, contents, deltas, written_out
from tests.detectors.followup.test_contract import records

AT_HOME = Stratum("ketamine", "sublingual", "home")
CLINIC = Stratum("esketamine", "intranasal", "clinic")
URINARY = {"Haematuria": frozenset({"urinary"})}


def course(
    *events: Event, spells: tuple[Spell, ...] | None = None, **fields: object
) -> CourseContent:
    """30 days on treatment in the clinic, heard of until the end."""
    whole = {
        "registry": "r",
        "contact": FIRST + 40,
        "strata": (CLINIC, AT_HOME),
        "spells": (Spell(FIRST, FIRST + 30, 1, 0, 1),) if spells is None else spells,
        "events": events,
    }
    return CourseContent(**whole | fields)  # type: ignore[arg-type]


def book(*courses: CourseContent) -> Cohort:
    return Cohort.of((i, 1, content) for i, content in enumerate(courses))


def scope(day: int, **fields: object) -> Scope:
    return Scope(FIRST + day, **{"lag_days": 0} | fields)  # type: ignore[arg-type]


def listed(cells: Cells | Daily, name: str) -> Counter[tuple[int, tuple[str, ...], str]]:
    """Counts that are not 0 by (day, row, event); the day of cells is 0."""
    values = getattr(cells, name)
    values = values if isinstance(cells, Daily) else values[None]
    first = cells.first_day if isinstance(cells, Daily) else 0
    return Counter(
        {
            (first + day, cells.rows[r], cells.events[e]): int(values[day, r, e])
            for day, r, e in zip(*np.nonzero(values), strict=True)
        }
    )


def summed(counts: Counter[tuple[int, tuple[str, ...], str]]) -> Counter[tuple[int, object, str]]:
    out = Counter[tuple[int, object, str]]()
    for (_, row, event), n in counts.items():
        out[0, row, event] += n
    return out


def test_a_course_is_at_risk_up_to_its_first_event_that_day_included() -> None:
    hurt = course(Event("Cystitis", FIRST + 9), Event("Cystitis", FIRST + 20))
    cells = book(hurt, course()).cells(("product",), scope(100))
    assert (cells.rows, cells.events) == ((("esketamine",),), ("Cystitis",))
    assert (cells.n.tolist(), cells.days.tolist(), cells.courses.tolist()) == (
        [[1]], [[10 + 30]], [[2]],
    )  # fmt: skip
    np.testing.assert_allclose(cells.years, 40 / 365.25)


def test_events_and_days_after_the_lock_less_the_lag_do_not_count_yet() -> None:
    held = book(course(Event("Cystitis", FIRST + 9)), course())
    for lock, lag, n, days in [(9, 0, 1, 20), (8, 0, 0, 18), (18, 9, 1, 20), (18, 10, 0, 18)]:
        cells = held.cells((), scope(lock, lag_days=lag))
        assert (cells.n.item(), cells.days.item()) == (n, days)


def test_a_silent_registry_adds_no_person_time() -> None:
    quiet = course(contact=FIRST + 5)
    assert book(quiet).cells((), scope(100), ["x"]).days.item() == 6
    assert book(quiet, course()).cells((), scope(100), ["x"]).days.item() == 60
    elsewhere = course(registry="another")
    assert book(quiet, elsewhere).cells((), scope(100), ["x"]).days.item() == 6 + 30


def test_without_a_record_that_could_show_it_there_is_no_time_at_risk() -> None:
    looked = course(days={"urinary": deltas([FIRST, FIRST + 11])})
    never = course(days={"mood": deltas([FIRST + 29])})
    found = course(Event("Haematuria", FIRST + 3), days={})
    held = book(looked, never, found)
    cells = held.cells((), scope(100, assessed_by=URINARY), ["Haematuria", "Death"])
    assert cells.n.tolist() == [[1, 0]]
    assert cells.days.tolist() == [[12 + 0 + 4, 90]]
    assert cells.courses.tolist() == [[2, 3]]


def test_no_data_is_not_no_event() -> None:
    never = course(days={"mood": deltas([FIRST + 29])})
    table = book(never).table(
        scope(100, assessed_by=URINARY), ["esketamine", "arketamine"], ["Haematuria", "Death"]
    )
    rows = dict(zip(zip(table.product, table.event, strict=True), table.has_data, strict=True))
    assert rows["esketamine", "Death"]
    assert not rows["esketamine", "Haematuria"]
    assert not rows["arketamine", "Death"]
    assert table.n.sum() == 0


def test_a_group_counts_the_first_of_its_events() -> None:
    groups = {"Cystitis": ("urinary",), "Haematuria": ("urinary",)}
    held = book(course(Event("Cystitis", FIRST + 9), Event("Haematuria", FIRST + 4)))
    cells = held.cells((), scope(100, groups=groups))
    assert cells.events == ("Cystitis", "Haematuria", "group:urinary")
    assert cells.n.tolist() == [[1, 1, 1]]
    assert cells.days.tolist() == [[10, 5, 5]]


def test_an_event_outside_the_rows_is_said() -> None:
    stopped = (Spell(FIRST, FIRST + 10, 1, 0, 1), Spell(FIRST + 10, FIRST + 20, 3, 0, 1))
    held = book(
        course(Event("Cystitis", FIRST + 12), spells=stopped),
        course(Event("Cystitis", FIRST + 25), spells=stopped),
    )
    cells = held.cells((), scope(100))
    assert (cells.n.item(), cells.days.item(), cells.outside.tolist()) == (0, 20, [2])
    every = held.cells((), scope(100, kinds=KINDS))
    assert (every.n.item(), every.days.item(), every.outside.tolist()) == (1, 33, [1])


def test_sessions_are_counted_where_they_were_assessed() -> None:
    """Day 0 measured, day 7 not, day 14 twice and measured after midnight, day 21 with the event.

    On day 60 a dose lies under no observation.
    """
    doses = [FIRST, FIRST + 7, FIRST + 14, FIRST + 14, FIRST + 21, FIRST + 60]
    seen = {"dose": deltas(doses), "sedation": deltas([FIRST, FIRST + 15])}
    held = book(course(Event("Sedation", FIRST + 21, "session"), days=seen))
    by = {"Sedation": frozenset({"sedation"})}
    cells = held.cells((), scope(100, assessed_by=by))
    assert (cells.sessions.item(), cells.sessions_with.item(), cells.n.item()) == (4, 1, 1)
    assert cells.sessions_to_first.item() == 4
    early = book(course(Event("Sedation", FIRST, "session"), days=seen))
    assert early.cells((), scope(100, assessed_by=by)).sessions_to_first.item() == 1
    assert held.cells((), scope(100)).sessions.item() == 5
    assert held.cells((), scope(20, assessed_by=by)).sessions.tolist() == [[3]]
    quiet = book(course(days=seen))
    assert quiet.cells((), scope(100), ["Sedation"]).sessions.item() == 0
    named = scope(100, per_session=frozenset({"Sedation"}))
    assert quiet.cells((), named, ["Sedation"]).sessions.item() == 5


def test_the_table_has_a_row_a_stratum_and_for_unexposed_days() -> None:
    spells = (
        Spell(FIRST, FIRST + 3, 0, 0, 0),
        Spell(FIRST + 3, FIRST + 10, 1, 0, 1),
        Spell(FIRST + 10, FIRST + 16, 2, 1, 1),
        Spell(FIRST + 16, FIRST + 20, 3, 1, 1),
    )
    table = book(course(Event("Cystitis", FIRST + 17), spells=spells)).table(scope(100))
    rows = list(zip(table.product, table.n.tolist(), table.days.tolist(), strict=True))
    assert rows == [
        ("esketamine", 0, 7),
        ("esketamine @before first dose", 0, 3),
        ("esketamine @clinic", 0, 7),
        ("esketamine @intranasal", 0, 7),
        ("ketamine", 0, 6),
        ("ketamine @after stopping", 1, 2),
        ("ketamine @home", 0, 6),
        ("ketamine @sublingual", 0, 6),
    ]
    np.testing.assert_allclose(table.years, table.days / 365.25)


def test_a_table_of_named_products() -> None:
    held = book(course(), course(spells=(Spell(FIRST, FIRST + 5, 1, 1, 1),)))
    table = held.table(scope(100), ["ketamine"], ["Death"])
    assert list(table.product) == ["ketamine", "ketamine @home", "ketamine @sublingual"]


def test_an_old_revision_changes_nothing_and_a_retraction_leaves_nothing() -> None:
    held = Cohort()
    hurt = course(Event("Cystitis", FIRST + 9))
    assert not held.apply(5, 1, None)
    assert held.apply(5, 3, hurt)
    assert not held.apply(5, 2, None)
    assert not held.apply(5, 4, hurt)
    assert (held.revision(5), held.revision(6), len(held)) == (4, None, 1)
    assert held.cells((), scope(100)).n.item() == 1
    assert held.apply(5, 5, None)
    assert held.cells((), scope(100)).rows == ()
    assert len(held.table(scope(100))) == 0


def test_an_empty_cohort_has_no_rows() -> None:
    empty = Cohort()
    assert empty.cells(("product",), scope(100), ["x"]).n.shape == (0, 1)
    assert empty.daily(("product",), scope(100), ["x"]).n.shape == (1, 0, 1)
    assert len(empty.table(scope(100), ["esketamine"], ["Death"])) == 1
    whole = book(course()).daily((), scope(100), ["Death"])
    assert (whole.first_day, len(whole.years)) == (FIRST, 101)
    np.testing.assert_allclose(whole.years.sum(), 30 / 365.25)


@pytest.mark.parametrize(
    "fields", [{"lag_days": -1}, {"kinds": ("asleep",)}, {"kinds": ()}, {"lag_days": 10**7}]
)
def test_a_scope_that_is_none_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InputError) as error:
        scope(100, **fields)
    assert error.value.code == "bad_parameter"


AXES = st.lists(
    st.sampled_from(["product", "route", "setting", "sessions", "kind", "registry", "sex"]),
    max_size=3,
    unique=True,
)
SCOPES = st.builds(
    Scope,
    st.integers(FIRST + 5, FIRST + 60),
    st.sampled_from([0, 4]),
    st.sampled_from([("treated", "gap"), KINDS, ("stopped",)]),
    st.sampled_from([{}, {"Cystitis": ("urinary",), "Haematuria": ("urinary",)}]),
    st.sampled_from([{}, URINARY | {"Sedation": frozenset({"sedation", "urinary"})}]),
    st.sampled_from([frozenset(), frozenset({"Haematuria"})]),
)
COUNTS = ("n", "days", "sessions", "sessions_with", "sessions_to_first")


@settings(max_examples=100, deadline=None)
@given(courses=st.lists(contents(), max_size=5), within=SCOPES, by=AXES)
def test_counts_are_those_written_out_day_by_day(
    courses: list[CourseContent], within: Scope, by: list[str]
) -> None:
    events = (*EVENTS, "group:urinary")
    held = book(*courses)
    expected = written_out(courses, by, within, events)
    cells, daily = held.cells(by, within, events), held.daily(by, within, events, FIRST)
    for name in COUNTS:
        assert listed(daily, name) == expected[name], name
        assert listed(cells, name) == summed(expected[name]), name
    outside = Counter(dict(zip(events, cells.outside.tolist(), strict=True)))
    assert +outside == Counter(event for (_, _, event) in expected["outside"].elements())


@settings(max_examples=40, deadline=None)
@given(courses=st.lists(contents(), max_size=5), within=SCOPES, by=AXES)
def test_clusters_are_the_sums_over_courses(
    courses: list[CourseContent], within: Scope, by: list[str]
) -> None:
    held = book(*courses)
    within = replace(within, per_session=frozenset(EVENTS))
    cells, found = held.cells(by, within, EVENTS), held.clusters(by, within, EVENTS)
    expected = np.zeros((4, *cells.n.shape), dtype=np.int64)
    for one in courses:
        alone = written_out([one], by, within, EVENTS)
        for r, row in enumerate(cells.rows):
            for e, event in enumerate(EVENTS):
                sums = [
                    sum(n for (_, at, name), n in alone[what].items() if (at, name) == (row, event))
                    for what in ("sessions", "sessions_with")
                ]
                expected[:, r, e] += [
                    sums[0] > 0, sums[1] ** 2, sums[1] * sums[0], sums[0] ** 2
                ]  # fmt: skip
    got = (found.courses, found.with_with, found.with_all, found.all_all)
    assert np.array(got).tolist() == expected.tolist()


@settings(max_examples=40, deadline=None)
@given(courses=st.lists(contents(), max_size=6), within=SCOPES, by=AXES)
def test_strata_add_up_to_the_whole(
    courses: list[CourseContent], within: Scope, by: list[str]
) -> None:
    held = book(*courses)
    whole, parts = held.cells((), within, EVENTS), held.cells(by, within, EVENTS)
    for name in COUNTS:
        assert getattr(parts, name).sum(axis=0).tolist() == getattr(whole, name).sum(0).tolist()
    with_event = [
        sum(any(e.name == event and e.day <= within.through for e in one.events) for one in courses)
        for event in EVENTS
    ]
    assert (parts.n.sum(axis=0) + parts.outside).tolist() == with_event
    assert parts.courses.max(initial=0) <= len(courses)


@settings(max_examples=40, deadline=None)
@given(courses=st.lists(contents(), min_size=1, max_size=4), within=SCOPES, data=st.data())
def test_cutting_spells_changes_no_sum(
    courses: list[CourseContent], within: Scope, data: st.DataObject
) -> None:
    cut = []
    for one in courses:
        parts = []
        for s in one.spells:
            at = data.draw(st.integers(s.start, s.end - 1))
            parts += [replace_(s, end=at)] if at > s.start else []
            parts.append(replace_(s, start=at))
        cut.append(CourseContent(
            one.registry, one.entry, one.contact, strata=one.strata, spells=tuple(parts),
            days=one.days, events=one.events, attributes=one.attributes,
        ))  # fmt: skip
    before, after = (book(*c).cells(("product", "sex"), within, EVENTS) for c in (courses, cut))
    assert before.rows == after.rows
    for name in (*COUNTS, "courses", "outside"):
        assert getattr(before, name).tolist() == getattr(after, name).tolist()


def replace_(spell: Spell, *, start: int | None = None, end: int | None = None) -> Spell:
    return Spell(
        spell.start if start is None else start,
        spell.end if end is None else end,
        spell.kind,
        spell.stratum,
        spell.band,
    )


@settings(max_examples=100, deadline=None)
@given(
    history=st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 4), st.none() | contents()), max_size=10
    ),
    within=SCOPES,
    data=st.data(),
)
def test_any_order_and_any_repeats_give_the_same_table(
    history: list[tuple[int, int, CourseContent | None]], within: Scope, data: st.DataObject
) -> None:
    versions = list({version[:2]: version for version in history}.values())
    newest = {course_id: content for course_id, _, content in sorted(versions, key=lambda v: v[:2])}
    again = data.draw(st.lists(st.sampled_from(versions), max_size=5)) if versions else []
    arrived = Cohort.of(data.draw(st.permutations(versions + again)))
    clean = book(*(content for content in newest.values() if content is not None))
    a, b = arrived.table(within), clean.table(within)
    for name in ("product", "event", "n", "days", "courses", "sessions", "sessions_with"):
        assert getattr(a, name).tolist() == getattr(b, name).tolist()


@settings(max_examples=40, deadline=None)
@given(courses=st.lists(contents(), max_size=5), within=SCOPES)
def test_a_later_lock_never_takes_away(courses: list[CourseContent], within: Scope) -> None:
    held = book(*courses)
    later = replace(within, lock_day=within.lock_day + 7)
    before, after = (held.cells(("product",), s, EVENTS) for s in (within, later))
    for name in (*COUNTS, "courses"):
        assert (getattr(after, name) >= getattr(before, name)).all()


@settings(max_examples=25, deadline=None)
@given(
    given_records=st.lists(records(largest=8), min_size=1, max_size=3),
    lock=st.integers(0, 700),
    data=st.data(),
)
def test_from_records_to_person_time_nothing_is_lost(
    given_records: list[list[Observed]], lock: int, data: st.DataObject
) -> None:
    """Every day of every window up to the lock counts once, whatever order its records came in."""
    within = Scope(date(2024, 1, 1).toordinal() + lock, 0, KINDS)
    held, days = Cohort(), 0
    for i, one in enumerate(given_records):
        course = fold(data.draw(st.permutations(one)))
        # a registry each, so that none is silent while it sends
        held.apply(i, 1, content(course, f"r{i}"))
        state = state_of(course, "exposure")
        last = min(within.lock_day, state.contact)
        days += sum(
            max(min(window.end, last + 1) - window.start, 0)
            for window in windows(state, exposure.Parameters())
        )
    assert held.cells((), within, ["none such"]).days.sum() == days
