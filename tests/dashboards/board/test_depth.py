"""A signal in depth: the numbers of its report, as a page of its own and as a part of another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.analysis.standing import Standing
from dashboards.board.bars import MOST, bars
from dashboards.board.depth import INTERVALS, Depth, by_interval, depth
from dashboards.board.milestones import every, milestones
from dashboards.web import create_web
from schemas import times
from schemas.vocabulary import Vocabulary
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_pages import text
from tests.dashboards.followups import clinic
from tests.dashboards.reports.support import PAIR, Told, background, cystitis, told
from tests.streams.gateway.serving import running


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """80 others, four of them with cystitis, and 8 of esketamine with cystitis."""
    with told(tmp_path / "data", monkeypatch) as made:
        made.tell(background(1, 80))
        made.tell(cystitis(100, 8))
        yield made


@pytest.fixture
def board(store: Told) -> Iterator[Board]:
    with running(create_web(store.settings)) as url:
        yield Board(url, store.filled)


def of(store: Told) -> Depth:
    given = store.setting.configuration
    kept = Standing(given.vocabulary, given.watchlist)
    with store.filled.store.read() as connection:
        return depth(connection, kept, PAIR, given.vocabulary)


def test_every_number_is_that_of_the_report_of_the_same_position(store: Told) -> None:
    found, made = of(store), store.made()
    assert found.position == made.origin.position
    assert found.comparators == tuple(p for p in made.parts if p.subgroup == "all")
    assert found.subgroups == tuple(
        p for p in made.parts if p.comparator == "all products" and not p.without
    )
    assert (found.relative, found.masking) == (made.relative, made.masking)
    assert (found.onset, found.features) == (made.onset, made.features)
    by_name = {one.name: one for one in made.tabulations}
    said = {row.value: row.pair for row in by_name["outcome"].rows if row.pair}
    assert dict(found.outcomes) == said


def test_the_page_and_the_part_of_a_page_say_the_same(board: Board, store: Told) -> None:
    path = f"/signals/{store.signal()}/depth"
    with board.client() as client:
        whole = client.get(path).text
        part = client.get(path, headers={"hx-request": "true"}).text
    assert text(part) in text(whole)
    assert "<html" in whole
    assert "<html" not in part
    assert f'hx-get="{path}"' in board.get(f"/signals/{store.signal()}")


def test_the_page_says_what_explains_the_signal(board: Board, store: Told) -> None:
    shown = text(board.get(f"/signals/{store.signal()}/depth"))
    # 8 of 8 against 4 of 80: PRR 20, s = sqrt(1/8 - 1/8 + 1/4 - 1/80) = 0.487
    assert "all products 8 / 8 4 / 80 20.0 7.69 to 52.0" in shown
    assert "8 of 8 cases state the days of start and onset" in shown
    # onsets 2, 4, ... 16 days after the start
    assert "1 to 7 days 3" in shown
    assert "8 to 30 days 5" in shown
    assert "hospitalisation 4" in shown
    assert "outcome: recovered 8" in shown
    assert "exposure not known" in shown
    assert "nobody was at risk of it with esketamine" in shown


def test_reports_stand_over_the_sessions_of_a_sender_that_is_a_registry(store: Told) -> None:
    store.tell([record | {"registry": "clinic-a"} for record in clinic()], "followups")
    (one,) = of(store).exposed
    # 12 courses of 7 doses each
    assert (one.sender, one.n, one.sessions) == ("clinic-a", 8, 84)
    assert one.rate.value == pytest.approx(8 / 84 * 1000)


def test_a_signal_of_the_cohort_or_none_has_no_such_page(board: Board) -> None:
    with board.client() as client:
        assert client.get("/signals/999/depth").status_code == 404


def test_without_a_case_left_the_page_says_so(board: Board, store: Told) -> None:
    number = store.signal()
    store.tell([one | {"version": 2, "status": "nullified"} for one in cystitis(100, 8)])
    shown = text(board.get(f"/signals/{number}/depth"))
    assert "No case of the product or of the event is counted." in shown
    assert "No case states when it was received." in shown


@given(st.lists(st.integers(0, 3000)))
def test_each_time_to_onset_lies_in_one_interval(days: list[int]) -> None:
    counted = by_interval(days)
    assert sum(n for _, n in counted) == len(days)
    assert [name for name, _ in counted] == [name for name, _ in INTERVALS]


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=1200))
def test_bars_keep_the_sum_and_are_not_too_many(counts: list[int]) -> None:
    drawn = bars("x", [(str(i), n) for i, n in enumerate(counts)])
    if not any(counts):
        assert drawn is None
        return
    assert drawn is not None
    assert len(drawn.labels) == drawn.svg.count("<rect") <= MOST
    assert int(drawn.ticks[0].replace(",", "")) >= max(counts)


def test_milestones_name_days_products_and_sources() -> None:
    vocabulary = Vocabulary.load()
    for one in every():
        assert date(2015, 1, 1).toordinal() < one.day < date(2030, 1, 1).toordinal()
        assert one.day == times.day(one.date)
        assert all(vocabulary.product(name).name == name for name in one.products), one
    alerts = [one.date for one in every() if one.kind == "alert" and "FDA" in one.text]
    assert alerts == ["2022-02-16", "2023-10-10"]


def test_dates_that_lie_among_the_reports_are_marked(store: Told) -> None:
    old = [one | {"received_at": "2018-12-30"} for one in cystitis(200, 2)]
    old = [replace_start(one) for one in old]
    store.tell(old)
    received = of(store).received
    assert received.months[0] == ("2018-12", 2)
    assert [one.date for one in received.milestones] == [
        one.date for one in milestones("esketamine", 0, times.day("2026-02-28"))
    ]
    assert received.picture is not None
    assert received.picture.svg.count("V150") == len(received.milestones)


def replace_start(one: dict[str, object]) -> dict[str, object]:
    """Without dates that would come after its receipt."""
    products = [{"name": "Spravato", "role": "suspect"}]
    return one | {"products": products, "reactions": [{"term": "Cystitis"}]}
