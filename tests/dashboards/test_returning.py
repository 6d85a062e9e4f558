"""What has ended comes back by new evidence, and by nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select

from dashboards import people
from dashboards.board.returning import Returning
from dashboards.form import Form
from dashboards.seriousness import Count, Seriousness
from dashboards.sessions import Viewer
from dashboards.workflow import act
from schemas.envelope import Change, CodedEvent, CodedProduct, encode
from schemas.vocabulary import Vocabulary
from streams.store import tables, trail
from streams.store.workflow import NOW
from tests.dashboards.followups import clinic, detect, follow, record
from tests.dashboards.support import PAIR, Filled, fill

ANN = Viewer("Ann", "officer", "")
HICCUPS = ("spontaneous", "ketamine", "Hiccups")


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """A store with three signals and an officer."""
    made = Filled(tmp_path)
    fill(made)
    people.create_user(made.store, "Ann", "officer")
    yield made
    made.close()


@pytest.fixture
def returning(filled: Filled) -> Returning:
    """As the web process has it."""
    return Returning(filled.store, Seriousness.load(filled.settings, Vocabulary.load()))


def refute(filled: Filled, returning: Returning, number: int) -> None:
    for revision, to, reason in ((0, "under_validation", ""), (1, "refuted", "known")):
        form = Form(revision, to, "why", reason)
        act(filled.store, number, ANN, form, count=returning.count)


def state(filled: Filled, number: int) -> str:
    with filled.store.read() as connection:
        return str(connection.scalar(select(NOW.c.state).where(NOW.c.id == number)))


def scored(filled: Filled, position: int, n: int) -> None:
    with filled.store.write() as connection:
        filled.score(connection, [(PAIR, (n, 60, 80, 9_900))], position=position)
        filled.move(connection, position)


def told(filled: Filled, number: int, position: int, what: str, rule: str) -> None:
    """What the detector writes about a rule."""
    with filled.store.write() as connection:
        row = {"signal_id": number, "position": position, "at": 0.0, "what": what}
        detail = json.dumps({"rule": rule, "n": 7})
        connection.execute(insert(tables.signal_history), [row | {"detail": detail}])
        filled.move(connection, position)


def test_it_comes_back_when_its_cases_have_doubled_and_are_three_more(
    filled: Filled, returning: Returning
) -> None:
    refute(filled, returning, 1)
    assert returning.look() == 0
    scored(filled, 20, 13)
    assert returning.look() == 0
    assert state(filled, 1) == "refuted"
    scored(filled, 21, 14)  # 7 when it was refuted
    assert returning.look() == 1
    assert state(filled, 1) == "new"
    with filled.store.read() as connection:
        last = connection.execute(select(tables.acts).order_by(tables.acts.c.id.desc())).first()
        row = connection.execute(
            select(tables.trail).where(tables.trail.c.what == "signal_returned")
        ).one()
        assert list(trail.faults(connection)) == []
    assert last is not None
    assert (last.who, last.what, last.from_state) == ("ketavigil", "returned", "refuted")
    assert last.note == "new evidence: 7 cases or first events when it ended, 14 now"
    assert (row.who, row.role, row.seq) == ("ketavigil", "system", last.id)
    assert json.loads(row.after) == {
        "n": 14,
        "n_before": 7,
        "reason": None,
        "rules": [],
        "state": "new",
    }


def test_it_stays_back_when_the_count_falls_again(filled: Filled, returning: Returning) -> None:
    refute(filled, returning, 1)
    scored(filled, 20, 14)
    returning.look()
    scored(filled, 21, 2)
    assert returning.look() == 0
    assert state(filled, 1) == "new"


def test_it_comes_back_when_a_rule_begins_to_hold_that_never_had(
    filled: Filled, returning: Returning
) -> None:
    refute(filled, returning, 1)
    # it had held before, so that this only flutters
    told(filled, 1, 20, "holds_again", "evans_prr")
    # a day gone by says nothing about now
    told(filled, 1, 21, "held_on_a_day_gone_by", "eb05")
    assert returning.look() == 0
    told(filled, 1, 22, "first_held", "eb05")
    assert returning.look() == 1
    assert state(filled, 1) == "new"
    with filled.store.read() as connection:
        notes = list(connection.scalars(select(tables.acts.c.note)))
    assert notes[-1].startswith("new evidence: eb05 began to hold;")


def test_what_has_not_ended_is_left_alone(filled: Filled, returning: Returning) -> None:
    told(filled, 1, 20, "first_held", "eb05")
    scored(filled, 21, 50)
    assert returning.look() == 0
    with filled.store.read() as connection:
        assert connection.execute(select(tables.acts)).all() == []


def change(filled: Filled, position: int, case: int, **fields: Any) -> None:
    """A case as its newest version says, applied by the detector."""
    body = Change(
        "case",
        case,
        products=(CodedProduct("ketamine", "suspect", 739_000),),
        events=(CodedEvent("Hiccups", 739_000, fatal=739_000 if fields.get("fatal") else 0),),
    )
    with filled.store.write() as connection:
        row = {"position": position, "place": 0, "kind": "case", "case_id": case, "revision": 1}
        row |= {"body": encode(msgspec.structs.replace(body, **fields))}
        connection.execute(insert(tables.changes), [row | {"applied_at": 0.0}])
        filled.move(connection, position)


def test_a_case_review_comes_back_with_one_more_case_that_satisfies_a_rule(
    filled: Filled, returning: Returning
) -> None:
    change(filled, 20, 501, fatal=True, serious=True)
    with filled.store.write() as connection:
        number = filled.signal(
            connection,
            HICCUPS,
            position=20,
            n=1,
            rules={"fatal_unlisted": True},
            kind="case_review",
        )
    refute(filled, returning, number)
    change(filled, 21, 502, serious=True)  # not fatal: it satisfies no rule
    assert returning.look() == 0
    change(filled, 22, 503, fatal=True, serious=True)
    assert returning.look() == 1
    assert state(filled, number) == "new"


def test_a_case_review_of_the_cohort_comes_back_with_one_more_course(
    filled: Filled, returning: Returning
) -> None:
    follow(filled, clinic())
    detect(filled)
    table = tables.signals
    urgent = (table.c.dataset == "cohort") & (table.c.kind == "case_review")
    with filled.store.read() as connection:
        signal = connection.execute(select(table).where(urgent)).first()
        assert signal is not None
        assert returning.count(connection, signal) == 1
    refute(filled, returning, signal.id)
    assert returning.look() == 0
    behaviour = {"ideation": 4, "behaviour": True}
    follow(filled, [record("suicidality", "2024-07-20", 200, "e-1", **behaviour)])
    detect(filled)
    with filled.store.read() as connection:
        counted = returning.count(connection, signal)
    assert (counted, returning.look()) == (2, 1)
    assert state(filled, signal.id) == "new"


def test_seriousness_is_that_of_the_newest_versions(filled: Filled) -> None:
    counts = Seriousness.load(filled.settings, Vocabulary.load())

    def read() -> Count:
        with filled.store.read() as connection:
            counts.read(connection)
        return counts.of(HICCUPS)

    change(filled, 20, 501, serious=True)
    change(filled, 21, 502)
    assert read() == Count(2, 1, 0)
    assert counts.of(("spontaneous", "ketamine", "group:urinary")) == Count()
    change(filled, 22, 502, fatal=True)
    assert read() == Count(2, 2, 1)
    change(filled, 23, 501, status="nullified")
    change(filled, 24, 502, status="nullified")
    assert read() == Count()
