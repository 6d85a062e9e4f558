"""What the pages say."""

from __future__ import annotations

import re

import httpx
import pytest

from dashboards.board.signals import PAGE
from tests.dashboards.board.conftest import Board
from tests.dashboards.support import report


def text(html: str) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_without_data_the_board_says_that_this_is_not_a_clear_signal(empty: Board) -> None:
    assert "No data is not a clear signal." in text(empty.get("/signals"))


def test_without_a_signal_the_board_says_what_was_looked_at(empty: Board) -> None:
    with empty.filled.store.write() as connection:
        empty.filled.version(connection, report(1))
        pair = ("spontaneous", "esketamine", "Dissociation")
        empty.filled.score(connection, [(pair, (1, 1, 1, 1))], position=1)
    shown = text(empty.get("/signals"))
    assert "1 cases and courses are stored; 1 pairs of a watched product" in shown
    assert "That does not show that the products are safe" in shown


def test_a_row_shows_counts_limits_rules_and_both_dates(board: Board) -> None:
    shown = text(board.get("/signals?product=esketamine"))
    assert "esketamine Dissociation" in shown
    # 7 of 27 reports of the product, 30 of 9673 of the others: (7/27) / (30/9673) = 83.59
    assert "7 / 0.10 83.6 40.3 to 173.6 112.5 44.3 to 285.8 3.64 2.38 to 4.51" in shown
    assert "screening PRR, Evans no longer IC025 ROR lower limit" in shown
    assert re.search(r"said here \d{4}-\d\d-\d\d \d\d:\d\d by data 2026-06-30 , n = 3", shown)


def test_the_newest_evidence_comes_first(board: Board) -> None:
    events = re.findall(r'class="event">([^<]*)<', board.get("/signals"))
    assert events == ["Urinary (group of terms)", "Cystitis", "Dissociation"]


@pytest.mark.parametrize(
    ("query", "events"),
    [
        ("?product=ketamine+%40home", ["Cystitis"]),
        ("?dataset=solicited", []),
        ("?rule=ror025", ["Dissociation"]),  # it held for the group of terms, and no longer does
        ("?rule=ic025&dataset=spontaneous", ["Cystitis", "Dissociation"]),
        ("?product=' OR 1=1 --", []),
        ("?page=99999", []),
    ],
)
def test_filters_in_the_address_decide_what_is_shown(
    board: Board, query: str, events: list[str]
) -> None:
    assert re.findall(r'class="event">([^<]*)<', board.get(f"/signals{query}")) == events


def test_a_long_list_comes_in_parts(board: Board) -> None:
    with board.filled.store.write() as connection:
        for i in range(PAGE):
            pair = ("spontaneous", "esketamine", f"Event {i}")
            board.filled.score(connection, [(pair, (3, 10, 10, 100))], position=30, at=float(i))
            board.filled.signal(connection, pair, position=30, n=3, rules={"ic025": True})
    pages = [board.get(f"/signals?page={number}") for number in (1, 2)]
    events = [re.findall(r'class="event">([^<]*)<', page) for page in pages]
    assert [len(part) for part in events] == [PAGE, 3]
    assert len({*events[0], *events[1]}) == PAGE + 3
    assert '<a rel="next" href="/signals?page=2">' in pages[0]


def test_the_page_of_a_signal_shows_the_table_and_what_it_was_made_of(board: Board) -> None:
    shown = text(board.get("/signals/1"))
    assert "esketamine a 7 b 20 27 without it c 30 d 9,643 9,673 all 37 9,663 N 9,700" in shown
    assert "= (7 / 27) / (30 / 9673) = 83.59" in shown
    assert "esketamine @intranasal 7 0.10 17" in shown
    assert "position 3, n = 3" in shown
    assert "rule held for the first time: IC025 &gt; 0, n &gt;= 3 (n = 3)" in shown


def test_ebgm_is_shown_with_its_limits_and_the_checkpoint_of_its_prior(board: Board) -> None:
    shown = text(board.get("/signals/1"))
    assert "the prior of EBGM is that of the checkpoint at position 0" in shown
    # Q is near 1: psi(7.2) - ln(0.06 + 0.103) = 3.717; half the 5 % and 95 % points of chi-squared
    # with 14.4 degrees of freedom, 6.85 and 24.2, over 0.163
    assert "EBGM 41.1 21.0 to 74.3 EBGM = e^" in shown
    assert "= e^(1 × 3.717 + " in shown


def test_a_rule_on_ebgm_has_no_data_date_and_says_why(board: Board) -> None:
    pair = ("spontaneous", "esketamine", "Sedation")
    with board.filled.store.write() as connection:
        number = board.filled.signal(
            connection, pair, position=9, n=3, rules={"eb05": True}, data_date=None
        )
    shown = text(board.get(f"/signals/{number}"))
    assert "none: its prior belongs to a checkpoint, not to a day" in shown


def review(board: Board, product: str, event: str) -> int:
    """A signal of case review, beside what the board has."""
    with board.filled.store.write() as connection:
        return board.filled.signal(
            connection,
            ("spontaneous", product, event),
            position=9,
            n=1,
            rules={"fatal_unlisted": True},
            kind="case_review",
            priority="high",
        )


def test_signals_of_one_pair_stand_side_by_side_each_under_its_own_word(board: Board) -> None:
    number = review(board, "esketamine", "Dissociation")
    shown = text(board.get("/signals?product=esketamine"))
    assert "case review fatal, not listed" in shown
    assert "screening PRR, Evans no longer IC025" in shown
    assert "The same pair also has: screening (new)" in text(board.get(f"/signals/{number}"))
    assert "The same pair also has: case review (new)" in text(board.get("/signals/1"))


def test_the_list_is_filtered_by_kind(board: Board) -> None:
    review(board, "ketamine", "Coma")
    for kind, events in (
        ("case_review", ["Coma"]),
        ("screening", ["Urinary (group of terms)", "Cystitis", "Dissociation"]),
        ("confirmed", []),
    ):
        page = board.get(f"/signals?kind={kind}")
        assert re.findall(r'class="event">([^<]*)<', page) == events
    assert '<option value="case_review" selected>case review</option>' in board.get(
        "/signals?kind=case_review"
    )


def test_a_case_review_says_which_rule_held_and_what_the_label_lists(board: Board) -> None:
    shown = text(board.get(f"/signals/{review(board, 'esketamine', 'Coma')}"))
    assert "a fatal case whose event the label does not list" in shown
    assert "Spravato, United States, warnings" in shown
    assert "2021 intranasal not listed" in shown
    shown = text(board.get(f"/signals/{review(board, 'esketamine', 'Sedation')}"))
    assert "2021 intranasal listed" in shown
    shown = text(board.get(f"/signals/{review(board, 'arketamine', 'Coma')}"))
    assert "No label of arketamine is in the table of this deployment" in shown
    assert "What the label lists" not in text(board.get("/signals/1"))


def test_a_signal_whose_cases_are_gone_stays_and_says_so(board: Board) -> None:
    pair = ("spontaneous", "esketamine", "Pancreatitis acute")
    with board.filled.store.write() as connection:
        number = board.filled.signal(connection, pair, position=9, n=3, rules={"ic025": False})
    shown = text(board.get(f"/signals/{number}"))
    assert "no case is left for this pair" in shown
    assert "no case is left: all were nullified or changed" in text(board.get("/signals"))


def test_a_page_that_is_not_there_looks_like_the_others(board: Board) -> None:
    with board.client() as client:
        for path, words in (("/nothing", "Not Found"), ("/signals/77", "There is no such signal.")):
            answer = client.get(path)
            assert answer.status_code == 404
            assert f"<h1>{words}</h1>" in answer.text
            assert "/static/board.css" in answer.text


@pytest.mark.parametrize("path", ["/", "/signals", "/signals/1", "/signals/1/cases.csv", "/health"])
def test_nobody_reads_without_signing_in(board: Board, path: str) -> None:
    answer = httpx.get(
        board.url + path, headers={"accept": "text/html"}, trust_env=False, follow_redirects=False
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


def test_every_asset_is_served_from_here_and_asked_for_once(board: Board) -> None:
    page = board.get("/signals")
    assets = re.findall(r'(?:src|href)="(/static/[^"]*)"', page)
    assert sorted(assets) == [
        "/static/board.css",
        "/static/board.js",
        "/static/htmx-2.min.js",
        "/static/hx-sse-2.min.js",
        "/static/icon.svg",
    ]
    assert re.findall(r'(?:src|href)="(?!/|#)', page) == []
    for path in assets:
        first = httpx.get(board.url + path, trust_env=False)
        assert first.status_code == 200
        again = httpx.get(
            board.url + path, headers={"if-none-match": first.headers["etag"]}, trust_env=False
        )
        assert again.status_code == 304


def test_assets_are_packed_for_those_who_take_it_and_pages_never_are(board: Board) -> None:
    path = board.url + "/static/htmx-2.min.js"
    plain, packed = (
        httpx.get(path, headers={"accept-encoding": taken}, trust_env=False)
        for taken in ("identity", "gzip")
    )
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    again = httpx.get(path, headers={"if-none-match": packed.headers["etag"]}, trust_env=False)
    assert again.status_code == 304
    with board.client() as client:
        page = client.get("/", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in page.headers


@pytest.mark.parametrize("path", ["/static/", "/static/x.css", "/static/x/board.css"])
def test_only_assets_are_served(board: Board, path: str) -> None:
    assert httpx.get(board.url + path, trust_env=False).status_code == 404


def test_pages_hold_no_script_or_style_of_their_own(board: Board) -> None:
    for path in ("/", "/signals", "/signals/1", "/health"):
        page = board.get(path)
        assert re.findall(r"<script(?! src=)|<style| style=| on[a-z]+=| hx-on", page) == []
