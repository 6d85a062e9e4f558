"""The page of the data's health, on a store filled by hand."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

import httpx
from sqlalchemy import Connection, update
from starlette.applications import Starlette

from dashboards.board import routes
from dashboards.board.health import Sender, health
from dashboards.board.moment import notes
from dashboards.books import Books
from dashboards.lag import Behind, Lag
from streams.store import tables
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_pages import text
from tests.dashboards.support import Filled
from tests.streams.gateway.serving import running

DAY = 86_400.0


def test_what_was_received_equals_what_became_of_it(board: Board) -> None:
    filled = board.filled
    filled.push([b"{}", b"{}", b"{}"])
    filled.push([b"{}"], replay_of=16)  # received before, so not again
    with filled.store.read() as connection:
        found = health(connection, Lag(filled.log, filled.settings.partitions()))
    assert found.laws is not None
    law = found.laws["reports"]
    # 8 reports, 2 further versions (one nullifies), 4 of another clinic, 1 repeat, 2 held,
    # 3 waiting
    assert law.received == 8 + 2 + 4 + 1 + 2 + 3
    assert dict(law.disposed) == {
        "counted": 11,
        "superseded": 2,
        "nullified": 1,
        "duplicate": 1,
        "quarantined": 2,
        "in_flight": 3,
    }
    assert law.holds
    assert found.laws["followups"].received == 0


def test_a_record_that_is_lost_shows_as_a_difference(board: Board) -> None:
    with board.filled.store.write() as connection:
        board.filled.record(connection)
    shown = text(board.get("/health"))
    assert "reports 18 11 2 1 1 2 0 1 NO" in shown


def test_what_waits_in_the_log_is_counted_once_it_is_there(board: Board) -> None:
    filled = board.filled
    lag = Lag(filled.log, filled.settings.partitions())
    with filled.store.read() as connection:
        assert sum(part.waiting for part in lag.read(connection)) == 0
    filled.push([b"{}", b"{}"])
    filled.push([b"{}"])
    with filled.store.read() as connection:
        behind = {(p.topic, p.partition): p for p in lag.read(connection)}
    part = behind["reports", 0]
    assert (part.position, part.end, part.waiting, part.received) == (0, 2, 3, 3)
    assert part.since is not None
    assert abs(part.since - time.time()) < 60
    with filled.store.write() as connection:
        table = tables.positions
        connection.execute(
            update(table)
            .where(table.c.consumer == "intake", table.c.partition == 0)
            .values(next_offset=1)
        )
    with filled.store.read() as connection:
        behind = {(p.topic, p.partition): p for p in lag.read(connection)}
    assert behind["reports", 0].waiting == 1


class Late(Lag):
    """Two records that came ten minutes ago."""

    def read(self, connection: Connection) -> list[Behind]:
        return [Behind("reports", 0, "intake", 4, 5, 2, 2, time.time() - 600)]


def test_records_that_wait_too_long_are_said_above_everything_else(empty: Board) -> None:
    filled = empty.filled
    filled.push([b"{}", b"{}"])
    assert "wait to be counted" not in text(empty.get("/signals"))  # they came just now
    with filled.store.read() as connection:
        (note,) = notes(connection, Late(filled.log, 4))
    assert note.grave
    assert note.text.startswith("2 entries of the log wait to be counted, the oldest for 10 min:")


def test_a_log_that_cannot_be_read_is_said_and_not_taken_for_an_empty_one(
    tmp_path: Path,
) -> None:
    filled = Filled(tmp_path)
    filled.log.close()
    for path in tmp_path.glob("log.db*"):
        path.unlink()
    books = Books(filled.settings)
    app = Starlette(routes=routes(filled.store, filled.settings, filled.log, books=books))
    with contextlib.closing(filled), running(app) as url:
        signals, health = (
            httpx.get(url + path, trust_env=False).text for path in ("/signals", "/health")
        )
    assert "Warning: The log cannot be read" in text(signals)
    assert "what is in flight is not known and the sum cannot be made" in text(health)


def test_a_sender_is_silent_after_a_day_and_three_of_its_gaps() -> None:
    daily = Sender("a", 10, last=0.0, gap=DAY, pushes=True)
    assert not daily.silent(3 * DAY)
    assert daily.silent(3 * DAY + 1)
    busy = Sender("b", 10, last=0.0, gap=60.0, pushes=True)
    assert not busy.silent(DAY)
    assert busy.silent(DAY + 1)
    once = Sender("c", 1, last=0.0, gap=None, pushes=True)
    assert once.silent(DAY + 1)
    file = Sender("import:faers", 1, last=0.0, gap=None, pushes=False)
    assert not file.silent(1000 * DAY)


def test_the_silent_sender_comes_first(board: Board) -> None:
    with board.filled.store.write() as connection:
        board.filled.record(connection, sender="import:json", at=1.0, origin="import")
    shown = text(board.get("/health"))
    assert re.search(r"clinic-b silent 20", shown)
    assert re.search(r"clinic-a active 20", shown)
    assert re.search(r"import:json import 1970-01-01", shown)


def test_quarantine_shows_reasons_and_places_and_no_values(board: Board) -> None:
    shown = text(board.get("/health"))
    assert (
        "too_small gateway 1 No. 17, clinic-a, Q-17: products[0].dose_mg Input should be" in shown
    )
    assert "2 records are held in quarantine and counted in no signal." in text(
        board.get("/signals")
    )


def test_freshness_quality_and_unmatched_names_are_shown(board: Board) -> None:
    shown = text(board.get("/health"))
    assert "10 pushed records, 0.15 s on average." in shown
    assert "0.05 s 30.0 % 0.25 s 90.0 % 1.0 s 100.0 %" in shown
    assert "Batches: 2 flagged, 7 passed." in shown
    assert "clinic-b missing age over the limit 0.600 0.500 40 1" in shown
    assert "Zzyzx forte product 3" in shown
    assert "detect changes 0 9" in shown


def test_the_priors_of_the_newest_checkpoint_are_shown_and_a_fit_that_failed_as_such(
    board: Board,
) -> None:
    shown = text(board.get("/health"))
    assert "scored anew at position 0, 2026-09-21 14:13:20 UTC (import): 40 pairs" in shown
    assert "spontaneous fitted 40 0.2 0.06 1.4 1.8 0.1 812.5" in shown
    assert "solicited failed 2 2 pairs are too few ebgm_fit_failed ; EBGM is empty" in shown


def test_before_the_first_checkpoint_nothing_is_said_to_be_fitted(empty: Board) -> None:
    assert "None yet; EBGM begins with the first." in text(empty.get("/health"))
