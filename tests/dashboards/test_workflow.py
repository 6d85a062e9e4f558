"""The moves of a signal: what is permitted, what each needs, and that nobody moves it twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select, update

from dashboards import people
from dashboards.form import Form
from dashboards.reports import trail as reports
from dashboards.sessions import Viewer
from dashboards.workflow import (
    CAUSALITY,
    DECLINE,
    LONGEST_NOTE,
    MOVES,
    REASONS,
    MovedOn,
    Workflow,
    act,
    decide,
    read,
)
from schemas.errors import InputError
from streams.agents.trail_verification import check_acts
from streams.store import tables, trail
from streams.store.workflow import ENDED, NOW, PRIORITIES, STATES
from tests.dashboards.support import Filled, fill

NONE: frozenset[str] = frozenset()
ANN, BOB = (Viewer(name, "officer", "") for name in ("Ann", "Bob"))
PATH = ("under_validation", "validated", "prioritised", "under_assessment", "closed")
# the table of GVP Module IX, again and by hand
PERMITTED = {
    ("new", "under_validation"),
    ("under_validation", "validated"),
    ("under_validation", "refuted"),
    ("validated", "prioritised"),
    ("prioritised", "under_assessment"),
    ("under_assessment", "closed"),
}


def form(to: str = "", revision: int = 0, **fields: str) -> Form:
    """A form that has all that its move needs."""
    reason = next(iter(REASONS[to])) if to in REASONS else ""
    priority = "high" if to == "prioritised" else ""
    given: dict[str, Any] = {"note": "why", "reason": reason, "priority": priority} | fields
    return Form(revision, to, **given)


@pytest.mark.parametrize("to", [*STATES, "elsewhere"])
@pytest.mark.parametrize("state", STATES)
def test_only_the_moves_of_the_table_are_permitted(state: str, to: str) -> None:
    if (state, to) in PERMITTED:
        what, after = decide(Workflow(state), form(to), "Ann", NONE)
        assert (what, after.state) == ("moved", to)
        return
    with pytest.raises(InputError) as error:
        decide(Workflow(state), form(to), "Ann", NONE)
    assert error.value.code == "not_permitted"


@pytest.mark.parametrize(
    ("state", "given", "code"),
    [
        ("new", form("under_validation", note=""), "note_missing"),
        ("new", form("under_validation", note="x" * (LONGEST_NOTE + 1)), "note_too_long"),
        ("under_validation", form("refuted", reason=""), "reason_missing"),
        ("under_assessment", form("closed", reason="known"), "reason_missing"),
        ("validated", form("prioritised", priority="urgent"), "priority_missing"),
        ("new", form(due="soon"), "bad_due"),
        ("new", form(causality="maybe"), "bad_causality"),
        ("closed", form(causality="certain"), "ended"),
        ("new", Form(), "nothing"),
        ("new", form(DECLINE), "not_permitted"),
    ],
)
def test_what_a_form_lacks_has_a_code(state: str, given: Form, code: str) -> None:
    with pytest.raises(InputError) as error:
        decide(Workflow(state), given, "Ann", NONE)
    assert error.value.code == code


def test_who_begins_owns_it_unless_somebody_does() -> None:
    assert decide(Workflow(), form("under_validation"), "Ann", NONE)[1].owner == "Ann"
    owned = Workflow(owner="Bob")
    assert decide(owned, form("under_validation"), "Ann", NONE)[1].owner == "Bob"


def test_where_two_are_needed_the_first_proposes_and_another_decides() -> None:
    both = frozenset({"closed"})
    now = Workflow("under_assessment")
    what, proposed = decide(now, form("closed"), "Ann", both)
    assert (what, proposed.state, proposed.proposed_by) == ("proposed", "under_assessment", "Ann")
    with pytest.raises(InputError) as error:
        decide(proposed, form("closed"), "Ann", both)
    assert error.value.code == "second_person"
    what, closed = decide(proposed, form("closed", reason=""), "Bob", both)
    assert (what, closed.state, closed.reason) == ("moved", "closed", proposed.reason)
    assert (closed.proposed, closed.proposed_by) == (None, None)
    what, declined = decide(proposed, form(DECLINE), "Bob", both)
    assert (what, declined) == ("declined", now)
    # refuting was not asked for
    assert decide(Workflow("under_validation"), form("refuted"), "Ann", both)[0] == "moved"


_FORMS = st.builds(
    Form,
    to=st.sampled_from(["", DECLINE, *STATES]),
    note=st.sampled_from(["", "why"]),
    reason=st.sampled_from(["", *REASONS["refuted"], *REASONS["closed"]]),
    priority=st.sampled_from(["", *PRIORITIES]),
    causality=st.sampled_from(["", *CAUSALITY]),
)


@given(
    steps=st.lists(st.tuples(_FORMS, st.sampled_from(["Ann", "Bob"])), max_size=40),
    four_eyes=st.sets(st.sampled_from(ENDED)).map(frozenset),
)
def test_however_people_try_every_end_has_a_reason_and_those_who_decided_it(
    steps: list[tuple[Form, str]], four_eyes: frozenset[str]
) -> None:
    now = Workflow()
    for asked, who in steps:
        before = now
        try:
            what, now = decide(now, asked, who, four_eyes)
        except InputError:
            continue
        if now.state != before.state:
            assert what == "moved"
            assert (before.state, now.state) in PERMITTED
            if now.state in ENDED:
                assert now.reason in REASONS[now.state]
                if now.state in four_eyes:
                    assert before.proposed == now.state
                    assert before.proposed_by not in (None, who)
        else:
            assert what != "moved"
        if before.state in ENDED:
            assert now == before


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """A store with three signals and two officers."""
    made = Filled(tmp_path)
    fill(made)
    for name in ("Ann", "Bob"):
        people.create_user(made.store, name, "officer")
    yield made
    made.close()


def seven(connection: Connection, signal: Any) -> int:
    return 7


def do(filled: Filled, viewer: Viewer, given: Form, number: int = 1) -> None:
    act(filled.store, number, viewer, given, count=seven)


def acts(filled: Filled) -> list[Any]:
    with filled.store.read() as connection:
        return list(connection.execute(select(tables.acts).order_by(tables.acts.c.id)))


def test_each_act_is_in_the_trail_with_who_why_before_and_after(filled: Filled) -> None:
    for revision, to in enumerate(PATH):
        do(filled, ANN, form(to, revision))
    do(filled, BOB, form("", 5, owner="Ann"))
    with filled.store.read() as connection:
        rows = connection.execute(
            select(tables.trail)
            .where(tables.trail.c.subject == "signal 1")
            .order_by(tables.trail.c.seq)
        ).all()
        assert list(trail.faults(connection)) == []
        now = connection.execute(select(NOW).where(NOW.c.id == 1)).one()
        ended = connection.execute(select(tables.workflow)).one()
    assert [row.what for row in rows] == ["signal_moved"] * 5 + ["signal_noted"]
    assert [row.seq for row in rows] == [one.id for one in acts(filled)]
    assert {(row.who, row.why) for row in rows} == {("Ann", "why"), ("Bob", "why")}
    states = ["new", *PATH]
    for row, before, after in zip(rows, states[:5], states[1:], strict=False):
        assert json.loads(row.before)["state"] == before
        assert json.loads(row.after)["state"] == after
    assert (now.state, now.priority, now.owner, now.revision) == ("closed", "high", "Ann", 6)
    assert (ended.n, ended.position) == (7, 8)


def test_a_form_for_a_state_that_is_gone_changes_nothing(filled: Filled) -> None:
    do(filled, ANN, form("under_validation"))
    with pytest.raises(MovedOn) as error:
        do(filled, BOB, form("under_validation"))
    assert error.value.code == "moved_on"
    assert len(acts(filled)) == 1


def test_of_many_who_move_at_once_one_does(filled: Filled) -> None:
    refused = []

    def move(viewer: Viewer) -> None:
        try:
            do(filled, viewer, form("under_validation"))
        except MovedOn:
            refused.append(viewer)

    threads = [threading.Thread(target=move, args=(viewer,)) for viewer in (ANN, BOB) * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 9
    assert [one.revision for one in acts(filled)] == [1]


def test_an_owner_is_an_officer_and_a_signal_one_that_is_there(filled: Filled) -> None:
    people.create_user(filled.store, "Rex", "regulator")
    people.disable_user(filled.store, "Bob")
    for owner in ("Rex", "Bob", "Nobody"):
        with pytest.raises(InputError) as error:
            do(filled, ANN, form(owner=owner))
        assert error.value.code == "bad_owner"
    with pytest.raises(InputError) as error:
        do(filled, ANN, form("under_validation"), number=99)
    assert error.value.code == "no_such_signal"
    assert acts(filled) == []


def test_owner_due_date_and_causality_are_kept_and_dated_by_the_state_alone(
    filled: Filled,
) -> None:
    do(filled, ANN, form("under_validation"))
    with filled.store.read() as connection:
        since = connection.scalar(select(tables.workflow.c.since))
    do(filled, BOB, form("", 1, owner="Bob", due="2026-12-01", causality="possible"))
    with filled.store.read() as connection:
        now, revision = read(connection, 1)
        assert connection.scalar(select(tables.workflow.c.since)) == since
    expected = Workflow("under_validation", None, "Bob", "2026-12-01", "possible")
    assert (now, revision) == (expected, 2)
    assert replace(now, owner=None) != expected


def test_every_state_has_its_moves_and_every_move_a_state() -> None:
    assert set(MOVES) == set(STATES)
    assert {(state, move.to) for state in MOVES for move in MOVES[state]} == PERMITTED


def test_an_act_or_a_state_changed_behind_the_trail_is_named(filled: Filled) -> None:
    def wrong() -> list[str]:
        with filled.store.read() as connection:
            check = check_acts(connection)
        named: list[str] = check.figures["wrong"]
        assert check.differences == len(named)
        return named

    assert wrong() == []
    for revision, to in enumerate(PATH[:2]):
        do(filled, ANN, form(to, revision))
    do(filled, BOB, form("", 2, owner="Bob"))
    (_, second, third) = (one.id for one in acts(filled))
    assert wrong() == []
    changes = [
        (update(tables.acts).where(tables.acts.c.id == second).values(note="no"), f"act {second}"),
        (update(tables.acts).where(tables.acts.c.id == third).values(who="Ann"), f"act {third}"),
        (delete(tables.acts).where(tables.acts.c.id == third), f"act {third}"),
        (update(tables.workflow).values(state="closed"), "signal 1"),
        (delete(tables.workflow), "signal 1"),
    ]
    for statement, named in changes:
        with filled.store.read() as connection:
            kept = {
                table: [dict(row._mapping) for row in connection.execute(select(table))]
                for table in (tables.acts, tables.workflow)
            }
        with filled.store.write() as connection:
            connection.execute(statement)
        assert wrong() == [named]
        with filled.store.write() as connection:
            for table, rows in kept.items():
                connection.execute(delete(table))
                connection.execute(insert(table), rows)
        assert wrong() == []


def test_a_report_has_what_was_done_up_to_an_entry_of_the_trail(filled: Filled) -> None:
    for revision, to in enumerate(PATH):
        do(filled, ANN, form(to, revision))
    do(filled, BOB, form("", 5, owner="Ann"))
    with filled.store.read() as connection:
        every = reports.moves(connection, 1, 2**62)
        first = reports.moves(connection, 1, every[0].entry)
    assert [move.after for move in every] == [*PATH, "closed"]
    assert [move.what for move in every] == ["moved"] * 5 + ["noted"]
    assert {(move.who, move.note) for move in every} == {("Ann", "why"), ("Bob", "why")}
    assert (reports.state(every), reports.action(every)) == ("closed", "why")
    assert reports.closed(every) == every[4].at
    assert (reports.state(first), reports.closed(first)) == (PATH[0], "")
