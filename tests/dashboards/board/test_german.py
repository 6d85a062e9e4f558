"""The board in German, in real Chromium: an officer chooses it and works in it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import look_at
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_browser import newer, signed_in
from tests.dashboards.board.test_cohort import CHECKPOINT, this_year
from tests.dashboards.followups import detect, follow

pytestmark = pytest.mark.browser

PAGES = (
    "/signals",
    "/decisions",
    "/silence",
    "/silence?dataset=cohort",
    "/cohort",
    "/cohort/Haematuria",
    "/courses",
    "/health",
    "/self-test",
    "/trail",
    "/nothing-here",
)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_an_officer_chooses_german_and_takes_a_signal_on_in_it(
    chromium: Browser, board: Board, scripts: bool
) -> None:
    with signed_in(chromium, board, java_script_enabled=scripts) as context:
        page = context.new_page()
        page.goto(f"{board.url}/?dataset=spontaneous")
        page.get_by_role("button", name="Deutsch").click()
        page.wait_for_url("**/?dataset=spontaneous")
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "Signale, die eine Person brauchen"
        )
        assert page.locator("html").get_attribute("lang") == "de"
        page.get_by_role("link", name="Dissociation").first.click()
        expect(page.get_by_role("heading", name="Die Vierfeldertafel")).to_be_visible()
        page.get_by_label("Warum").first.fill("geprüft")
        page.get_by_role("button", name="Validierung beginnen").click()
        expect(page.locator("dd").filter(has_text="in Validierung").first).to_be_visible()
        page.goto(f"{board.url}/")
        page.get_by_role("button", name="English").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Signals that need a person")


def test_news_come_in_german_to_a_german_page(chromium: Browser, board: Board) -> None:
    with signed_in(chromium, board, locale="de-DE") as context:
        page = context.new_page()
        page.goto(f"{board.url}/signals")
        assert page.get_by_role("status").inner_text() == "3 Signale"
        page.wait_for_timeout(500)
        newer(board.filled, 20, 31)
        expect(page.locator("tbody tr").first).to_contain_text("31 / 0.48")
        expect(page.locator("#signals")).to_contain_text("geltende Regeln", ignore_case=True)
        expect(page.locator("#moment")).to_contain_text("Folge")


@pytest.mark.parametrize("width", [360, 1280])
def test_long_words_run_off_no_page_and_axe_finds_nothing(
    chromium: Browser, board: Board, confirmed: int, width: int
) -> None:
    follow(board.filled, this_year())
    detect(board.filled, CHECKPOINT)
    viewport = {"width": width, "height": 800}
    with signed_in(chromium, board, locale="de-DE", viewport=viewport) as context:
        page = context.new_page()
        for path in ("/", "/signals/1", "/signals/1/depth", f"/signals/{confirmed}", *PAGES):
            page.goto(board.url + path)
            for details in page.locator("details").all():
                details.locator("summary").first.click()
            look_at(page, f"german {path}")
        context.clear_cookies()
        page.goto(f"{board.url}/sign-in")
        look_at(page, "german /sign-in")
