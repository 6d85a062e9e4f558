"""What the quality suite judged, by sender and rule: what passed stands beside what failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dashboards.board.quality import OfRule, OfSender, results
from schemas.quality import suite
from schemas.quality.limits import limits
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_pages import text
from tests.dashboards.reports.support import Told, report, told


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    with told(tmp_path / "data", monkeypatch) as made:
        yield made


def judged(store: Told, days_later: int = 0) -> dict[str, OfSender]:
    today = store.at.date() + timedelta(days_later)
    with store.filled.store.read() as connection:
        return {one.sender: one for one in results(connection, today)}


def rules(one: OfSender) -> dict[str, OfRule]:
    return {rule.name: rule for rule in one.rules}


def test_without_any_record_nothing_was_judged(store: Told) -> None:
    assert judged(store) == {}


def test_of_each_sender_and_rule_what_passed_and_what_failed_is_counted(store: Told) -> None:
    old = {"age_years": 212}
    store.tell([report(i, "Ketalar", "Coma", sender="clinic-a") for i in range(3)])
    store.tell(
        [
            report(10, "Ketalar", "Coma", sender="clinic-a", patient=old),
            report(11, "Ketalar", "Coma", sender="clinic-a", patient=old),
            report(12, "Ketalar", "Coma", sender="clinic-b"),
        ]
    )
    found = judged(store)
    a, b = found["clinic-a"], found["clinic-b"]
    assert (a.stream, a.records, a.batches, a.failing) == ("reports", 5, 2, 1)
    assert a.rules[0] == OfRule("age_range", "records", passed=3, failed=2, batches=1)
    assert rules(a)["dose_range"] == OfRule("dose_range", "records", 5, 0, 0)
    # too few records for a verdict on shares
    assert rules(a).keys() == limits().reports.rows.keys()
    assert (b.records, b.batches, b.failing) == (1, 1, 0)


def test_a_verdict_counts_once_when_there_are_enough_records(store: Told) -> None:
    nobody = {"pseudonym": "p"}
    store.tell(
        [report(i, "Ketalar", "Coma", sender="clinic-a", patient=nobody) for i in range(100)]
    )
    found = rules(judged(store)["clinic-a"])
    assert found["missing_age"] == OfRule("missing_age", "verdicts", 0, 1, None)
    assert found["duplicates"] == OfRule("duplicates", "verdicts", 1, 0, None)


def test_what_was_judged_long_ago_is_not_shown(store: Told) -> None:
    store.tell([report(1, "Ketalar", "Coma", sender="clinic-a")])
    assert judged(store, 29).keys() == {"clinic-a"}
    assert judged(store, 30) == {}


def test_a_record_that_no_rule_could_judge_is_a_failure_of_its_own(
    store: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(body: object, day: int) -> object:
        raise ValueError

    monkeypatch.setitem(suite._MEASURES, "reports", broken)
    store.tell([report(1, "Ketalar", "Coma", sender="clinic-a")])
    one = judged(store)["clinic-a"]
    assert one.rules[0] == OfRule("suite_error", "records", 0, 1, 1)


def test_the_page_shows_it_for_each_sender(board: Board) -> None:
    page = board.get("/health")
    rules = len(limits().reports.rows) + len(limits().reports.batch)
    shown = text(page)
    assert f"clinic-b, reports: 60 judged in 4 batches; 2 of {rules} rules failed by some" in shown
    assert (
        "age range records 58 2 1 missing age verdicts 0 1 – weight range records 60 0 0" in shown
    )
