"""The page of a report in a real browser: styled under its policy, for everyone, on any width."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page

from dashboards import people
from dashboards.web import create_web
from tests.browser import look_at
from tests.dashboards.board.conftest import chromium
from tests.dashboards.reports.support import background, cystitis, told
from tests.streams.gateway.serving import running

__all__ = ["chromium"]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A report as it is served to somebody who has signed in."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        told(tmp_path_factory.mktemp("browser") / "data", monkeypatch) as store,
    ):
        store.tell(background(1, 80))
        store.at += timedelta(days=1)
        store.tell(cystitis(100, 8))
        with running(create_web(store.settings)) as url:
            context = chromium.new_context(base_url=url)
            link = people.create_link(store.filled.store, "Ann")
            made = context.new_page()
            made.goto(link)
            made.get_by_role("button").first.click()
            made.goto(f"/v1/signals/{store.signal()}/report?format=html")
            yield made
            context.close()


def test_it_has_its_style_under_its_policy(page: Page) -> None:
    color = page.locator("h1").evaluate("e => getComputedStyle(e).color")
    assert color == "rgb(26, 58, 92)"


def test_axe_finds_nothing(page: Page) -> None:
    look_at(page, "report")


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_nothing_runs_off_the_page(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_prints_with_nothing_cut_off(page: Page) -> None:
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 672, "height": 900})  # of a portrait page
    sections = page.locator("section:not(.wide) table")
    widths = sections.evaluate_all("all => all.map(e => e.getBoundingClientRect().right)")
    assert widths
    assert max(widths) <= 672
    page.emulate_media(media="screen")
