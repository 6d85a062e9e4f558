"""Quarantine: what is held for a reason is sent again from the board when its cause is mended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser

from dashboards import people
from dashboards.board import health_page
from dashboards.web import create_web
from schemas.envelope import Envelope, decode_envelope
from schemas.errors import LogError
from schemas.quality.limits import RowLimit, limits
from streams.store import tables
from streams.store.conservation import conservation
from tests.browser import look_at
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_pages import text
from tests.dashboards.reports.support import Told, report, told
from tests.streams.gateway.serving import running

REASON = {"stage": "quality", "code": "age_range", "rule": "age_range"}
HELD = range(1, 4)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """Three reports were held, of patients beyond a limit that was wrong; it is mended now."""
    ours = limits().reports
    wrong = ours.rows | {"age_range": RowLimit("the age is not between 0 and 12 years", 0, 12)}
    with told(tmp_path / "data", monkeypatch) as made:
        with pytest.MonkeyPatch.context() as before:
            narrow = msgspec.structs.replace(
                limits(), reports=msgspec.structs.replace(ours, rows=wrong)
            )
            before.setattr("schemas.quality.suite.limits", lambda: narrow)
            made.tell([report(number, "Spravato", "Cystitis") for number in HELD])
        made._disposals.clear()
        people.create_user(made.filled.store, "Anna", "officer")
        people.create_user(made.filled.store, "Root", "admin")
        people.create_user(made.filled.store, "Rex", "regulator")
        yield made


@pytest.fixture
def board(store: Told) -> Iterator[Board]:
    with running(create_web(store.settings)) as url:
        yield Board(url, store.filled)


@contextmanager
def client(board: Board, name: str) -> Iterator[tuple[httpx.Client, str]]:
    """Somebody who signed in, and what their forms carry."""
    with httpx.Client(base_url=board.url, timeout=20, trust_env=False) as made:
        assert made.post(people.create_link(board.filled.store, name)).status_code == 303
        csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', made.get("/health").text)
        assert csrf is not None
        yield made, csrf[1]


def sent_again(store: Told) -> list[Envelope]:
    """What is in the log, but for canaries."""
    found = [
        decode_envelope(one.value or b"") for one in store.filled.log.read("reports", 0, 0, 99)
    ]
    return [one for one in found if all(entry.replay_of is not None for entry in one.records)]


def dispose(store: Told) -> None:
    """What a worker does with it."""
    for envelope in sent_again(store):
        store.dispose(envelope.records)
    store.count()


def trail(board: Board) -> list[tuple[str, str, str]]:
    table = tables.trail
    with board.filled.store.read() as connection:
        rows = connection.execute(table.select().where(table.c.what == "record_replayed"))
        return [(row.who, row.subject, row.why) for row in rows]


def test_what_is_mended_is_counted_once_and_stands_in_the_trail(store: Told, board: Board) -> None:
    with client(board, "Root") as (made, csrf):
        assert "age_range quality 3" in text(made.get("/health").text)
        sent = made.post("/health/replay", data=REASON | {"csrf": csrf, "why": "limit mended"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/health?sent=3#quarantine")
        assert "3 records were sent again." in text(made.get(sent.headers["location"]).text)
        # a second click before the worker came to it changes nothing
        made.post("/health/replay", data=REASON | {"csrf": csrf, "why": "once more"})
        dispose(store)
        assert "Nothing is held." in text(made.get("/health").text)
        late = made.post("/health/replay", data=REASON | {"csrf": csrf, "why": "too late"})
        assert late.status_code == 422
        assert "nothing is held for that reason any more" in late.text
    with store.filled.store.read() as connection:
        law = conservation(connection, {"reports": 0, "followups": 0})["reports"]
    assert (law.received, law.disposed["counted"], law.disposed["quarantined"]) == (3, 3, 0)
    assert law.holds
    assert trail(board) == [
        ("Root", f"record {number}", why)
        for why in ("limit mended", "once more")
        for number in HELD
    ]


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"why": " "}, 422, "say why they are to be judged again"),
        ({"why": "mended", "code": "dose_range"}, 422, "nothing is held for that reason"),
        ({"why": "mended", "csrf": "0" * 64}, 403, "not from a page of yours"),
    ],
)
def test_without_a_reason_or_a_form_of_ours_nothing_is_sent(
    store: Told, board: Board, given: dict[str, str], status: int, said: str
) -> None:
    with client(board, "Anna") as (made, csrf):
        answer = made.post("/health/replay", data=REASON | {"csrf": csrf} | given)
    assert answer.status_code == status
    assert said in answer.text
    assert trail(board) == []
    assert sent_again(store) == []


def test_a_log_that_is_away_is_said(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise LogError("log_away", "the log is away")

    monkeypatch.setattr("dashboards.web.replay", away)
    with client(board, "Anna") as (made, csrf):
        answer = made.post("/health/replay", data=REASON | {"csrf": csrf, "why": "mended"})
    assert answer.status_code == 503
    assert "Not done: the log is away." in text(answer.text)


def test_many_are_sent_in_parts(store: Told, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_page, "MOST", 2)
    with client(board, "Anna") as (made, csrf):
        sent = made.post("/health/replay", data=REASON | {"csrf": csrf, "why": "mended"})
        assert sent.headers["location"] == "/health?sent=2#quarantine"
        dispose(store)
        assert "age_range quality 1" in text(made.get("/health").text)


def test_who_may_not_replay_sees_no_form_for_it(board: Board) -> None:
    with client(board, "Rex") as (made, _):
        assert "/health/replay" not in made.get("/health").text


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser_it_takes_a_reason_and_a_button(
    chromium: Browser, board: Board, width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800})
    with context:
        page = context.new_page()
        page.goto(board.url + people.create_link(board.filled.store, "Anna"))
        page.get_by_role("button").first.click()
        page.goto(board.url + "/health")
        look_at(page, "/health", "replay")
        page.get_by_role("textbox", name="Why age_range").fill("limit mended")
        page.get_by_role("button", name="Send again age_range").click()
        page.get_by_text("3 records were sent again.").wait_for()
        look_at(page, "/health?sent", "replayed")
    assert [why for _, _, why in trail(board)] == ["limit mended"] * 3
