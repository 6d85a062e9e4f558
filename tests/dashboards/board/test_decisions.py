"""People decide on the page of a signal, with and without a script, and others see it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from dashboards import people
from dashboards.web import create_web
from schemas.errors import InputError
from streams.settings import Settings
from streams.store import tables
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_news import Wire
from tests.dashboards.board.test_pages import text
from tests.dashboards.support import PAIR, Filled, fill
from tests.streams.gateway.serving import running

PATH: tuple[tuple[str, dict[str, str]], ...] = (
    ("under_validation", {}),
    ("validated", {}),
    ("prioritised", {"priority": "high"}),
    ("under_assessment", {}),
    ("closed", {"reason": "information_changed"}),
)


@contextmanager
def officer(board: Board, name: str = "Anna") -> Iterator[httpx.Client]:
    """A browser in which an officer has signed in."""
    with httpx.Client(base_url=board.url, trust_env=False, timeout=20) as client:
        client.post(people.create_link(board.filled.store, name))
        yield client


def move(client: httpx.Client, to: str, number: int = 1, **fields: str) -> httpx.Response:
    """Send the form that stands on the page, filled in."""
    page = client.get(f"/signals/{number}").text
    given = {
        name: re.findall(rf'name="{name}" value="([^"]*)"', page)[-1]
        for name in ("csrf", "revision")
    }
    return client.post(
        f"/signals/{number}/workflow", data=given | {"to": to, "note": "seen"} | fields
    )


def test_a_signal_goes_from_new_to_closed_by_forms_alone(board: Board) -> None:
    with officer(board) as client:
        for to, fields in PATH:
            answer = move(client, to, 1, **fields)
            assert (answer.status_code, answer.headers["location"]) == (303, "/signals/1#workflow")
        shown = text(client.get("/signals/1").text)
        listed = client.get("/signals?state=closed").text
        metrics = client.get("/metrics").text
        trail = text(client.get("/trail?subject=signal+1&what=signal_moved").text)
    assert "under assessment → closed · reason: information changed seen" in shown
    assert "Reason product information to be changed" in shown
    assert "Nobody brings it back: new evidence does" in shown
    assert re.findall(r'class="event">([^<]*)<', listed) == ["Dissociation"]
    sample = 'ketavigil_signals{dataset="spontaneous",priority="high",state="closed"} 1.0'
    assert sample in metrics
    assert trail.count("Anna (officer) signal moved signal 1 seen") == 5


def test_a_move_from_a_state_that_is_gone_is_refused_and_says_what_happened(board: Board) -> None:
    with officer(board) as anna, officer(board, "Bert") as bert:
        page = bert.get("/signals/1").text
        (csrf,) = set(re.findall(r'name="csrf" value="([^"]*)"', page))
        move(anna, "under_validation", note="mine")
        form = {"csrf": csrf, "revision": "0", "to": "under_validation", "note": "what I wrote"}
        for headers in ({}, {"hx-request": "true"}):
            answer = bert.post("/signals/1/workflow", data=form, headers=headers)
            assert answer.status_code == 409
            shown = text(answer.text)
            assert "the signal was moved on meanwhile; nothing was changed" in shown
            assert "Meanwhile: Anna took it from new to under validation" in shown
            assert "what I wrote" in answer.text
            assert ("<html" in answer.text) is (not headers)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"to": "closed"}, "no move leads from new to closed"),
        ({"to": "under_validation", "note": " "}, "say why, in the note"),
        ({"to": "", "owner": "Eve"}, "Eve is no officer of this board"),
        ({"to": "", "due": "soon"}, "a due date is a day"),
        ({"revision": "x", "to": "under_validation"}, "was moved on meanwhile"),
    ],
)
def test_what_cannot_be_done_is_said_beside_the_form(
    board: Board, fields: dict[str, str], message: str
) -> None:
    with officer(board) as client:
        answer = move(client, **fields)  # type: ignore[arg-type]
        assert answer.status_code in (409, 422)
        assert message in text(answer.text)
        assert "Nobody has done anything with it yet." in text(client.get("/signals/1").text)
        assert client.post("/signals/99/workflow", data={}).status_code == 403
        assert move(client, "under_validation", 2, note="x").status_code == 303


def test_others_hear_of_it_while_their_page_is_open(board: Board) -> None:
    with officer(board) as anna, officer(board, "Bert") as bert:
        page = bert.get("/signals/1").text
        (events,) = re.findall(r'sse-connect="([^"]*)"', page)
        with bert.stream("GET", events) as answer:
            wire = Wire(answer)
            began = time.monotonic()
            move(anna, "under_validation", note="a look at <each> case")
            heard = {(one := wire.event())["event"]: one["data"] for _ in range(2)}
            assert time.monotonic() - began < 10
    assert "under validation" in heard["state"]
    assert 'data-revision="1"' in heard["workflow"]
    assert "a look at &lt;each&gt; case" in heard["workflow"]
    assert "csrf" not in str(heard)


def test_a_regulator_sees_the_decisions_and_no_form(board: Board) -> None:
    people.create_user(board.filled.store, "Rex", "regulator")
    with officer(board) as anna, officer(board, "Rex") as rex:
        move(anna, "under_validation")
        page = rex.get("/signals/1").text
        assert "new → under validation" in text(page)
        assert "/signals/1/workflow" not in page.replace("/signals/1/workflow/now", "")


def test_where_two_are_needed_a_second_officer_agrees(tmp_path: Path) -> None:
    filled = Filled(tmp_path)
    fill(filled)
    settings = filled.settings.__class__(
        **{name: getattr(filled.settings, name) for name in filled.settings.__slots__}
        | {"four_eyes": frozenset({"refuted"})}
    )
    with running(create_web(settings)) as url:
        board = Board(url, filled)
        with officer(board) as anna, officer(board, "Bert") as bert:
            move(anna, "under_validation")
            move(anna, "refuted", reason="known")
            shown = text(anna.get("/signals/1").text)
            assert "Waits for a second person: Anna proposes “refuted”" in shown
            assert "Withdraw" in shown
            assert "Agree" not in shown
            refused = move(anna, "refuted")
            assert refused.status_code == 422
            assert "a second person must decide, you proposed it" in text(refused.text)
            assert "Agree: refuted" in text(bert.get("/signals/1").text)
            assert move(bert, "refuted").status_code == 303
            assert "Reason already known" in text(bert.get("/signals/1").text)
    filled.close()


def test_the_setting_for_two_persons_is_read_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings.read(data=tmp_path).four_eyes == frozenset()
    monkeypatch.setenv("KETAVIGIL_FOUR_EYES", "closed,refuted")
    settings = Settings.read(data=tmp_path)
    assert settings.four_eyes == {"closed", "refuted"}
    assert settings.environment()["KETAVIGIL_FOUR_EYES"] == "closed,refuted"
    monkeypatch.setenv("KETAVIGIL_FOUR_EYES", "new")
    with pytest.raises(InputError) as error:
        Settings.read(data=tmp_path)
    assert error.value.code == "bad_four_eyes"


def test_a_refuted_signal_comes_back_by_itself_and_says_what_is_new(board: Board) -> None:
    with officer(board) as client:
        move(client, "under_validation")
        move(client, "refuted", reason="known")
        assert "Come back:" not in text(client.get("/signals/1").text)
        with board.filled.store.write() as connection:
            board.filled.score(connection, [(PAIR, (31, 60, 80, 9_900))], position=20)
            board.filled.move(connection, 20)
        until = time.monotonic() + 20
        while "Come back:" not in (shown := text(client.get("/signals/1").text)):
            assert time.monotonic() < until
            time.sleep(0.2)
        assert "Come back: new evidence: 7 cases or first events when it ended, 31 now." in shown
        assert 'state="refuted"' not in client.get("/metrics").text


def test_the_share_of_refuted_signals_stands_by_rule_and_month(board: Board) -> None:
    with officer(board) as client:
        assert "No decision is not a good rate." in text(client.get("/decisions").text)
        for number, to in ((1, "refuted"), (2, "validated")):
            move(client, "under_validation", number)
            move(client, to, number, reason="known")
        month = f"{datetime.now(UTC):%Y-%m}"
        shown = text(client.get("/decisions").text)
        # the first holds by all three rules, the second by IC025 alone
        assert f"{month} PRR, Evans 1 1 100 %" in shown
        assert f"{month} IC025 2 1 50 %" in shown
        assert f"{month} ROR lower limit 1 1 100 %" in shown
        assert "new 1 under validation 0 validated 1" in shown
        # a rule that held only later has no part in it
        rules = tables.signal_rules
        later = update(rules).where(rules.c.rule == "evans_prr").values(first_at=2e9)
        with board.filled.store.write() as connection:
            connection.execute(later)
        assert "Evans" not in client.get("/decisions").text
