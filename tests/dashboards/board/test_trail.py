"""The page of the audit trail."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from dashboards.board.trail import PAGE
from streams.store import trail
from streams.store.trail import Actor
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_pages import text

BOB = Actor("Bob", "officer")


def write(board: Board, n: int = 1, subject: str = "signal 1") -> None:
    with board.filled.store.write() as connection:
        for _ in range(n):
            before, after = {"state": "new"}, {"state": "under_validation", "owner": "Bob"}
            trail.append(connection, BOB, "moved", subject, why="<b>", before=before, after=after)


def numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'<th scope="row">(\d+)</th>', page)]


def test_an_entry_says_who_what_when_why_and_what_it_changed(board: Board) -> None:
    write(board)
    page = board.get("/trail")
    assert (
        "Bob (officer) moved signal 1 &lt;b&gt; state: new → under validation owner: Bob"
        in text(page)
    )
    assert '<a href="/signals/1">signal 1</a>' in page
    with board.filled.store.read() as connection:
        assert trail.head(connection)[1] in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("who=Bob", [2, 1]),
        ("who=Bob&subject=signal+2", [2]),
        ("what=moved", [2, 1]),
        ("what=signed_in", []),
        ("who=Eve", []),
        ("since=TODAY&what=moved", [2, 1]),
        ("until=TODAY&what=moved", [2, 1]),
        ("until=2020-01-01", []),
        ("before=2", [1]),
        ("who=Bob&since=soon&before=x", [2, 1]),
    ],
)
def test_filters_in_the_address_decide_what_is_shown(
    board: Board, query: str, found: list[int]
) -> None:
    write(board)
    write(board, subject="signal 2")
    query = query.replace("TODAY", f"{datetime.now(UTC):%Y-%m-%d}")
    # what comes after are the entries of the one who asks, who was made and signed in by a link
    shown = [number for number in numbers(board.get(f"/trail?{query}")) if number <= 2]
    assert shown == found


def test_a_long_trail_comes_in_parts(board: Board) -> None:
    write(board, PAGE + 20)
    first = board.get("/trail?who=Bob")
    assert numbers(first) == list(range(PAGE + 20, 20, -1))
    (query,) = re.findall(r'rel="next" href="/trail\?([^"]*)"', first)
    assert numbers(board.get("/trail?" + query.replace("&amp;", "&"))) == list(range(20, 0, -1))
