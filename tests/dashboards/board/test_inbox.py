"""The inbox: in an order that can be explained, with what is new to the one who looks."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, update

from dashboards.board.ranking import NEW_SECONDS, Rank, evidence
from schemas.envelope import Change, CodedEvent, CodedProduct, encode
from streams.store import tables
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_decisions import move, officer
from tests.dashboards.board.test_news import Wire
from tests.dashboards.board.test_pages import text
from tests.dashboards.followups import clinic, detect, follow
from tests.dashboards.support import PAIR

OLD = time.time() - NEW_SECONDS - 86_400


def events(page: str) -> list[str]:
    """The events of the lines, in their order."""
    return re.findall(r'class="event">([^<]*)<', page)


def cases(board: Board, product: str, event: str, *levels: str, first: int = 600) -> None:
    """Cases as the detector applied them: "", "serious" or "fatal"."""
    with board.filled.store.write() as connection:
        for i, level in enumerate(levels, first):
            change = Change(
                "case",
                i,
                1,
                products=(CodedProduct(product, "suspect", 739_000),),
                events=(CodedEvent(event, 739_000),),
                serious=bool(level),
                fatal=level == "fatal",
            )
            row = {"position": i, "place": 0, "kind": "case", "case_id": i, "revision": 1}
            row |= {"body": encode(change), "applied_at": 0.0}
            connection.execute(insert(tables.changes), [row])


def raised(board: Board, event: str, *rules: str, product: str = "esketamine", **more: Any) -> int:
    """A signal with three cases; all that it is judged by is equal unless it is given."""
    pair = ("spontaneous", product, event)
    with board.filled.store.write() as connection:
        board.filled.score(connection, [(pair, (3, 10, 10, 100))], position=9, points=False)
        held = dict.fromkeys(rules, True) or {"ic025": False}
        given = {"position": 9, "n": 3, "at": OLD} | more
        return board.filled.signal(connection, pair, rules=held, **given)


@pytest.fixture
def bare(empty: Board) -> Board:
    """A board without signals."""
    return empty


def test_each_step_decides_between_those_that_are_equal_before_it(bare: Board) -> None:
    raised(bare, "No rule", at=time.time())
    raised(bare, "Sedation", "ic025")  # listed by the label
    raised(bare, "Not on it", "ic025", product="arketamine plus")
    raised(bare, "Old", "ic025")
    raised(bare, "New", "ic025", at=time.time())
    raised(bare, "Serious", "ic025")
    cases(bare, "esketamine", "Serious", "serious", "")
    raised(bare, "Hardly serious", "ic025")
    cases(bare, "esketamine", "Hardly serious", "serious", "", "", first=610)
    raised(bare, "Fatal", "ic025")
    cases(bare, "esketamine", "Fatal", "fatal", "", "", first=620)
    raised(bare, "Two rules", "ic025", "ror025")
    raised(bare, "Reviewed", "fatal_unlisted", kind="case_review")
    raised(bare, "Suspended", kind="confirmed")
    page = bare.get("/")
    assert events(page) == [
        "Reviewed",
        "Two rules",
        "Fatal",
        "Serious",
        "New",
        "Old",
        "Hardly serious",
        "Not on it",
        "Sedation",
        "No rule",
        "Suspended",
    ]
    shown = text(page)
    assert "esketamine spontaneous Fatal screening IC025 1 fatal , 1 of 3 serious" in shown
    assert "arketamine plus spontaneous, off the watchlist Not on it" in shown
    assert "spontaneous Sedation screening IC025 no case" in shown
    assert "spontaneous Suspended confirmed suspended" in shown
    assert re.search(
        r"spontaneous New screening IC025 no case \d{4}-\d\d-\d\d \d\d:\d\d new", shown
    )


_RANKS = st.builds(
    Rank,
    *[st.integers(0, 3)] * 5,
    st.floats(-5, 5) | st.just(float("-inf")),
    st.integers(0, 9),
    st.floats(0, 9),
)


@given(ranks=st.lists(_RANKS, min_size=2))
def test_the_first_step_in_which_two_differ_decides(ranks: list[Rank]) -> None:
    for upper, lower in pairwise(sorted(ranks, reverse=True)):
        differ = [(a, b) for a, b in zip(upper, lower, strict=True) if a != b]
        assert not differ or differ[0][0] > differ[0][1]


@pytest.mark.parametrize(
    ("kind", "held", "step"),
    [
        ("case_review", 1, 3),
        ("case_review", 0, 0),
        ("confirmed", 1, 3),
        ("confirmed", 0, 0),
        ("screening", 0, 0),
        ("screening", 1, 1),
        ("screening", 2, 2),
        ("screening", 4, 2),
    ],
)
def test_evidence_goes_by_kind_and_by_rules_that_hold(kind: str, held: int, step: int) -> None:
    assert evidence(kind, held) == step


def test_what_has_ended_waits_for_nobody_and_is_in_the_list_of_all(board: Board) -> None:
    with officer(board) as client:
        assert len(events(client.get("/").text)) == 3
        move(client, "under_validation")
        move(client, "refuted", reason="known")
        assert "Dissociation" not in client.get("/").text
        assert "Dissociation" in client.get("/signals").text
        # and comes back on top of what is as strong
        with board.filled.store.write() as connection:
            board.filled.score(connection, [(PAIR, (31, 60, 80, 9_900))], position=20)
            board.filled.move(connection, 20)
        until = time.monotonic() + 20
        while 'class="high">come back<' not in (page := client.get("/").text):
            assert time.monotonic() < until
            time.sleep(0.2)
        assert events(page)[0] == "Dissociation"
        assert "n 7 → 31 ; ketavigil new;" in text(page)


def test_what_changed_is_told_to_each_since_their_own_last_look(board: Board) -> None:
    with officer(board) as anna, officer(board, "Bert") as bert:
        assert text(anna.get("/").text).count("not looked at yet") == 3
        anna.get("/signals/1")
        bert.get("/signals/1")
        assert "nothing, 0." in text(anna.get("/").text)
        move(bert, "under_validation")
        with board.filled.store.write() as connection:
            board.filled.score(connection, [(PAIR, (9, 60, 80, 9_900))], position=20)
            row = {"signal_id": 1, "position": 20, "at": 0.0, "what": "holds_no_longer"}
            detail = '{"rule": "ror025", "n": 9}'
            connection.execute(insert(tables.signal_history), [row | {"detail": detail}])
            told = row | {"what": "first_held", "detail": '{"rule": "eb05", "n": 9}'}
            connection.execute(insert(tables.signal_history), [told])
            board.filled.move(connection, 20)
        everything = "n 7 → 9 ; EB05 holds; ROR lower limit no longer; Bert under validation;"
        assert everything in text(anna.get("/").text)
        assert everything.replace(" Bert under validation;", "") in text(bert.get("/").text)
        anna.get("/signals/1")
        assert "Bert under validation;" not in text(anna.get("/").text)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("dataset=solicited", []),
        ("product=ketamine", ["Urinary (group of terms)"]),
        ("group=urinary", ["Cystitis", "Urinary (group of terms)"]),
        ("rule=ror025", ["Dissociation"]),
        ("kind=case_review", []),
        ("seriousness=fatal", ["Cystitis"]),
        ("seriousness=not+serious", ["Dissociation", "Urinary (group of terms)"]),
        ("state=under_validation", ["Dissociation"]),
        ("owner=Anna", ["Dissociation"]),
        ("owner=nobody", ["Cystitis", "Urinary (group of terms)"]),
        ("owner=nobody&rule=ic025", ["Cystitis"]),
        ("product=' OR 1=1 --", []),
        ("page=99", []),
    ],
)
def test_filters_in_the_address_decide_what_is_shown(
    board: Board, query: str, found: list[str]
) -> None:
    change = Change(
        "case",
        700,
        1,
        products=(CodedProduct("ketamine", "suspect", 739_000, setting="home"),),
        events=(CodedEvent("Cystitis", 739_000),),
        fatal=True,
    )
    with board.filled.store.write() as connection:
        row = {"position": 9, "place": 0, "kind": "case", "case_id": 700, "revision": 1}
        row |= {"body": encode(msgspec.structs.replace(change)), "applied_at": 0.0}
        connection.execute(insert(tables.changes), [row])
    with officer(board) as client:
        move(client, "under_validation")
        page = client.get(f"/?{query}").text
    assert sorted(events(page)) == found
    if found:
        name = query.partition("=")[0]
        chosen = re.search(rf'<select id="{name}".*?selected>([^<]*)<', page, re.DOTALL)
        assert chosen is not None


def test_a_place_is_that_of_the_whole_order_whatever_is_filtered(board: Board) -> None:
    whole = events(board.get("/"))
    place = whole.index("Dissociation") + 1
    assert f'data-label="No."><span>{place}<' in board.get("/?rule=ror025")


def test_a_due_date_that_is_over_is_said(board: Board) -> None:
    with officer(board) as client:
        move(client, "", owner="Anna", due="2026-01-31")
        assert "new · Anna, due 2026-01-31 overdue" in text(client.get("/").text)
        move(client, "", owner="Anna", due="2999-01-31")
        assert "new · Anna, due 2999-01-31 " in (shown := text(client.get("/").text))
    assert "overdue" not in shown


def test_the_cohort_stands_in_the_same_order(empty: Board) -> None:
    follow(empty.filled, clinic())
    detect(empty.filled)
    shown = text(empty.get("/"))
    assert "case review urgent finding urgent finding" in shown
    assert "first events" in shown


def test_news_of_the_inbox_come_by_themselves(board: Board) -> None:
    with officer(board) as anna, officer(board, "Bert") as bert:
        page = bert.get("/").text
        (address,) = re.findall(r'sse-connect="([^"]*)"', page)
        with bert.stream("GET", address.replace("&amp;", "&")) as answer:
            wire = Wire(answer)
            move(anna, "under_validation")
            event = wire.event()
    assert event["event"] == "inbox"
    assert "under validation · Anna" in text(event["data"])


def test_newness_goes_by_the_clock(board: Board) -> None:
    assert text(board.get("/")).count(" new ") >= 3
    with board.filled.store.write() as connection:
        connection.execute(update(tables.signals).values(raised_at=OLD))
        board.filled.move(connection, 30)  # the order is kept for a minute where nothing moves
    assert 'class="new"' not in board.get("/")


def test_an_empty_inbox_is_no_clear_signal(empty: Board) -> None:
    shown = text(empty.get("/"))
    assert "No signal waits for a person" in shown
    assert "That does not show that the products are safe" in shown


def test_the_order_is_written_on_the_page(board: Board) -> None:
    shown = text(board.get("/"))
    steps = ("Evidence:", "Seriousness:", "New:", "Unexpected:", "Watchlist:", "Strength:")
    places = [shown.index(step) for step in steps]
    assert places == sorted(places)
