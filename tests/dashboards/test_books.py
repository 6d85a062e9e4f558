"""What the board keeps of all cases: filled at once it is what each book reads on its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection

from dashboards import people
from dashboards.analysis import rows as reading
from dashboards.analysis.standing import Standing
from dashboards.board.inbox import READING
from dashboards.books import Books
from dashboards.facets import Facets
from dashboards.seriousness import Seriousness
from dashboards.web import create_web
from schemas.envelope import Change
from schemas.errors import StoreError
from schemas.vocabulary import Vocabulary, Watchlist
from streams.privacy.finding import Subject
from streams.store.store import Store
from tests.dashboards.board.conftest import Board
from tests.dashboards.reports.support import PAIR, Told, background, cystitis, report, told
from tests.dashboards.reports.test_erased import erase
from tests.deployment import eventually
from tests.streams.gateway.serving import running

OTHERS = [("spontaneous", "esketamine", "group:urinary"), ("spontaneous", "ketamine", "Coma")]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """Cases of one version and of several; one that was nullified, and one that was erased."""
    with told(tmp_path / "data", monkeypatch) as made:
        made.tell(background(1, 40))
        made.tell(cystitis(100, 6))
        made.tell([report(200, "Ketalar", "Coma", country="CH")])
        made.tell([cystitis(100, 1)[0] | {"version": 2, "country": "FR"}])
        made.tell([report(101, "Spravato", "Cystitis", version=2, status="nullified")])
        erase(made, Subject("report", "clinic-a", "clinic-a/102"))
        yield made


def same(connection: Connection, store: Told, books: Books) -> None:
    """What the books say is what each says that was made now."""
    vocabulary = Vocabulary.load()
    watchlist = Watchlist.load(None, vocabulary)
    seriousness = Seriousness.load(store.settings, vocabulary)
    facets, standing = Facets(vocabulary, watchlist), Standing(vocabulary, watchlist)
    seriousness.read(connection)
    facets.read(connection)
    for pair in (PAIR, *OTHERS):
        assert books.seriousness.of(pair) == seriousness.of(pair)
        assert books.facets.of(pair) == facets.of(pair)
        position, kept = books.standing.population(connection, pair[0])
        at, fresh = standing.population(connection, pair[0])
        assert position == at
        assert kept.parts(*pair[1:]) == fresh.parts(*pair[1:])
        assert books.standing.cases(connection, pair) == standing.cases(connection, pair)
    assert books.seriousness.of(PAIR).n == 5
    assert books.facets.of(PAIR)["region"]


def test_filled_at_once_each_book_says_what_it_says_alone(store: Told) -> None:
    books = Books(store.settings)
    assert not books.filled
    books.look(store.filled.store)
    with store.filled.store.read() as connection:
        same(connection, store, books)


def test_a_body_is_opened_once_for_all_books(store: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    bodies = reading._bodies

    def counting(connection: Connection, changes: list[Change], up_to: int) -> object:
        opened.extend(change.case_id for change in changes)
        return bodies(connection, changes, up_to)

    monkeypatch.setattr(reading, "_bodies", counting)
    books = Books(store.settings)
    books.look(store.filled.store)
    assert len(opened) == len(set(opened)) == 47
    store.tell([report(201, "Ketalar", "Coma")])
    books.look(store.filled.store)
    assert len(opened) == 48


def test_a_store_that_goes_away_half_way_leaves_nothing_counted_twice(
    store: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = Books(store.settings)
    bodies, monkeys = reading._bodies, iter([False, True])

    def away(connection: Connection, changes: list[Change], up_to: int) -> object:
        if next(monkeys, False):
            raise StoreError("store_away", "the store is away")
        return bodies(connection, changes, up_to)

    with monkeypatch.context() as patched:
        patched.setattr(reading, "FEW", 20)
        patched.setattr(reading, "_bodies", away)
        with pytest.raises(StoreError):
            books.look(store.filled.store)
    assert not books.filled
    books.look(store.filled.store)
    with store.filled.store.read() as connection:
        same(connection, store, books)


def test_until_they_are_filled_the_inbox_stands_in_its_order_and_the_process_is_not_ready(
    store: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.checkpoint()
    people.create_user(store.filled.store, "Anna", "officer")
    look, held = Books.look, [True]

    def later(self: Books, store: Store) -> None:
        if not held:
            look(self, store)

    monkeypatch.setattr(Books, "look", later)
    with running(create_web(store.settings)) as url:
        board = Board(url, store.filled)
        before = board.get("/")
        assert READING in before
        ready = httpx.get(f"{url}/readyz")
        assert (ready.status_code, ready.json()["board"]) == (503, False)
        # who asks for what cases say waits for it, and gets it
        assert READING not in (asked := board.get("/?region=FR"))
        assert "Cystitis" in asked
        held.clear()
        eventually(lambda: httpx.get(f"{url}/readyz").status_code == 200, "the books")
        after = board.get("/")
    assert READING not in after
    assert '<option value="FR">' in after
    assert '<option value="FR">' not in before
    order = re.compile(r'id="signal-(\d+)"')
    assert order.findall(after) == order.findall(before) != []
