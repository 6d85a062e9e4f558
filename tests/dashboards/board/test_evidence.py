"""What the board says of sequential evidence, on looks written by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sqlalchemy import update

from dashboards.board.pages import evidence as shown_e
from detectors.evidence import Evidence
from detectors.sequential.family import Family, needed
from streams.store import tables
from tests.dashboards.board.conftest import DAYS, Board
from tests.dashboards.board.test_pages import text


def test_a_confirmed_signal_stands_in_the_list_under_its_own_words(
    board: Board, confirmed: int
) -> None:
    shown = text(board.get("/signals?kind=confirmed"))
    assert "confirmed sequential evidence" in shown
    assert "by data 2026-03-03 , n = 16" in shown
    assert f"/signals/{confirmed}" in board.get("/signals?kind=confirmed")


def test_its_page_says_what_was_found_and_what_the_family_asks(
    board: Board, confirmed: int
) -> None:
    shown = text(board.get(f"/signals/{confirmed}"))
    # K = 4: 4 (1 + 1/2 + 1/3 + 1/4) / 0.05 = 166.67
    assert np.exp(needed(1, 0.05, 4)) == pytest.approx(166.67, abs=0.01)
    assert "Found at the look of 2026-03-03 Cases by then 16" in shown
    assert "Asked by the family 167" in shown
    assert "2 products with 2 events each, 4 pairs, also those without a report" in shown
    assert "was fixed on 2026-02-01" in shown
    assert "evidence of a pair of a fixed family reaches what the family asks" in shown
    assert "Suspended" not in shown


def test_the_table_of_looks_has_counts_of_the_day_and_the_evidence_after_it(
    board: Board, confirmed: int
) -> None:
    shown = text(board.get(f"/signals/{confirmed}"))
    process = Evidence(Family("one", ("esketamine",), ("Dissociation",), 0.05), 1.25)
    for counts in DAYS:
        rows, _ = process.look(counts)
    (row,) = rows
    last = f"2026-03-03 (found) 8 / 40 20 / 1,000 {shown_e(row.log_e)} {shown_e(row.log_e_sup)} 12"
    assert last in shown
    assert "2026-03-01 8 / 40 20 / 1,000 1 1 10" in shown
    assert "2026-03-02 " not in shown  # nothing of the product was reported
    with board.client() as client:
        answer = client.get(f"/signals/{confirmed}/looks.csv")
    lines = answer.text.splitlines()
    assert lines[0] == "day,position,n,n_product,n_comparator,n_comparators,log_e,log_e_sup"
    assert lines[1] == "2026-03-01,10,8,40,20,1000,0.0,0.0"
    assert lines[2].startswith("2026-03-03,12,8,40,20,1000,")
    assert float(lines[2].split(",")[-1]) == row.log_e_sup


def test_the_look_that_found_it_is_worked_out_step_by_step(board: Board, confirmed: int) -> None:
    shown = text(board.get(f"/signals/{confirmed}"))
    # before it: 20 of 1,000, and 10 of 500; 30.18 / 1470.18 = 0.02053
    assert "= (30 + 0.18) / (1500 − 30 + 0.18) = 0.02053" in shown
    assert "odds ratio r_i 1.562 1.875 2.5 3.75 6.25 11.25" in shown
    factors = re.search(r"S_i of this look ([0-9., ]+) product over all looks ([0-9., ]+)", shown)
    assert factors is not None
    # only one look has compared anything, so that its factors are the products
    assert factors[1].split() == factors[2].split()
    plain = np.mean([float(value.replace(",", "")) for value in factors[1].split()])
    said = re.search(r"P = mean of the products = ([0-9,.]+)", shown)
    assert said is not None
    assert float(said[1].replace(",", "")) == pytest.approx(plain, rel=0.01)
    # (1 - 1/sqrt 2) P + 1/sqrt 2
    late = re.search(r"adding up to 1 = ([0-9,.]+)", shown)
    assert late is not None
    assert float(late[1].replace(",", "")) == pytest.approx(
        (1 - 2**-0.5) * plain + 2**-0.5, rel=0.01
    )


def test_what_no_longer_holds_as_corrected_is_shown_as_suspended(
    board: Board, confirmed: int
) -> None:
    with board.filled.store.write() as connection:
        rules, table = tables.signal_rules, tables.confirmations
        connection.execute(update(rules).where(rules.c.signal_id == confirmed).values(holds=False))
        connection.execute(update(table).values(corrected_log_e=0.5, corrected_n=3))
    shown = text(board.get(f"/signals/{confirmed}"))
    assert "Suspended: on the cases as they are known today" in shown
    assert "As corrected (no error rate) 1.65 n = 3, position 12" in shown
    assert "sequential evidence suspended" in text(board.get("/signals?kind=confirmed"))


def test_families_and_their_looks_are_shown_with_the_health_of_the_data(
    board: Board, confirmed: int
) -> None:
    shown = text(board.get("/health"))
    assert "own spontaneous 2026-02-01 2 × 2 4 0.05 1.25 167 3 2026-03-03 1 1" in shown
    with board.filled.store.write() as connection:
        connection.execute(update(tables.families).values(ended_position=11))
    shown = text(board.get("/health"))
    assert "own (ended) spontaneous 2026-02-01 2 × 2 4 0.05 1.25 167 2 2026-03-02 0 1" in shown


def test_before_the_first_change_no_family_is_open(empty: Board) -> None:
    assert "No family has been opened yet" in text(empty.get("/health"))


def test_other_kinds_of_signal_have_no_looks(board: Board) -> None:
    with board.client() as client:
        assert client.get("/signals/1/looks.csv").status_code == 404
        assert client.get("/signals/99/looks.csv").status_code == 404
    assert "<h2>Looks</h2>" not in board.get("/signals/1")


def test_nobody_reads_looks_without_signing_in(board: Board, confirmed: int) -> None:
    with board.client() as client:
        client.cookies.clear()
        answer = client.get(f"/signals/{confirmed}/looks.csv", follow_redirects=False)
    assert answer.status_code in (303, 401)
