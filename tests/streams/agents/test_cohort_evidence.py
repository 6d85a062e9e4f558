"""Looks of the cohort: one a day, never rewritten, and what they confirm."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from detectors.followup import looks
from detectors.followup.content import CourseContent, Event
from detectors.followup.exposure import Stratum
from detectors.followup.spells import TREATED, Spell
from detectors.scope import YEAR
from schemas.envelope import Change
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.store import tables
from streams.store.store import Store, bind_log, open_store
from tests.streams.agents.cohorts import LOG, apply, changed, checkpoint, noon, rows

START = date(2026, 1, 5).toordinal()
DAYS = 200


def course(
    number: int, *events: Event, setting: str = "home", product: str = "ketamine", revision: int = 1
) -> Change:
    days: dict[str, tuple[int, ...]] = {"dose": (START,), "urinary": (START + DAYS - 1,)}
    content = CourseContent(
        "registry-a",
        entry=START,
        contact=START + DAYS - 1,
        strata=(Stratum(product, "sublingual", setting),),
        spells=(Spell(START, START + DAYS, TREATED, 0, 1),),
        days=days,
        events=events,
        attributes=(("age", "adults"), ("sex", "female")),
    )
    return changed(number, revision, content)


def harmful(first: int, size: int) -> list[Change]:
    """Half at home with blood in the urine after 50 days, half in the clinic without."""
    return [
        course(first + i, Event("Haematuria", START + 49), setting="home")
        if i % 2
        else course(first + i, setting="clinic")
        for i in range(size)
    ]


def test_a_look_closes_once_a_day_and_counts_up_to_the_day_before(
    store: Store, clock: list[float]
) -> None:
    one = Detector(store, Configuration.load(), LOG)
    apply(one, 0, *harmful(1, 8))
    checkpoint(one, 1)
    (day,) = rows(store, tables.cohort_look_days)
    assert day.day == date(2026, 10, 31).toordinal()
    assert day.family == len(one.followed.evidence.family) > 100
    (look,) = [
        row
        for row in rows(store, tables.cohort_looks)
        if (row.test, row.event) == ("ketamine_home_clinic", "Haematuria")
    ]
    # four at home with the event after 50 days each, four in the clinic over 200 days each
    assert (look.product, look.n, look.n_other) == ("ketamine @home", 4, 0)
    assert look.time == pytest.approx(4 * 50 / YEAR)
    assert look.time_other == pytest.approx(4 * DAYS / YEAR)
    state = looks.between(looks.Between(), {"x": (4, look.time, 0, look.time_other)})
    assert look.log_e == pytest.approx(state.log_e)
    checkpoint(one, 2)
    assert len(rows(store, tables.cohort_look_days)) == 1
    clock[0] = noon(date(2026, 11, 2))
    checkpoint(one, 3)
    assert len(rows(store, tables.cohort_look_days)) == 2
    # nothing new was known of it, so that it has no row of the second day
    assert len([r for r in rows(store, tables.cohort_looks) if r.test == look.test]) == len(
        {(r.event) for r in rows(store, tables.cohort_looks) if r.test == look.test}
    )


def test_what_reaches_the_familys_bar_is_confirmed(store: Store, clock: list[float]) -> None:
    one = Detector(store, Configuration.load(), LOG)
    apply(one, 0, *harmful(1, 60))
    checkpoint(one, 1)
    (signal,) = [row for row in rows(store, tables.signals) if row.kind == "confirmed"]
    assert (signal.dataset, signal.product, signal.event) == (
        "cohort",
        "ketamine @home",
        "Haematuria",
    )
    (history,) = rows(store, tables.signal_history)
    detail = json.loads(history.detail)
    assert detail["log_e"] >= detail["asked"]
    assert detail["day"] == "2026-10-31"
    assert detail["size"] == len(one.followed.evidence.family)


def test_a_closed_look_stays_though_a_correction_comes(store: Store, clock: list[float]) -> None:
    one = Detector(store, Configuration.load(), LOG)
    apply(one, 0, *harmful(1, 60))
    checkpoint(one, 1)
    before = [tuple(row) for row in rows(store, tables.cohort_looks)]
    apply(one, 2, *(course(i, setting="home", revision=2) for i in range(2, 61, 2)))
    clock[0] = noon(date(2026, 11, 2))
    checkpoint(one, 3)
    after = [tuple(row) for row in rows(store, tables.cohort_looks)]
    assert set(before) <= set(after)
    # found is found: no second signal, and none is taken back by itself
    assert len([row for row in rows(store, tables.signals) if row.kind == "confirmed"]) == 1


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
        apply(one, 0, *harmful(1, 10))
        checkpoint(one, 1)
        if restart:
            one = Detector(held, Configuration.load(), LOG)
        apply(one, 2, *harmful(101, 10))
        clock[0] = noon(date(2026, 11, 2))
        checkpoint(one, 3)
        outcome.append([tuple(row) for row in rows(held, tables.cohort_looks)])
    other.close()
    assert outcome[0] == outcome[1]
    assert {row[3] for row in outcome[0]} == {
        date(2026, 10, 31).toordinal(),
        date(2026, 11, 1).toordinal(),
    }
