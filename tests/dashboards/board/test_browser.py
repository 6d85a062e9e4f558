"""The board in real Chromium."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from streams.cli.web import listen
from tests.browser import look_at
from tests.dashboards.board import first_content
from tests.dashboards.board.conftest import Board
from tests.dashboards.support import PAIR, Filled, fill

pytestmark = pytest.mark.browser

PAGES = (
    "/signals",
    "/signals?product=ketamine+%40home",
    "/signals?product=none",
    "/signals/1",
    "/signals/3",
    "/signals/1/depth",
    "/silence",
    "/silence?dataset=cohort",
    "/decisions",
    "/trail",
    "/health",
    "/self-test",
)
WIDTHS = (360, 1280)


@contextlib.contextmanager
def signed_in(chromium: Browser, board: Board, **options: Any) -> Iterator[BrowserContext]:
    context = chromium.new_context(**options)
    cookie = {"name": "ketavigil_session", "value": board.cookie(), "url": board.url}
    context.add_cookies([cookie])  # type: ignore[list-item]
    try:
        yield context
    finally:
        context.close()


@pytest.fixture
def page(chromium: Browser, board: Board) -> Iterator[Page]:
    """A window of somebody who is signed in; it may not complain, nor ask another host."""
    complaints: list[str] = []
    hosts: set[str] = set()
    with signed_in(chromium, board) as context:
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        yield page
    assert complaints == []
    assert hosts <= {urlsplit(board.url).netloc}


def newer(filled: Filled, position: int, n: int) -> None:
    """One more case of the first pair, as the detector would write it."""
    with filled.store.write() as connection:
        filled.score(connection, [(PAIR, (n, 60, 80, 9_900))], position=position)
        filled.move(connection, position)


def test_the_list_follows_the_store_without_reloading(page: Page, board: Board) -> None:
    page.goto(board.url + "/signals")
    page.evaluate("window.stays = true")
    row = page.locator("tr", has=page.locator("#signal-1"))
    assert "7 / 0.10" in row.inner_text()
    page.wait_for_timeout(500)
    newer(board.filled, 20, 31)
    expect(page.locator("tbody tr").first).to_contain_text("31 / 0.48")
    # the newest evidence comes first, and the footer says at which position
    assert page.locator("tbody tr").first.locator("#signal-1").count() == 1
    expect(page.locator("#moment")).to_contain_text("Position 20,")
    assert page.evaluate("window.stays") is True


def test_a_new_signal_appears_and_is_announced(page: Page, board: Board) -> None:
    page.goto(board.url + "/signals")
    assert page.get_by_role("status").inner_text() == "3 signals"
    page.wait_for_timeout(500)
    pair = ("solicited", "arketamine", "Tinnitus")
    with board.filled.store.write() as connection:
        board.filled.score(connection, [(pair, (3, 10, 20, 9_900))], position=21)
        board.filled.signal(connection, pair, position=21, n=3, rules={"ic025": True})
        board.filled.move(connection, 21)
    page.locator("#signal-4").wait_for(timeout=4000)
    expect(page.get_by_role("status")).to_have_text("4 signals")


def test_a_list_follows_on_when_its_connection_was_ended_and_opened_anew(
    chromium: Browser, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.board.news.LONGEST", 0.8)
    with signed_in(chromium, board) as context:
        page = context.new_page()
        with page.expect_response("**/events?*") as first:
            page.goto(board.url + "/signals")
        assert first.value.headers["content-encoding"] == "gzip"
        for position, n in ((20, 31), (21, 33)):
            with page.expect_response("**/events?*"):
                pass
            newer(board.filled, position, n)
            expect(page.locator("tbody tr").first).to_contain_text(f"{n} / 0.")


def test_the_keyboard_keeps_its_place_when_the_list_changes(page: Page, board: Board) -> None:
    page.goto(board.url + "/signals")
    page.wait_for_timeout(500)
    page.locator("#signal-2").focus()
    newer(board.filled, 20, 31)
    expect(page.locator("tbody tr").first).to_contain_text("31 / 0.48")
    assert page.evaluate("document.activeElement.id") == "signal-2"
    page.keyboard.press("Enter")
    page.wait_for_url("**/signals/2")


def test_a_click_is_not_lost_when_the_list_changes_under_it(page: Page, board: Board) -> None:
    page.goto(board.url + "/signals")
    page.wait_for_timeout(500)
    page.locator("#signal-2").hover()
    page.mouse.down()
    newer(board.filled, 20, 31)
    page.wait_for_timeout(1500)
    assert "31 / 0.48" not in page.locator("#signals").inner_text()
    page.mouse.up()
    page.wait_for_url("**/signals/2")


def test_what_came_while_a_button_was_down_is_shown_after(page: Page, board: Board) -> None:
    page.goto(board.url + "/signals")
    page.wait_for_timeout(500)
    page.locator("h1").hover()
    page.mouse.down()
    newer(board.filled, 20, 31)
    page.wait_for_timeout(1500)
    page.mouse.up()
    expect(page.locator("tbody tr").first).to_contain_text("31 / 0.48")


def test_every_page_loads_without_a_complaint(page: Page, board: Board) -> None:
    for path in PAGES:
        page.goto(board.url + path, wait_until="load" if "signals" in path else "networkidle")
        assert page.locator("h1").count() == 1
        assert page.locator("main").count() == 1


def test_the_first_tab_skips_to_the_content(page: Page, board: Board) -> None:
    page.goto(board.url + "/signals")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_an_officer_gets_from_the_list_to_the_cases(page: Page, board: Board) -> None:
    page.goto(board.url + "/signals")
    page.get_by_label("Product").select_option("esketamine")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**product=esketamine**")
    assert page.locator("tbody tr").count() == 1
    page.get_by_role("link", name="Dissociation").click()
    cells = page.locator("table.cells")
    assert "a 7" in cells.inner_text().replace("\t", " ").replace("\n", " ")
    assert page.locator("table.listing tbody tr").count() == 7
    with page.expect_download() as download:
        page.get_by_role("link", name="all of them as CSV").click()
    assert len(download.value.path().read_text().splitlines()) == 8


def test_reading_needs_no_javascript(chromium: Browser, board: Board) -> None:
    with signed_in(chromium, board, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(board.url + "/signals")
        assert page.locator("tbody tr").count() == 3
        page.get_by_label("Dataset").select_option("spontaneous")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="Dissociation").click()
        assert page.locator("h1").inner_text() == "esketamine with Dissociation"
        page.get_by_role("link", name="Data health").first.click()
        assert page.get_by_role("heading", name="Quarantine").count() == 1


def test_a_page_stays_small_and_nothing_on_it_jumps(chromium: Browser, empty: Board) -> None:
    number = first_content.fill(empty.filled, 120, 120)
    with first_content.shown(chromium, empty) as context:
        for path, part in (("/", ""), (f"/signals/{number}", ".depth table")):
            found = first_content.measured(context, empty.url + path, part)
            assert found.bytes <= first_content.KILOBYTES * 1000, path
            assert found.shift == 0, path
            assert any(name.endswith("/depth") for name in found.loaded) == bool(part)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_runs_off_the_page(
    chromium: Browser, board: Board, confirmed: int, scheme: str, width: int
) -> None:
    # a case of each note and of each table that can be there
    board.filled.push([b"{}"])
    with board.filled.store.write() as connection:
        review = board.filled.signal(
            connection,
            ("spontaneous", "esketamine", "Dissociation"),
            position=9,
            n=1,
            rules={"fatal_unlisted": True},
            kind="case_review",
        )
    viewport = {"width": width, "height": 800}
    with signed_in(chromium, board, color_scheme=scheme, viewport=viewport) as context:
        page = context.new_page()
        for path in (*PAGES, f"/signals/{confirmed}", f"/signals/{review}", "/nothing-here"):
            page.goto(board.url + path)
            for details in page.locator("details").all():
                details.locator("summary").click()
            look_at(page, path, scheme)
        context.clear_cookies()
        page.goto(board.url + "/sign-in")
        look_at(page, "/sign-in", scheme)


@contextlib.contextmanager
def web(filled: Filled, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The web process on a port, killed at the end as a crash would."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streams", "web", "--port", str(port)],
        env=os.environ | filled.settings.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"ketavigil web: ")
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_page_resumes_after_the_web_process_was_killed(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    filled = Filled(tmp_path_factory.mktemp("killed"))
    fill(filled)
    with listen("127.0.0.1", 0) as reserved:
        port = reserved.getsockname()[1]
    board = Board(f"http://127.0.0.1:{port}", filled)
    with contextlib.closing(filled), signed_in(chromium, board) as context:
        page = context.new_page()
        first = page.locator("tbody tr").first
        with web(filled, port):
            page.goto(board.url + "/signals")
            page.evaluate("window.stays = true")
            page.wait_for_timeout(1000)
            expect(page.get_by_role("alert")).to_be_hidden()
        newer(filled, 20, 31)  # while nobody serves
        expect(page.get_by_role("alert")).to_contain_text("the connection is lost")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(urlsplit(request.url).path))
        with web(filled, port):
            expect(first).to_contain_text("31 / 0.48", timeout=20_000)
            expect(page.get_by_role("alert")).to_be_hidden()
            newer(filled, 21, 32)
            expect(first).to_contain_text("32 / 0.48")
        assert page.evaluate("window.stays") is True
        assert set(asked) == {"/events"}
