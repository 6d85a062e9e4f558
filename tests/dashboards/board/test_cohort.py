"""The pages of the cohort: rates, person-time, evidence over time, tests with a horizon."""

from __future__ import annotations

import re
import time
from datetime import date
from html import unescape
from typing import Any

import pytest
from playwright.sync_api import Browser

from detectors.scope import YEAR
from schemas.envelope import Change
from tests.browser import look_at
from tests.dashboards.board.conftest import Board
from tests.dashboards.followups import Record, clinic, course, detect, follow

FIRST = date(2026, 1, 5)
CHECKPOINT = Change("checkpoint", reason="test")


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def this_year() -> list[Record]:
    """Ketamine: 20 courses at home with blood in the urine on day 50, 20 in the clinic without.

    Esketamine: 10 courses, 4 of which end with a death on day 100.
    """
    clear = ("urinary", 150, {"haematuria": False})
    blood = ("urinary", 50, {"haematuria": True})
    death = ("exit", 100, {"reason": "death"})
    out: list[Record] = []
    for i in range(20):
        at: dict[str, Any] = {"doses": 3, "first": FIRST}
        out += course(f"h-{i}", "Ketamine", clear, blood, **at, route="oral", setting="home")
        out += course(f"c-{i}", "Ketamine", clear, **at, route="oral", setting="clinic")
    for i in range(10):
        ends = [death] if i < 4 else []
        doses = 2 if ends else 3
        out += course(f"e-{i}", "Spravato", *ends, doses=doses, first=FIRST, setting="clinic")
    return out


@pytest.fixture
def followed(empty: Board) -> Board:
    follow(empty.filled, this_year())
    detect(empty.filled, CHECKPOINT)
    return empty


def test_a_rate_stands_with_its_events_and_its_person_time(empty: Board) -> None:
    follow(empty.filled, clinic())
    detect(empty.filled, CHECKPOINT)
    shown = text(empty.get("/cohort/Haematuria"))
    # one event after 100 days, eleven courses of 365 days until they were asked
    years = (100 + 11 * 365) / YEAR
    assert f"1 / {years:.1f}" in shown
    # six after 100 days, three of 365
    assert f"6 / {(6 * 100 + 3 * 365) / YEAR:.2f}" in shown
    assert "No data : no course of arketamine" in shown


def test_without_a_look_the_page_says_so(empty: Board) -> None:
    follow(empty.filled, clinic())
    detect(empty.filled)
    assert "No look has been taken yet" in text(empty.get("/cohort/Haematuria"))


def test_evidence_stands_over_time_with_what_had_entered(followed: Board) -> None:
    shown = text(followed.get("/cohort/Haematuria"))
    assert "ketamine @home ketamine home clinic 1 20" in shown
    # 20 events over 50 days each, none over 150 days each
    row = f"20 / {20 * 50 / YEAR:.2f} 0 / {20 * 150 / YEAR:.2f}"
    assert row in shown
    assert "e-value" in shown


def test_the_runs_of_a_test_show_their_numbers(followed: Board) -> None:
    shown = text(followed.get("/cohort/Death"))
    assert "death esketamine death sustain 3 times 1.25; alpha 0.05, at least 3 events" in shown
    assert "signal" in shown
    (signal,) = re.findall(
        r'href="(/signals/\d+)">esketamine, cohort', followed.get("/cohort/Death")
    )
    page = text(followed.get(signal))
    assert "Tests with a horizon" in page
    assert "more events than expected" in page


def test_the_list_leads_to_the_event(followed: Board) -> None:
    html = followed.get("/cohort")
    assert 'href="/cohort/Haematuria"' in html
    shown = text(html)
    assert "ketamine" in shown
    assert "Haematuria" in shown


def test_an_event_that_is_not_counted_is_not_found(followed: Board) -> None:
    with followed.client() as client:
        assert client.get("/cohort/Nonsense").status_code == 404


def test_evidence_is_drawn_from_the_second_look_on(
    followed: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'aria-label="ketamine @home' not in followed.get("/cohort/Haematuria")
    tomorrow = time.time() + 86_400
    monkeypatch.setattr("streams.agents.detector.time.time", lambda: tomorrow)
    late = ("urinary", 150, {"haematuria": False})
    more = [course(f"l-{i}", "Ketamine", late, first=FIRST, doses=3, route="oral", setting=at)
            for i, at in enumerate(("home", "clinic"))]  # fmt: skip
    follow(followed.filled, [record for one in more for record in one])
    detect(followed.filled, CHECKPOINT)
    html = followed.get("/cohort/Haematuria")
    assert 'aria-label="ketamine @home: ketamine home clinic: log10 of the e-value' in html
    assert "over 2 measurements" in html


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible_at_every_width(
    chromium: Browser, followed: Board, scheme: Any
) -> None:
    context = chromium.new_context(color_scheme=scheme)
    cookie = {"name": "ketavigil_session", "value": followed.cookie(), "url": followed.url}
    context.add_cookies([cookie])  # type: ignore[list-item]
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text))
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        for path in ("/cohort", "/cohort/Haematuria", "/cohort/Death"):
            page.goto(followed.url + path)
            look_at(page, path, scheme)
    assert complaints == []
    context.close()
