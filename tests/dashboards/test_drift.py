"""Drift of coding on the board: counted by intake, marked on the signals that it touches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from dashboards import drift, people
from dashboards.drift import Drifting
from dashboards.web import create_web
from schemas.vocabulary import Vocabulary, Watchlist
from streams.store import tables
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_pages import text
from tests.dashboards.reports.support import Record, Told, cystitis, report, told
from tests.streams.gateway.serving import running


def known(first: int, count: int, **changes: Any) -> list[Record]:
    """Reports of other products whose terms the vocabulary knows; one in ten has the event."""
    events = ("Cystitis", *("Dissociation",) * 9)
    return [report(first + i, "sertraline", events[i % 10], **changes) for i in range(count)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """Two clinics; from March on one of them sends terms that nobody knows."""
    with told(tmp_path / "data", monkeypatch) as made:
        made.tell(known(1, 200))
        made.tell(cystitis(300, 4))
        made.tell(known(1, 100, sender="clinic-b"))
        made.tell(cystitis(300, 4, sender="clinic-b"))
        made.tell(known(400, 30, day="2026-03-01"))
        made.tell([report(500 + i, "sertraline", "Qwx", day="2026-03-01") for i in range(30)])
        made.tell(known(400, 30, sender="clinic-b", day="2026-03-01"))
        made.checkpoint()
        yield made


def test_intake_counts_what_reports_name_by_sender_and_month(store: Told) -> None:
    with store.filled.store.read() as connection:
        rows = connection.execute(select(tables.coding)).all()
    found = {(row.sender, row.month, row.what): row.n for row in rows}
    assert found["clinic-a", "2026-02", "reports"] == 204
    assert found["clinic-a", "2026-02", "group:urinary"] == 24
    assert ("clinic-a", "2026-02", "uncoded event") not in found
    assert found["clinic-a", "2026-03", "uncoded event"] == 30
    assert found["clinic-a", "2026-03", "reports"] == 60
    assert ("clinic-b", "2026-03", "uncoded event") not in found


def test_the_signals_with_cases_of_the_sender_that_drifts_are_touched(store: Told) -> None:
    vocabulary = Vocabulary.load()
    drifting = Drifting(vocabulary, Watchlist.load(None, vocabulary))
    with store.filled.store.read() as connection:
        found = [one for one in drift.read(connection) if one.drifts]
        touched = drifting.touched(connection)
    assert [(one.sender, one.month, one.what, one.direction) for one in found] == [
        ("clinic-a", "2026-03", "uncoded event", "more"),
        # what was coded before is what is not coded now
        ("clinic-a", "2026-03", "group:dissociation_psychosis", "fewer"),
    ]
    assert touched["spontaneous", "esketamine", "Cystitis"] == (found[0],)
    assert all(product.startswith("esketamine") for _, product, _ in touched)


def test_the_board_says_so_and_marks_them(store: Told) -> None:
    with running(create_web(store.settings)) as url:
        board = Board(url, store.filled)
        people.create_user(store.filled.store, "Anna", "officer")
        health, inbox = text(board.get("/health")), text(board.get("/"))
        page = text(board.get(f"/signals/{store.signal()}"))
        metrics = httpx.get(f"{url}/metrics", trust_env=False).text
    assert "2 beyond the limit." in health
    assert "clinic-a 2026-03 event not coded more 30 of 60 0 of 204" in health
    assert "clinic-b" in health
    assert "Open signals with cases of a sender that drifts" in health
    assert "coding has drifted" in inbox
    assert (
        "Coding has drifted: 30 of 60 reports of clinic-a in 2026-03 name an event that is not "
        "coded, 0 of 204 in the year before."
    ) in page
    assert (
        'ketavigil_coding_drift_log_e{direction="more",sender="clinic-a",what="uncoded event"}'
    ) in metrics
    assert "ketavigil_coding_drift_limit" in metrics
