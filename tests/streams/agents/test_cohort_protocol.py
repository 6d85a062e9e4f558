"""Tests with a horizon in the live cohort: what a look adds stays, and the runs follow from it."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from detectors.followup.content import CourseContent, Event
from detectors.followup.exposure import Stratum
from detectors.followup.spells import TREATED, Spell
from detectors.scope import YEAR
from schemas.envelope import Change
from schemas.errors import InputError
from streams.agents.configuration import Configuration
from streams.agents.course_verification import check_cohort_looks
from streams.agents.detector import Detector
from streams.store import tables
from streams.store.store import Store, bind_log, open_store
from tests.streams.agents.cohorts import LOG, apply, changed, checkpoint, noon, rows

START = date(2026, 1, 5).toordinal()
DAYS = 200


def course(number: int, *events: Event, revision: int = 1) -> Change:
    """A course on esketamine for 200 days, with a dose on the first of them."""
    content = CourseContent(
        "registry-a",
        entry=START,
        contact=START + DAYS - 1,
        strata=(Stratum("esketamine", "intranasal", "clinic"),),
        spells=(Spell(START, START + DAYS, TREATED, 0, 1),),
        days={"dose": (START,)},
        events=events,
    )
    return changed(number, revision, content)


def runs(store: Store, test: str) -> list[Any]:
    return [row for row in rows(store, tables.cohort_runs) if row.test == test]


def deaths(count: int, of: int) -> list[Change]:
    """So many courses, of which some end with a death on the hundredth day."""
    death = Event("Death", START + 99)
    return [course(i, *([death] if i < count else [])) for i in range(of)]


def test_deaths_above_their_background_end_a_run_with_a_signal(
    store: Store, clock: list[float]
) -> None:
    one = Detector(store, Configuration.load(), LOG)
    apply(one, 0, *deaths(5, 40))
    checkpoint(one, 1)
    (run,) = runs(store, "death_esketamine")
    # 9 deaths in 3,777 patient-years, times the margin
    years = (5 * 100 + 35 * DAYS) / YEAR
    expected = years * 9 / 3777 * 1.25
    assert run.expected == pytest.approx(expected, rel=1e-12)
    assert run.llr == pytest.approx(5 * math.log(5 / expected) - (5 - expected), rel=1e-12)
    assert (run.state, run.n, run.horizon) == ("signal", 5, 10)
    assert run.llr >= run.critical_value > 3
    (signal,) = [
        row
        for row in rows(store, tables.signals)
        if (row.kind, row.product, row.event) == ("confirmed", "esketamine", "Death")
    ]
    (rule,) = [r for r in rows(store, tables.signal_rules) if r.signal_id == signal.id]
    assert rule.rule == "maxsprt_background"
    details = [
        json.loads(row.detail)
        for row in rows(store, tables.signal_history)
        if row.signal_id == signal.id
    ]
    detail = next(d for d in details if "llr" in d)
    assert (detail["test"], detail["run"]) == ("death_esketamine", 1)
    assert (detail["llr"], detail["critical_value"]) == (run.llr, run.critical_value)


def test_fewer_than_the_least_events_are_no_signal(store: Store, clock: list[float]) -> None:
    one = Detector(store, Configuration.load(), LOG)
    apply(one, 0, *deaths(2, 40))
    checkpoint(one, 1)
    (run,) = runs(store, "death_esketamine")
    assert (run.state, run.n) == ("running", 2)
    assert not [row for row in rows(store, tables.signals) if row.kind == "confirmed"]


def test_what_a_look_added_stays_and_the_next_adds_what_is_new(
    store: Store, clock: list[float]
) -> None:
    one = Detector(store, Configuration.load(), LOG)
    apply(one, 0, *deaths(2, 40))
    checkpoint(one, 1)
    before = [tuple(row) for row in rows(store, tables.cohort_additions)]
    # one death was a mistake, and two courses are new, one of which ended with a death
    late = course(101, Event("Death", START + 49))
    apply(one, 2, course(0, revision=2), late, course(102))
    clock[0] = noon(date(2026, 11, 2))
    checkpoint(one, 3)
    after = [tuple(row) for row in rows(store, tables.cohort_additions)]
    assert set(before) <= set(after)
    added = [
        row
        for row in rows(store, tables.cohort_additions)
        if row.test == "death_esketamine" and row.day == date(2026, 11, 1).toordinal()
    ]
    # two deaths again in all: none is new; the days of the survivor and of the two are
    assert [row.n for row in added] == [0]
    assert added[0].other == pytest.approx((100 + 50 + 200) / YEAR, rel=1e-9)
    (run,) = runs(store, "death_esketamine")
    assert run.n == 2


def test_strokes_in_the_days_after_a_dose_end_a_run(store: Store, clock: list[float]) -> None:
    one = Detector(store, Configuration.load(), LOG)
    after, later = Event("Ischaemic stroke", START + 1), Event("Ischaemic stroke", START + 4)
    apply(one, 0, *(course(i, after) for i in range(9)), course(9, later), course(10))
    checkpoint(one, 1)
    (run,) = runs(store, "stroke_after_dose")
    # ten events in either window; two days of seven are at risk
    assert (run.n, run.expected) == (9, pytest.approx(10 * 2 / 7, rel=1e-12))
    llr = 9 * math.log(9 / 10 / (2 / 7)) + math.log(1 / 10 / (5 / 7))
    assert run.llr == pytest.approx(llr, rel=1e-9)
    assert run.state == "signal"
    found = [r for r in rows(store, tables.signals) if r.product == "esketamine or ketamine"]
    assert [(row.kind, row.event) for row in found] == [("confirmed", "group:stroke")]


def test_after_a_restart_the_next_look_is_as_without(
    store: Store, clock: list[float], tmp_path: Path
) -> None:
    other = open_store(f"sqlite:///{tmp_path}/other.db")
    with other.write() as connection:
        bind_log(connection, "detect", LOG, {("changes", 0): 10**6})
    outcome = []
    for held, restart in ((store, True), (other, False)):
        clock[0] = noon(date(2026, 11, 1))
        one = Detector(held, Configuration.load(), LOG)
        apply(one, 0, *deaths(2, 40))
        checkpoint(one, 1)
        if restart:
            one = Detector(held, Configuration.load(), LOG)
        apply(one, 2, course(50, Event("Death", START + 9)))
        clock[0] = noon(date(2026, 11, 2))
        checkpoint(one, 3)
        outcome.append(
            [
                tuple(row)
                for t in (tables.cohort_additions, tables.cohort_runs)
                for row in rows(held, t)
            ]
        )
    other.close()
    assert outcome[0] == outcome[1]
    assert [run.n for run in runs(store, "death_esketamine")] == [3]


def test_another_test_of_the_same_name_is_refused(store: Store, clock: list[float]) -> None:
    one = Detector(store, Configuration.load(), LOG)
    apply(one, 0, *deaths(2, 40))
    checkpoint(one, 1)
    table = tables.cohort_tests
    with store.write() as connection:
        connection.execute(
            update(table).where(table.c.test == "death_esketamine").values(definition="{}")
        )
    with pytest.raises(InputError, match="death_esketamine") as refused:
        Detector(store, Configuration.load(), LOG)
    assert refused.value.code == "protocol_changed"


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (tables.cohort_looks, {"log_e_sup": 9.5}),
        (tables.cohort_looks, {"n": 77.0}),
        (tables.cohort_additions, {"n": 77.0}),
        (tables.cohort_runs, {"llr": 7.5}),
        (tables.cohort_look_days, {"position": 0}),
    ],
)
def test_a_look_that_was_changed_is_found(
    store: Store, clock: list[float], table: Any, change: dict[str, Any]
) -> None:
    configuration = Configuration.load()
    one = Detector(store, configuration, LOG)
    apply(one, 0, *deaths(2, 30))
    apply(one, 1, course(60, Event("Ischaemic stroke", START + 1)))
    checkpoint(one, 2)
    apply(one, 3, course(50, Event("Death", START + 9)), course(60, revision=2))
    clock[0] = noon(date(2026, 11, 2))
    checkpoint(one, 4)
    with store.read() as connection:
        found = check_cohort_looks(connection, configuration)
    assert found.differences == 0
    assert found.figures["looks"] == 2
    assert min(found.figures[name] for name in ("rows", "additions", "runs")) > 0
    with store.write() as connection:
        connection.execute(update(table).values(change))
    with store.read() as connection:
        assert check_cohort_looks(connection, configuration).differences > 0
