"""On how few reports a signal hangs, and which kinds of rule hold for its pair."""

from __future__ import annotations

import pytest

from dashboards.board.fragile import MOST, Fragile
from detectors.disproportionality import BY_ROW
from detectors.disproportionality.table import PairTable, score
from detectors.rules import holds, read
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_inbox import cases, raised
from tests.dashboards.board.test_pages import text
from tests.dashboards.support import PAIR

RULES = read()


def flagged(n: int, n_product: int, n_event: int, n_total: int) -> bool:
    """Whether any rule that needs no prior holds."""
    table = PairTable.of(
        ["a"], ["x"], n=[n], n_product=[n_product], n_event=[n_event], n_total=[n_total]
    )
    held = holds(RULES, dict(table.counts) | score(table, BY_ROW))
    return any(bool(rows[0]) for rows in held.values())


def test_the_inbox_says_how_many_reports_must_vanish(board: Board) -> None:
    # 7 of 27 with 37 of 9700 in all: taken out one at a time until no rule holds
    fewest = next(k for k in range(8) if not flagged(7 - k, 27 - k, 37 - k, 9700 - k))
    with board.filled.store.read() as connection:
        assert Fragile(RULES).of(connection, [PAIR])[PAIR] >= fewest  # type: ignore[operator]
    line = text(board.get("/?product=esketamine"))
    assert "hangs on 5 reports" in line
    assert fewest == 5


def test_a_case_review_hangs_on_the_cases_that_satisfy_it(empty: Board) -> None:
    raised(empty, "Coma", "designated_event", kind="case_review")
    cases(empty, "esketamine", "Coma", "fatal", "serious")
    assert "hangs on 2 reports" in text(empty.get("/"))


def test_a_signal_whose_rules_no_longer_hold_hangs_on_nothing(empty: Board) -> None:
    raised(empty, "Old")
    pair = ("spontaneous", "esketamine", "Old")
    with empty.filled.store.write() as connection:
        empty.filled.score(connection, [(pair, (1, 10, 10, 100))], position=10)
    assert "hangs on" not in text(empty.get("/?product=esketamine")).replace("“Hangs on”", "")


def test_of_very_many_reports_it_is_said_that_they_are_many() -> None:
    counts = (5_000, 10_000, 5_100, 1_000_000)
    (found,) = Fragile(RULES)._fewest([counts], None, RULES)
    assert found == float("inf")
    each = Fragile(RULES).each(
        dict(zip(("n", "n_product", "n_event", "n_total"), counts, strict=True)), None
    )
    assert each.whole == f"over {MOST} reports"
    assert [name for name, _ in each.rules] == ["ic025", "evans_prr", "ror025"]


def test_of_many_pairs_each_has_its_own_answer() -> None:
    kept = Fragile(RULES)
    counts = [(3 + i, 400 + i, 43 + i, 90_000) for i in range(25)]
    together = kept._fewest(counts, None, RULES)
    assert together == [kept._fewest([one], None, RULES)[0] for one in counts]
    assert all(k is not None and k <= n for k, (n, *_) in zip(together, counts, strict=True))


def test_answers_are_the_same_when_they_are_asked_for_again(board: Board) -> None:
    kept = Fragile(RULES)
    with board.filled.store.read() as connection:
        once = kept.of(connection, [PAIR, ("spontaneous", "nothing", "at all")])
        assert once == kept.of(connection, [PAIR])
        assert kept.of(connection, []) == {}


def test_the_page_says_which_kind_of_rule_holds(board: Board, confirmed: int) -> None:
    shown = text(board.get("/signals/1"))
    assert "case review not raised" in shown
    assert "screening yes" in shown
    assert "confirmed by sequential evidence yes sequential evidence" in shown
    assert "as corrected (no error rate) yes" in shown
    assert "Fragility: 5 reports" in shown
    shown = text(board.get("/signals/3"))
    assert "as corrected (no error rate) nothing confirmed" in shown


@pytest.mark.parametrize("number", ["1", "2", "3"])
def test_evidence_of_one_look_has_no_picture(board: Board, number: str) -> None:
    assert "Evidence over time" not in board.get(f"/signals/{number}")


def test_looks_are_drawn_with_the_one_that_found_it(board: Board, confirmed: int) -> None:
    page = board.get(f"/signals/{confirmed}")
    assert 'aria-label="Evidence over time: log10 of the e-value' in page
    # no label, alert or publicity falls into its three days
    assert "dashed: the look that found it. 0 says nothing either way." in text(page)
