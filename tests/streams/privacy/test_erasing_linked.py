"""Erasure of one of two reports of a case that two senders told: it goes on to count once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from dashboards.board import cases
from streams.agents.detector import Detector
from streams.privacy.erasing import erase, finish
from streams.privacy.finding import Subject
from streams.store import tables
from streams.store.trail import Actor
from tests.streams.privacy.house import House, report, wrong

WHO = Actor("Dana", "admin")
PAIR = ("spontaneous", "esketamine", "Haematuria")
# the maker's is told later, and speaks for the two
CLINIC = report("CLINIC-0001", "p-17", "Haematuria")
MAKER = report(
    "MAKER-0001",
    "m-4",
    "Haematuria",
    sender="maker",
    received_at="2025-07-10",
    external_ids=["CLINIC-0001"],
)
OF = {
    "maker": Subject("report", "maker", "MAKER-0001"),
    "clinic": Subject("patient", "clinic", "p-17"),
}
VOID: dict[str, Any] = {"status": "nullified", "products": [], "reactions": []}


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    """Both reports, and others of the product."""
    opened = House.open(tmp_path / "data", store_url)
    opened.take("reports", *(report(f"B-{i:04}", f"p-{i}", "Nausea") for i in range(4)), CLINIC)
    opened.take("reports", MAKER)
    yield opened
    opened.close()


def erased(house: House, whose: str) -> None:
    erase(house.store, house.settings, house.log, OF[whose], why="asked for in writing", by=WHO)
    house.work()
    finish(house.store, house.settings, house.log, by=WHO, timeout=5)


def sound(house: House, folder: Path) -> None:
    """What is counted is what verification, a rebuild and a detector that starts now count."""
    assert wrong(house.checks()) == {}
    assert wrong(house.rebuilt(folder)) == {}
    anew = Detector(house.store, house.configuration, house.log.log_id())
    now = house.detector.reports.book.counts(*PAIR)
    assert anew.reports.book.counts(*PAIR) == now


def counted(house: House) -> tuple[int, list[tuple[str, str]], dict[str, str]]:
    """How often the event counts, the cases listed with their patients, and who speaks for whom."""
    table, linked = tables.cases, tables.linked_cases
    with house.store.read() as connection:
        listed = [(one.sender, one.patient) for one in cases.page(connection, PAIR).cases]
        rows = connection.execute(select(table.c.id, table.c.sender)).all()
        names = {row.id: row.sender for row in rows}
        by = connection.execute(select(linked.c.case_id, linked.c.counted_by)).all()
    n = house.detector.reports.book.counts(*PAIR)[0]
    return n, listed, {names[row.case_id]: names[row.counted_by] for row in by}


def test_the_two_count_once_as_the_one_that_was_told_last(house: House) -> None:
    assert counted(house) == (1, [("maker", "m-4")], {"clinic": "maker"})


@pytest.mark.parametrize("whose", ["maker", "clinic"])
def test_an_erasure_leaves_the_cluster_and_its_count(
    house: House, whose: str, tmp_path: Path
) -> None:
    before = house.scores()
    erased(house, whose)
    patient = cases.GONE if whose == "maker" else "m-4"
    assert counted(house) == (1, [("maker", patient)], {"clinic": "maker"})
    sound(house, tmp_path / "rebuilt")
    assert [row[:7] for row in house.scores()] == [row[:7] for row in before]


def test_the_other_report_speaks_as_soon_as_it_is_told_again(house: House, tmp_path: Path) -> None:
    erased(house, "maker")
    house.take("reports", CLINIC | {"version": 2, "received_at": "2025-07-20"})
    assert counted(house) == (1, [("clinic", "p-17")], {"maker": "clinic"})
    sound(house, tmp_path / "rebuilt")


def test_an_erased_report_counts_for_itself_where_the_other_is_void(
    house: House, tmp_path: Path
) -> None:
    erased(house, "clinic")
    house.take("reports", MAKER | VOID | {"version": 2, "received_at": "2025-07-20"})
    assert counted(house) == (1, [("clinic", cases.GONE)], {})
    sound(house, tmp_path / "rebuilt")


def test_what_comes_of_the_erased_report_again_is_held_and_moves_nothing(
    house: House, tmp_path: Path
) -> None:
    erased(house, "maker")
    house.take("reports", MAKER | VOID | {"version": 3, "received_at": "2025-07-30"})
    assert counted(house) == (1, [("maker", cases.GONE)], {"clinic": "maker"})
    sound(house, tmp_path / "rebuilt")


def test_both_may_be_erased(house: House, tmp_path: Path) -> None:
    erased(house, "maker")
    erased(house, "clinic")
    assert counted(house) == (1, [("maker", cases.GONE)], {"clinic": "maker"})
    sound(house, tmp_path / "rebuilt")
