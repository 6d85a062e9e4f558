"""The cohort in the detector: rates of courses, urgent findings at once, the same when rebuilt."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from detectors.followup.content import CourseContent, Event, Urgent
from detectors.followup.exposure import Stratum
from detectors.followup.spells import TREATED, Spell
from schemas.envelope import Change
from streams.agents import followed
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.store import tables
from streams.store.store import Store
from tests.streams.agents.cohorts import LOG, apply, changed, rows

STRATA = tables.strata
START = date(2025, 1, 1).toordinal()


def detector(store: Store) -> Detector:
    return Detector(store, Configuration.load(), LOG)


def course(
    number: int, *events: Event, product: str = "esketamine", revision: int = 1, **more: Any
) -> Change:
    """A course under observation for the 200 days of the test."""
    days: dict[str, tuple[int, ...]] = {"dose": (START,), "urinary": (START + 199,)}
    whole: dict[str, Any] = {
        "entry": START,
        "contact": START + 199,
        "strata": (Stratum(product, "intranasal", "clinic"),),
        "spells": (Spell(START, START + 200, TREATED, 0, 1),),
        "days": days,
        "events": events,
    }
    content = CourseContent("registry-a", **whole | more)
    return changed(number, revision, content)


def rate_of(store: Store, product: str, event: str) -> Any:
    return {(row.product, row.event): row for row in rows(store, tables.rates)}[product, event]


def test_a_rate_has_first_events_over_the_days_up_to_them(store: Store) -> None:
    one = detector(store)
    apply(one, 0, course(1, Event("Haematuria", START + 99)), course(2))
    row = rate_of(store, "esketamine", "Haematuria")
    # 100 days to the event of the first course, 200 of the second
    assert (row.n, row.days, row.courses) == (1, 300, 2)
    assert row.rate == pytest.approx(1 / (300 / 365.25))
    # Garwood: -ln(0.975) and the 97.5 % point of a gamma of shape 2, 5.5716, over the years
    assert row.rate_lower == pytest.approx(0.025318 / (300 / 365.25), rel=1e-4)
    assert row.rate_upper == pytest.approx(5.571643 / (300 / 365.25), rel=1e-6)
    # the group that the term stands in, and the route
    assert rate_of(store, "esketamine", "group:urinary").n == 1
    assert rate_of(store, "esketamine @intranasal", "Haematuria").days == 300


def test_without_a_record_that_could_show_it_nobody_is_at_risk(store: Store) -> None:
    one = detector(store)
    apply(one, 0, course(1, Event("Haematuria", START + 99)), course(2))
    # no course has a liver test but the one, as its finding shows, up to that day
    apply(one, 1, course(3, Event("Liver injury", START + 9)))
    row = rate_of(store, "esketamine", "Liver injury")
    assert (row.n, row.days, row.courses) == (1, 10, 1)
    assert rate_of(store, "esketamine", "Haematuria").days == 100 + 200 + 200


def test_a_product_that_is_not_watched_has_no_row(store: Store) -> None:
    one = detector(store)
    apply(one, 0, course(1, Event("Haematuria", START + 9), product="sertraline"))
    assert rows(store, tables.rates) == []


def test_a_new_revision_takes_the_old_one_back(store: Store) -> None:
    one = detector(store)
    apply(one, 0, course(1, Event("Haematuria", START + 99)))
    apply(one, 1, course(1, revision=2), course(2, Event("Haematuria", START + 9)))
    assert (rate_of(store, "esketamine", "Haematuria").n) == 1
    assert (rate_of(store, "esketamine", "Haematuria").days) == 210
    apply(one, 2, Change("course", case_id=1, revision=3, status="nullified"))
    assert (rate_of(store, "esketamine", "Haematuria").days) == 10


def test_an_urgent_finding_raises_a_case_review_at_once_and_says_when_it_is_gone(
    store: Store,
) -> None:
    one = detector(store)
    urgent = (Urgent("esketamine", "Suicidal behaviour", START + 5),)
    apply(one, 0, course(1, Event("Suicidal behaviour", START + 5), urgent=urgent))
    (signal,) = [row for row in rows(store, tables.signals) if row.dataset == "cohort"]
    assert (signal.kind, signal.priority, signal.raised_position) == ("case_review", "high", 0)
    assert (signal.product, signal.event) == ("esketamine", "Suicidal behaviour")
    # a second course counts, and a correction takes only its own away
    apply(one, 1, course(2, urgent=urgent))
    apply(one, 2, course(1, revision=2))
    (rule,) = rows(store, tables.signal_rules)
    assert rule.holds
    apply(one, 3, course(2, revision=2))
    (rule,) = rows(store, tables.signal_rules)
    assert not rule.holds
    said = [(row.what, json.loads(row.detail)["n"]) for row in rows(store, tables.signal_history)]
    assert said == [("first_held", 1), ("holds_no_longer", 0)]


def test_after_a_restart_the_cohort_is_the_same(store: Store) -> None:
    one = detector(store)
    urgent = (Urgent("esketamine", "Suicidal behaviour", START + 5),)
    apply(one, 0, course(1, Event("Haematuria", START + 99)), course(2, urgent=urgent))
    apply(one, 1, course(1, Event("Haematuria", START + 50), revision=2))
    before = [row[:-1] for row in rows(store, tables.rates)]
    again = detector(store)
    assert len(again.followed.book) == 2
    apply(again, 2, Change("checkpoint", reason="test"))
    assert [row[:-1] for row in rows(store, tables.rates)] == before
    # a revision that it has is ignored, and nothing is raised twice
    apply(again, 3, course(1, revision=1), course(2, urgent=urgent))
    assert [row[:-1] for row in rows(store, tables.rates)] == before
    assert len(rows(store, tables.signals)) == 1


def stratum(store: Store, event: str, product: str, axis: str, name: str) -> Any:
    held = {(row.product, row.axis, row.stratum, row.event): row for row in rows(store, STRATA)}
    return held.get((product, axis, name, event))


def test_each_stratum_has_its_own_counts(store: Store) -> None:
    one = detector(store)
    other = course(2, Event("Haematuria", START + 9), product="ketamine")
    apply(one, 0, course(1, Event("Haematuria", START + 99)), other)
    whole = stratum(store, "Haematuria", "esketamine", "", "")
    assert (whole.n, whole.days, whole.courses, whole.position) == (1, 100, 1, 0)
    for axis, name in (
        ("route", "intranasal"),
        ("setting", "clinic"),
        ("phase", ""),
        ("dose", ""),
        ("sessions", "1-8"),
        ("kind", "treated"),
    ):
        assert stratum(store, "Haematuria", "esketamine", axis, name)[4:14] == whole[4:14]
    # every product together, those that are not watched included
    apply(one, 1, course(3, product="sertraline"))
    assert stratum(store, "Haematuria", "*", "", "").days == 100 + 10 + 200
    assert stratum(store, "Haematuria", "sertraline", "", "") is None


def test_sessions_lie_within_courses(store: Store) -> None:
    one = detector(store)
    days = {"dose": (START, 7, 7), "sedation": (START, 7, 7)}
    sedated = (Event("Sedation", START, "session"), Event("Sedation", START + 7, "session"))
    apply(one, 0, course(1, *sedated, days=days), course(2, days=days))
    row = stratum(store, "Sedation", "esketamine", "", "")
    assert (row.sessions, row.sessions_with, row.sessions_to_first, row.met) == (6, 2, 4, 2)
    # courses with 2 of 3 and 0 of 3 sessions: 2 x 2, 2 x 3, 3 x 3 twice
    assert (row.with_with, row.with_all, row.all_all) == (4, 6, 18)


def test_a_group_shows_its_0_events_and_a_product_nobody_could_be_found_with_has_no_days(
    store: Store,
) -> None:
    one = detector(store)
    apply(one, 0, course(1), course(2, days={}, product="ketamine"))
    assert stratum(store, "group:urinary", "esketamine", "", "")[4:7] == (0, 200, 1)
    assert stratum(store, "group:urinary", "ketamine", "", "")[4:7] == (0, 0, 0)
    assert stratum(store, "group:urinary", "ketamine", "route", "intranasal") is None
    assert stratum(store, "Death", "ketamine", "", "")[4:7] == (0, 200, 1)
    assert rate_of(store, "ketamine", "group:urinary").rate is None
    assert rate_of(store, "esketamine", "group:urinary").rate == 0


def test_of_a_large_cohort_only_the_events_that_moved_are_counted_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "LIVE", 1)
    one = detector(store)
    apply(one, 0, course(1, Event("Haematuria", START + 99)), Change("checkpoint", reason="x"))
    apply(one, 1, course(2, Event("Anxiety", START + 9)))
    assert stratum(store, "Anxiety", "esketamine", "", "").position == 1
    assert stratum(store, "Haematuria", "esketamine", "", "")[4:7] == (1, 100, 1)
    # the event is taken back: it is in no course any more, but its group stays
    apply(one, 2, course(1, revision=2), course(3, Event("Haematuria", START + 49)))
    assert stratum(store, "Haematuria", "esketamine", "", "")[4:7] == (1, 200 + 200 + 50, 3)
    assert stratum(store, "group:urinary", "esketamine", "", "").position == 2
    apply(one, 3, course(3, revision=2))
    assert stratum(store, "Haematuria", "esketamine", "", "") is None
    assert stratum(store, "group:urinary", "esketamine", "", "")[4:7] == (0, 600, 3)
    # the rest waits for the checkpoint, and then everything equals the batch
    assert stratum(store, "Death", "esketamine", "", "").days == 200
    apply(one, 4, Change("checkpoint", reason="x"))
    assert stratum(store, "Death", "esketamine", "", "").days == 600
    assert {row.position for row in rows(store, STRATA)} == {4}
