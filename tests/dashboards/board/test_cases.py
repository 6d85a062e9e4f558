"""The line listing of a pair."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.board import cases
from tests.dashboards.board.conftest import Board
from tests.dashboards.support import PAIR, Filled, report


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    found = Filled(tmp_path)
    yield found
    found.close()


def ids(filled: Filled, pair: tuple[str, str, str] = PAIR) -> list[str]:
    with filled.store.read() as connection:
        return [case.report_id for case in cases.cases(connection, pair)]


def test_a_case_is_listed_once_as_its_newest_version_says(filled: Filled) -> None:
    with filled.store.write() as connection:
        filled.version(connection, report(1))
        filled.version(connection, report(1, version=2, country="FR"))
    with filled.store.read() as connection:
        (case,) = cases.cases(connection, PAIR)
    assert (case.version, case.country, case.patient) == ("2", "FR", "p-1")
    assert (case.product, case.coded_product, case.role) == ("Spravato", "esketamine", "suspect")
    assert (case.route, case.setting) == ("intranasal", "clinic")
    assert case.other_products == "sertraline (concomitant)"
    assert (case.terms, case.coded_terms) == ("DISSOCIATION", "Dissociation")
    assert (case.serious, case.seriousness) == ("yes", "other_medically_important")
    assert case.outcome == "recovered"


def test_what_does_not_count_is_not_listed(filled: Filled) -> None:
    spravato = {"name": "Spravato", "role": "suspect"}
    with filled.store.write() as connection:
        filled.version(connection, report(1))
        filled.version(connection, report(2, status="nullified"))
        filled.version(connection, report(3, products=[spravato | {"role": "concomitant"}]))
        filled.version(connection, report(4, report_type="solicited"))
        filled.version(connection, report(5, reactions=[{"term": "Dissociative disorder"}]))
        filled.version(connection, report(6, products=[{"name": "Ketamine"}]))
    assert ids(filled) == ["A-1"]
    assert ids(filled, ("solicited", *PAIR[1:])) == ["A-4"]


def test_a_route_or_a_setting_has_its_own_cases(filled: Filled) -> None:
    ketamine = {"name": "Ketamine", "role": "suspect"}
    with filled.store.write() as connection:
        filled.version(connection, report(1, products=[ketamine | {"setting": "home"}]))
        filled.version(connection, report(2, products=[ketamine | {"setting": "clinic"}]))
    assert ids(filled, ("spontaneous", "ketamine @home", "Dissociation")) == ["A-1"]
    assert ids(filled, ("spontaneous", "ketamine", "Dissociation")) == ["A-2", "A-1"]


def test_a_group_lists_the_cases_of_its_terms(filled: Filled) -> None:
    with filled.store.write() as connection:
        filled.version(connection, report(1, reactions=[{"term": "Cystitis"}]))
        filled.version(connection, report(2))
    assert ids(filled, ("spontaneous", "esketamine", "group:urinary")) == ["A-1"]


def test_pages_follow_on_from_each_other_without_gap_or_repeat(filled: Filled) -> None:
    with filled.store.write() as connection:
        for i in range(25):
            filled.version(connection, report(i))
    seen: list[str] = []
    before = None
    with filled.store.read() as connection:
        for size in (10, 10, 5):
            listing = cases.page(connection, PAIR, before, size=10)
            assert len(listing.cases) == size
            seen += [case.report_id for case in listing.cases]
            before = listing.next
    assert before is None
    assert seen == [f"A-{i}" for i in reversed(range(25))]


def test_a_spreadsheet_takes_nothing_in_the_csv_for_a_formula(filled: Filled) -> None:
    with filled.store.write() as connection:
        filled.version(connection, report(1, report_id='=HYPERLINK("x")'))
    with filled.store.read() as connection:
        rows = list(csv.DictReader(io.StringIO(cases.as_csv(cases.cases(connection, PAIR)))))
    assert rows[0]["report_id"] == '\'=HYPERLINK("x")'


def test_the_csv_is_named_by_the_position_it_was_read_at(board: Board) -> None:
    with board.client() as client:
        answer = client.get("/signals/1/cases.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="signal-1-cases-at-8.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["report_id"] for row in rows] == ["A-0", "A-7", "A-6", "A-5", "A-4", "A-3", "A-2"]


def test_markup_in_a_report_stays_text(board: Board) -> None:
    with board.filled.store.write() as connection:
        board.filled.version(connection, report(99, report_id="<script>alert(1)</script>"))
    page = board.get("/signals/1")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
