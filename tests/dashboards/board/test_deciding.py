"""An officer finds a signal in the inbox and decides on it, in real Chromium, by keyboard alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import insert, select

from dashboards import people
from schemas.envelope import Change, CodedEvent, CodedProduct, encode
from streams.store import tables
from tests.browser import look_at
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_browser import WIDTHS

pytestmark = pytest.mark.browser

SIGNAL = "esketamine with Dissociation"


@contextmanager
def window(
    chromium: Browser, board: Board, name: str, **options: Any
) -> Iterator[tuple[BrowserContext, Page, list[str]]]:
    """A window of somebody who is signed in, and what it complains of."""
    link = people.create_link(board.filled.store, name)
    token = people.use_link(board.filled.store, link.removeprefix("/sign-in/"))
    context = chromium.new_context(**options)
    context.add_cookies([{"name": "ketavigil_session", "value": token, "url": board.url}])  # type: ignore[typeddict-item]
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield context, page, complaints
    finally:
        context.close()


@pytest.fixture
def serious(board: Board) -> Board:
    """A board on which the planted signal is the one that needs a person most."""
    with board.filled.store.write() as connection:
        for i in range(7):
            change = Change(
                "case",
                i + 1,
                1,
                products=(CodedProduct("esketamine", "suspect", 739_000),),
                events=(CodedEvent("Dissociation", 739_000),),
                serious=True,
                fatal=i == 0,
            )
            row = {"position": 8, "place": i, "kind": "case", "case_id": i + 1, "revision": 1}
            row |= {"body": encode(change), "applied_at": 0.0}
            connection.execute(insert(tables.changes), [row])
    return board


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focused(page: Page) -> str:
    """The name of what has the focus."""
    return str(
        page.evaluate("document.activeElement.textContent || document.activeElement.id").strip()
    )


def tab_to(page: Page, words: str) -> None:
    """Go on with the tabulator until something of that name has the focus."""
    for _ in range(40):
        if words in focused(page):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no tab leads to {words}")


def test_an_officer_takes_a_signal_from_the_inbox_to_closed_by_keyboard_and_another_sees_it_live(
    chromium: Browser, serious: Board
) -> None:
    board = serious
    with (
        window(chromium, board, "Anna") as (_, anna, complaints),
        window(chromium, board, "Bert") as (_, bert, others),
    ):
        bert.goto(board.url + "/signals/1")
        expect(bert.locator("dd[sse-swap=state]")).to_have_text("new")
        anna.goto(board.url)
        expect(anna.locator("tbody tr").first).to_contain_text("1 fatal")
        press(anna, "j", "j", "k")
        assert "Dissociation" in focused(anna)
        press(anna, "Enter")
        anna.wait_for_url("**/signals/1")
        expect(anna.locator("h1")).to_have_text(SIGNAL)
        anna.wait_for_timeout(500)
        for label, state, choose in (
            ("Begin validation", "under validation", ""),
            ("Validate", "validated", ""),
            ("Prioritise", "prioritised", "h"),
            ("Begin assessment", "under assessment", ""),
            ("Close", "closed", "p"),
        ):
            press(anna, "d")
            if choose:  # of a list of reasons or priorities, by its first letter
                anna.keyboard.press(choose)
                press(anna, "Tab")
            elif state == "validated":
                press(anna, "Tab")  # past the reason, which only refuting needs
            assert anna.evaluate("document.activeElement.id") == "note"
            anna.keyboard.type(f"because of {state}")
            tab_to(anna, label)
            press(anna, "Enter")
            began = time.monotonic()
            expect(bert.locator("dd[sse-swap=state]")).to_contain_text(state, timeout=2_000)
            assert time.monotonic() - began < 2
            expect(bert.locator("#flow")).to_contain_text(f"because of {state}")
            expect(anna.locator("#workflow [role=status]")).to_contain_text("Done:")
            assert "Done:" in focused(anna)
        assert "under assessment" not in bert.locator("dd[sse-swap=state]").inner_text()
        expect(bert.locator("#workflow")).to_contain_text("It has ended.")
        press(anna, "u")
        anna.wait_for_url(board.url + "/")
        expect(anna.locator("#inbox")).not_to_contain_text("Dissociation")
        anna.goto(board.url + "/trail?subject=signal+1&what=signal_moved")
        assert anna.locator("tbody tr").count() == 5
        why = anna.locator("td.said").all_inner_texts()
        assert why == [
            f"because of {state}"
            for state in ("closed", "under assessment", "prioritised", "validated")
        ] + ["because of under validation"]
    assert complaints == others == []


def test_what_somebody_writes_is_not_lost_when_the_signal_moves_on(
    chromium: Browser, serious: Board
) -> None:
    with (
        window(chromium, serious, "Anna") as (_, anna, _),
        window(chromium, serious, "Bert") as (_, bert, _),
    ):
        for page in (anna, bert):
            page.goto(serious.url + "/signals/1")
            page.wait_for_timeout(500)
        bert.locator("#note").fill("half a thou")
        anna.locator("#note").fill("mine")
        anna.get_by_role("button", name="Begin validation").click()
        expect(bert.locator("#moved-on")).to_be_visible()
        assert bert.locator("#note").input_value() == "half a thou"
        bert.get_by_role("button", name="Begin validation").click()
        refused = bert.locator("#workflow [role=alert]").first
        expect(refused).to_contain_text("Meanwhile: Anna took it from new to under validation")
        assert bert.locator("#note").input_value() == "half a thou"
        # the form is that of the new state
        bert.get_by_role("button", name="Validate").click()
        expect(anna.locator("dd[sse-swap=state]")).to_have_text("validated")
        # and a form in which nobody writes is made anew by itself
        expect(anna.get_by_role("button", name="Prioritise")).to_be_visible()


def test_deciding_needs_no_javascript(chromium: Browser, serious: Board) -> None:
    with window(chromium, serious, "Anna", java_script_enabled=False) as (_, page, _):
        page.goto(serious.url)
        page.get_by_role("link", name="Dissociation").click()
        page.locator("#note").fill("seen")
        page.get_by_role("button", name="Begin validation").click()
        page.wait_for_url("**/signals/1#workflow")
        expect(page.locator("#flow .this")).to_have_text("under validation")
        page.get_by_role("button", name="Refute").click()
        assert page.locator("#note:invalid").count() == 1
        page.locator("#note").fill("seen twice")
        page.get_by_role("button", name="Refute").click()
        expect(page.locator("#workflow [role=alert]").first).to_contain_text("choose a reason")
        assert page.locator("#note").input_value() == "seen twice"
        page.locator("#reason-refuted").select_option("known")
        page.get_by_role("button", name="Refute").click()
        expect(page.locator("#flow .this")).to_have_text("refuted")


def test_keys_are_left_alone_where_somebody_writes_and_can_be_switched_off(
    chromium: Browser, serious: Board
) -> None:
    with window(chromium, serious, "Anna") as (_, page, _):
        page.goto(serious.url)
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "dataset"
        page.keyboard.press("j")
        assert page.evaluate("document.activeElement.id") == "dataset"
        page.locator("details.keys summary").click()
        page.get_by_role("button", name="Keys in use").click()
        page.goto(serious.url)
        page.keyboard.press("j")
        assert page.evaluate("document.activeElement.tagName") == "BODY"
        page.locator("details.keys summary").click()
        page.get_by_role("button", name="Keys switched off").click()
        page.keyboard.press("k")
        assert page.evaluate("document.activeElement.id").startswith("signal-")


def test_on_a_telephone_signals_come_before_filters(chromium: Browser, serious: Board) -> None:
    viewport = {"width": 360, "height": 800}
    with window(chromium, serious, "Anna", viewport=viewport) as (_, page, complaints):
        page.goto(serious.url)
        assert page.locator("tbody tr").first.bounding_box()["y"] < 500  # type: ignore[index]
        summary = page.get_by_text("Filters: none in use")
        assert not page.locator("#product").is_visible()
        summary.focus()
        page.keyboard.press("Enter")
        page.get_by_label("Product").select_option("esketamine")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**product=esketamine**")
        assert page.get_by_text("Filters: 1 in use").is_visible()
        assert page.locator("#product").is_visible()
    assert complaints == []


def test_the_inbox_changes_by_itself_and_keeps_the_place_of_the_keyboard(
    chromium: Browser, serious: Board
) -> None:
    with window(chromium, serious, "Anna") as (_, page, complaints):
        page.goto(serious.url)
        page.evaluate("window.stays = true")
        page.wait_for_timeout(500)
        press(page, "j", "j")
        before = page.evaluate("document.activeElement.id")
        with serious.filled.store.write() as connection:
            pair = ("spontaneous", "esketamine", "Coma")
            serious.filled.signal(
                connection,
                pair,
                position=9,
                n=1,
                rules={"fatal_unlisted": True},
                kind="case_review",
            )
            serious.filled.move(connection, 9)
        expect(page.locator("tbody tr").first).to_contain_text("Coma")
        expect(page.get_by_role("status")).to_have_text("4 signals")
        assert page.evaluate("document.activeElement.id") == before
        assert page.evaluate("window.stays") is True
    assert complaints == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_of_people(
    chromium: Browser, serious: Board, scheme: str, width: int
) -> None:
    viewport = {"width": width, "height": 800}
    options: dict[str, Any] = {"color_scheme": scheme, "viewport": viewport}
    people.create_user(serious.filled.store, "Rex", "regulator")
    people.create_user(serious.filled.store, "Ada", "admin")

    def look(page: Page, path: str) -> None:
        page.goto(serious.url + path)
        check(page, path)

    def check(page: Page, path: str) -> None:
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        look_at(page, f"people {path}", scheme)

    with window(chromium, serious, "Anna", **options) as (_, page, _):
        for path in ("/", "/?owner=Eve", "/signals/1", "/decisions", "/trail", "/trail?who=Eve"):
            look(page, path)
        page.goto(serious.url + "/signals/1")
        page.locator("#note").fill("seen")
        page.get_by_role("button", name="Begin validation").click()
        expect(page.locator("#workflow [role=status]")).to_be_visible()
        check(page, "after a move")
        page.locator("#note").fill("seen")
        page.get_by_role("button", name="Refute").click()
        expect(page.locator("#workflow [role=alert]").first).to_contain_text("choose a reason")
        check(page, "after a refusal")
        page.locator("#reason-refuted").select_option("known")
        page.get_by_role("button", name="Refute").click()
        expect(page.locator("#workflow")).to_contain_text("It has ended.")
        for path in ("/signals/1", "/decisions", "/trail", "/"):
            look(page, path)
    with window(chromium, serious, "Rex", **options) as (_, page, _):
        for path in ("/", "/signals/1", "/health"):
            look(page, path)
    with window(chromium, serious, "Ada", **options) as (_, page, _):
        look(page, "/accounts")
    with serious.filled.store.read() as connection:
        assert len(connection.execute(select(tables.acts)).all()) == 2
