"""Cases of several senders that are one count once: live, after a restart, and as of then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from dashboards.analysis.fold import fold
from dashboards.board import cases as listing
from schemas.vocabulary import Watchlist
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.verification import check_looks, check_rebuild
from streams.cli import main
from streams.store import look_tables, tables
from tests.dashboards.reports.support import Told, told
from tests.deployment import report

PAIR = ("spontaneous", "esketamine", "Cystitis")
WATCHLIST = Watchlist.load()
CYSTITIS = {"reactions": [{"term": "Cystitis"}]}


@pytest.fixture
def told_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    with told(tmp_path / "data", monkeypatch) as made:
        made.tell([report("clinic", f"B-{i:04}") for i in range(5)])
        yield made


def first(**more: Any) -> dict[str, Any]:
    return report("clinic", "CLINIC-0001", **{"received_at": "2026-02-01"} | CYSTITIS | more)


def second(**more: Any) -> dict[str, Any]:
    """The maker's report of the same case, told later; it names the clinic's."""
    named = {"external_ids": ["CLINIC-0001"], "received_at": "2026-02-10"}
    return report("maker", "MAKER-0001", **named | CYSTITIS | more)


def counted(made: Told) -> tuple[int, int]:
    """Cases of the pair, by the books of a detector that starts now, and by its score."""
    detector = Detector(made.filled.store, Configuration.load(made.settings), made.log_id)
    with made.filled.store.read() as connection:
        table = tables.scores
        scored = connection.scalar(
            select(table.c.n).where(table.c.product == PAIR[1], table.c.event == PAIR[2])
        )
        assert check_rebuild(connection, WATCHLIST).holds
        assert check_looks(connection).holds
        listed = listing.page(connection, PAIR).cases
    n = detector.reports.book.counts(*PAIR)[0]
    assert len(listed) == n
    return n, scored or 0


def linked(made: Told) -> int:
    with made.filled.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(tables.linked_cases)) or 0


def test_two_reports_of_one_case_count_once_whichever_comes_first(told_store: Told) -> None:
    told_store.tell([second()])
    told_store.tell([first()])
    told_store.checkpoint()
    assert counted(told_store) == (1, 1)
    assert linked(told_store) == 1


def test_the_report_that_was_told_last_says_what_counts(told_store: Told) -> None:
    told_store.tell([first()])
    told_store.tell([second(reactions=[{"term": "Dysuria"}])])
    told_store.checkpoint()
    assert counted(told_store) == (0, 0)
    # the clinic tells more
    told_store.tell([first(version=2, received_at="2026-02-20")])
    told_store.checkpoint()
    assert counted(told_store) == (1, 1)


def test_a_report_that_is_void_gives_way_to_the_other(told_store: Told) -> None:
    told_store.tell([first(), second()])
    told_store.tell([second(version=2, status="nullified", products=[], reactions=[])])
    told_store.checkpoint()
    assert counted(told_store) == (1, 1)
    assert linked(told_store) == 0
    told_store.tell([first(version=2, status="nullified", products=[], reactions=[])])
    told_store.checkpoint()
    assert counted(told_store) == (0, 0)


def test_reports_that_name_no_common_id_are_two_cases(told_store: Told) -> None:
    told_store.tell([first(), second(external_ids=["NONE"])])
    told_store.tell([first() | {"report_id": "CLINIC-0002", "external_ids": ["CLINIC-0001"]}])
    told_store.checkpoint()
    assert counted(told_store) == (3, 3)


def test_a_pair_is_evidence_once_a_cluster(told_store: Told) -> None:
    """The second report was pushed a day later, and speaks; it is no second case of that day."""
    told_store.tell([first()])
    told_store.at += timedelta(days=1)
    told_store.tell([second()])
    told_store.at += timedelta(days=1)
    told_store.tell([second(version=2, status="nullified", products=[], reactions=[])])
    told_store.at += timedelta(days=1)
    told_store.checkpoint()
    table = look_tables.look_counts
    with told_store.filled.store.read() as connection:
        names = [column.name for column in table.c]
        rows = [dict(zip(names, row, strict=True)) for row in connection.execute(select(table))]
    own = [r for r in rows if r["product"] == "esketamine" and r["event"] == "Cystitis"]
    assert sum(r["n"] for r in own) == 1
    assert counted(told_store) == (1, 1)


def test_as_of_a_moment_before_the_link_there_were_two_cases_of_it(told_store: Told) -> None:
    told_store.tell([first()])
    before = told_store.tell([report("maker", "MAKER-0001", received_at="2026-02-10", **CYSTITIS)])
    after = told_store.tell([second(version=2)])
    with told_store.filled.store.read() as connection:
        folds = [fold(connection, position, WATCHLIST.watches) for position in (before, after)]
    assert [len(one.of_pair(*PAIR)) for one in folds] == [2, 1]
    (speaker,) = folds[1].of_pair(*PAIR)
    assert (speaker.sender, len(speaker.versions)) == ("maker", 2)
    # a change that another case made is no version of its own
    assert [len(case.versions) for case in folds[1].cases if case.report_id == "CLINIC-0001"] == [1]


def test_a_file_of_both_is_scored_with_one_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "reports.ndjson", tmp_path / "scores.csv"
    others = [report("clinic", f"B-{i:04}") for i in range(5)]
    file.write_text("".join(json.dumps(one) + "\n" for one in [first(), second(), *others]))
    assert main(["detect", "--input", str(file), "--output", str(out), "--methods", "prr"]) == 0
    (row,) = [
        line for line in out.read_text().splitlines() if line.startswith("esketamine,Cystitis")
    ]
    assert row.split(",")[2] == "1"
