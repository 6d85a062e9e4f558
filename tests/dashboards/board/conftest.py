"""A board on loopback over a store filled by hand, and a real browser to look at it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from dashboards import people
from dashboards.web import create_web
from tests.dashboards.support import Filled, fill
from tests.streams.gateway.serving import running

CHROMIUM = Path("/usr/bin/chromium")


@dataclass
class Board:
    """A board that runs, and what it reads."""

    url: str
    filled: Filled

    def cookie(self) -> str:
        """A session of an officer, as its cookie's value."""
        link = people.create_link(self.filled.store, "Anna")
        token = people.use_link(self.filled.store, link.removeprefix("/sign-in/"))
        assert token is not None
        return token

    def client(self) -> httpx.Client:
        """Somebody who is signed in."""
        cookies = {"ketavigil_session": self.cookie()}
        return httpx.Client(base_url=self.url, cookies=cookies, timeout=20, trust_env=False)

    def get(self, path: str) -> str:
        """The text of a page that is there."""
        with self.client() as client:
            answer = client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Board]:
    """A board without any data."""
    filled = Filled(tmp_path)
    try:
        with running(create_web(filled.settings)) as url:
            yield Board(url, filled)
    finally:
        filled.close()


@pytest.fixture
def board(empty: Board) -> Board:
    """A board with three signals."""
    fill(empty.filled)
    return empty


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser of the system; of a module, since it holds the thread's event loop."""
    if not CHROMIUM.exists():
        if os.environ.get("KETAVIGIL_REQUIRE_ALL") == "1":
            pytest.fail(f"{CHROMIUM} is missing and KETAVIGIL_REQUIRE_ALL is set")
        pytest.skip(f"there is no {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
        )
        yield browser
        browser.close()
