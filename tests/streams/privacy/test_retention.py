"""Retention: what is over its period goes, and nothing that counts does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from schemas.errors import InputError
from streams.privacy.erasing import finish
from streams.privacy.retention import Periods, apply, over
from streams.store import tables
from streams.store.trail import Actor
from tests.streams.privacy.house import House, report, urinary, wrong

WHO = Actor("Dana", "admin")
DAY = 86_400.0


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    """Ten-day-old records, one of them held, and one of today."""
    opened = House.open(tmp_path / "data", store_url)
    now = time.time()
    opened.at = now - 10 * DAY
    opened.take("reports", report("A-1", "p-1"), report("A-2", "p-2"), report("A-2", "p-2"))
    opened.take("reports", report("H-1", "p-3", products=[]))
    opened.take("followups", urinary("F-1", "p-1"))
    opened.at = now
    opened.take("reports", report("N-1", "p-4"))
    with opened.store.write() as connection:
        for age, name in ((10, b"old"), (0, b"new")):
            at = now - age * DAY
            row = {"user": "Ann", "created_at": at, "expires_at": at, "seen_at": at}
            connection.execute(insert(tables.sessions), [row | {"hash": name}])
        seen = {"user": "Ann", "n": 1, "history": 0, "act": 0}
        rows = [seen | {"signal_id": i, "at": now - i * 10 * DAY} for i in range(2)]
        connection.execute(insert(tables.seen), rows)
    yield opened
    opened.close()


def applied(house: House, periods: Periods) -> dict[str, int]:
    done = apply(house.store, house.settings, house.log, periods, by=WHO)
    finish(house.store, house.settings, house.log, by=WHO, timeout=5)
    return done


EVERY = Periods(raw=5, quarantine=5, sessions=5, looks=5)


def test_a_dry_run_says_what_goes_and_changes_nothing(house: House) -> None:
    expected = {"raw": 4, "quarantine": 1, "sessions": 1, "looks": 1}
    for _ in range(2):
        with house.store.read() as connection:
            assert over(connection, EVERY, now=time.time()) == expected
    assert applied(house, EVERY) == expected
    assert applied(house, EVERY) == dict.fromkeys(expected, 0)


def test_raw_bytes_go_and_what_was_read_stays(house: House, tmp_path: Path) -> None:
    scores = house.scores()
    applied(house, Periods(raw=5))
    gone = tables.records.c.wrapped_key.is_(None)
    assert house.count(tables.records, gone) == 4
    assert house.count(tables.versions, tables.versions.c.body == b"") == 0
    assert house.count(tables.quarantine, tables.quarantine.c.faults.is_not(None)) == 1
    assert [row[:7] for row in house.scores()] == [row[:7] for row in scores]
    checks = house.checks()
    assert wrong(checks) == {}
    assert checks["erased records are those of the audit trail"].figures["records"] == 4
    assert wrong(house.rebuilt(tmp_path / "rebuilt")) == {}


def test_a_held_record_keeps_its_code_alone(house: House, tmp_path: Path) -> None:
    applied(house, Periods(quarantine=5))
    held = tables.quarantine
    with house.store.read() as connection:
        (row,) = connection.execute(select(held.c.code, held.c.faults, held.c.entry)).all()
    assert row.code == "no_product"
    assert row.faults == b'[["no_product", "", "erased"]]'
    assert row.entry is None
    assert wrong(house.checks()) == {}
    assert wrong(house.rebuilt(tmp_path / "rebuilt")) == {}


def test_each_kind_is_in_the_trail_with_its_period(house: House) -> None:
    applied(house, EVERY)
    table = tables.trail
    with house.store.read() as connection:
        query = select(table.c.subject, table.c.why).where(table.c.what == "period_over")
        rows = connection.execute(query.order_by(table.c.seq)).all()
    assert [row.subject for row in rows] == [
        "raw records",
        "quarantine records",
        "sessions",
        "looks",
    ]
    assert {row.why for row in rows} == {"kept for 5 days"}


def test_without_a_period_everything_is_kept(house: House) -> None:
    assert applied(house, Periods()) == {}
    assert house.count(tables.records, tables.records.c.wrapped_key.is_(None)) == 0


def test_a_key_lost_by_no_entry_is_found(house: House) -> None:
    with house.store.write() as connection:
        table = tables.records
        connection.execute(update(table).where(table.c.id == 1).values(wrapped_key=None))
    assert list(wrong(house.checks())) == ["erased records are those of the audit trail"]


@pytest.mark.parametrize("days", [0.0, -1.0, float("inf"), float("nan")])
def test_a_period_that_cannot_be_is_refused(days: float) -> None:
    with pytest.raises(InputError) as refused:
        Periods(raw=days)
    assert refused.value.code == "bad_period"
