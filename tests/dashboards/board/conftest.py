"""A board on loopback over a store filled by hand, and a real browser to look at it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import insert

from dashboards import people
from dashboards.web import create_web
from detectors.evidence import Evidence
from detectors.looks import Key, Looks
from detectors.sequential.family import Family
from streams.store import tables
from streams.store.families import Opened, open_family
from streams.store.looks import Closed, close_look, write_looks
from tests.dashboards.support import PAIR, Filled, fill
from tests.streams.gateway.serving import running

CHROMIUM = Path("/usr/bin/chromium")

DAY = date(2026, 3, 1).toordinal()
FAMILY = Family("own", ("esketamine", "ketamine"), ("Cystitis", "Dissociation"), 0.05)
# a day without a report of the product is a look all the same
DAYS: list[dict[Key, int]] = [
    {("", ""): 1040, ("esketamine", ""): 40, ("", "Dissociation"): 28, PAIR[1:]: 8},
    {("", ""): 500, ("", "Dissociation"): 10},
    {("", ""): 1040, ("esketamine", ""): 40, ("", "Dissociation"): 28, PAIR[1:]: 8},
]


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
        # no canary comes between the entries of the log that a test counts
        quiet = replace(filled.settings, canary_seconds=0.0, self_test_seconds=0.0)
        with running(create_web(quiet)) as url:
            yield Board(url, filled)
    finally:
        filled.close()


@pytest.fixture
def board(empty: Board) -> Board:
    """A board with three signals."""
    fill(empty.filled)
    return empty


@pytest.fixture
def confirmed(board: Board) -> int:
    """A confirmed signal of three looks, the third of which found it."""
    looks = Looks({"spontaneous": (frozenset(FAMILY.products), frozenset(FAMILY.events))})
    process = Evidence(FAMILY, 1.25)
    with board.filled.store.write() as connection:
        family = open_family(
            connection, Opened(0, "spontaneous", FAMILY, 1.25, "2026-02-01", "d", -1, 0.0)
        )
        for i, counts in enumerate(DAYS):
            look = looks.look("spontaneous", DAY + i)
            look.counts |= counts
            look.changed |= counts.keys()
            write_looks(connection, looks)
            close_look(connection, Closed(10 + i, "spontaneous", DAY + i, counts), 0.0)
            _, found = process.look(looks.close("spontaneous", DAY + i))
        looks.look("spontaneous", DAY + 3)
        write_looks(connection, looks)
        (one,) = found
        number = board.filled.signal(
            connection,
            PAIR,
            position=12,
            n=16,
            rules={"sequential_evidence": True},
            data_date="2026-03-03",
            kind="confirmed",
            priority="high",
        )
        row = {
            "signal_id": number,
            "family": family.id,
            "day": "2026-03-03",
            "n": 16,
            "log_e": one.row.log_e_sup,
            "asked": one.asked,
            "among": 1,
            "corrected_log_e": one.row.log_e_sup,
            "corrected_n": 16,
            "corrected_position": 12,
        }
        connection.execute(insert(tables.confirmations), [row])
    return number


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
