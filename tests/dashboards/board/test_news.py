"""News: one watcher and one rendering a view, however many listen."""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import Hashable

import httpx
import pytest
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.types import Message

from dashboards import people
from dashboards.board.news import GZIP, News, Rendered
from dashboards.language import current, speaking
from schemas.errors import StoreError
from tests.dashboards.board.conftest import Board
from tests.dashboards.support import PAIR, Filled


class Source:
    """A store that says a number."""

    def __init__(self) -> None:
        self.number = 1
        self.looks = 0
        self.rendered: Counter[Hashable] = Counter()
        self.away = False

    def look(self) -> int:
        self.looks += 1
        if self.away:
            raise StoreError("store_away", "gone")
        return self.number

    def render(self, view: Hashable) -> Rendered:
        self.rendered[view] += 1
        if self.away:
            raise StoreError("store_away", "gone")
        return Rendered(str(self.number), (("signals", f"{view} {self.number}"),))


async def until(text: bytes, seen: list[bytes], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not any(text in chunk for chunk in seen):
            await asyncio.sleep(0.01)


async def follow(news: News, view: str, last: str | None, seen: list[bytes]) -> None:
    async for chunk in news.listen(view, last):
        seen += [chunk]


def test_who_listens_in_another_language_hears_it_and_each_is_rendered_once() -> None:
    async def run() -> tuple[list[bytes], list[bytes], int]:
        source = Source()

        def render(view: Hashable) -> Rendered:
            made = source.render(view)
            return Rendered(made.id, (("signals", f"{current()} {made.id}"),))

        news = News(source.look, render)
        german: list[bytes] = []
        english: list[bytes] = []
        with speaking("de"):
            listening = [asyncio.create_task(follow(news, "all", None, german)) for _ in range(3)]
        listening += [asyncio.create_task(follow(news, "all", None, english)) for _ in range(3)]
        for said, seen in ((b"de 1", german), (b"en 1", english)):
            await until(said, seen)
        source.rendered.clear()
        source.number = 2
        for said, seen in ((b"de 2", german), (b"en 2", english)):
            await until(said, seen)
        for one in listening:
            one.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        return german, english, source.rendered["all"]

    german, english, rendered = asyncio.run(run())
    assert not any(b"data: en" in chunk for chunk in german)
    assert not any(b"data: de" in chunk for chunk in english)
    assert rendered == 2


def test_the_store_is_watched_and_a_view_rendered_once_for_all_who_listen() -> None:
    async def run() -> int:
        source = Source()
        news = News(source.look, source.render)
        seen: list[list[bytes]] = [[] for _ in range(200)]
        tasks = [asyncio.create_task(follow(news, "all", "1", one)) for one in seen]
        await asyncio.sleep(0.5)
        looks, rendered = source.looks, source.rendered["all"]
        source.number = 2
        for one in seen:
            await until(b"id: 2\nevent: signals\ndata: all 2\n\n", one)
        assert source.looks - looks < 15
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return source.rendered["all"] - rendered

    assert asyncio.run(run()) == 1


def test_the_watch_ends_with_the_last_listener() -> None:
    async def run() -> tuple[int, int]:
        source = Source()
        news = News(source.look, source.render)
        seen: list[bytes] = []
        task = asyncio.create_task(follow(news, "all", None, seen))
        await until(b"data: all 1", seen)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.3)
        looks = source.looks
        await asyncio.sleep(0.6)
        return looks, source.looks

    before, after = asyncio.run(run())
    assert before == after


def test_a_store_that_comes_back_is_read_again() -> None:
    async def run() -> list[bytes]:
        source = Source()
        source.away = True
        news = News(source.look, source.render)
        seen: list[bytes] = []
        task = asyncio.create_task(follow(news, "all", None, seen))
        await asyncio.sleep(0.3)
        source.away = False
        await until(b"data: all 1", seen)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return seen

    assert asyncio.run(run())[0].startswith(b"retry: ")


def test_what_many_get_is_made_once_and_each_can_read_it_packed_or_not() -> None:
    first = Rendered("1", (("signals", "<p>one</p>" * 50), ("moment", "1")))
    second = Rendered("2", (first.events[0], ("moment", "2")))
    plain = [first.since((), False), second.since(first.events, False)]
    packed = [first.since((), True), second.since(first.events, True)]
    assert plain[1] == b"id: 2\nevent: moment\ndata: 2\n\n"
    assert second.since(tuple(first.events), True) is packed[1]
    assert second.since((), True) is not packed[1]
    unpack = zlib.decompressobj(wbits=31)
    # each part can be read as soon as it is there
    assert [unpack.decompress(part) for part in (GZIP + packed[0], packed[1])] == plain
    assert len(packed[0]) < len(plain[0]) / 5


def test_who_goes_while_nothing_comes_listens_no_more() -> None:
    async def run() -> tuple[list[str], int]:
        source = Source()
        news = News(source.look, source.render)
        sent: list[str] = []
        away = asyncio.Event()

        async def receive() -> Message:
            await away.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message["type"])
            if message.get("body", b"").startswith(b"id: 1"):
                away.set()

        scope = {"type": "http", "headers": [], "query_string": b"", "method": "GET"}
        async with asyncio.timeout(5):
            await news.answer(Request(scope), "all")(scope, receive, send)
        return sent, len(news._listeners)

    body = "http.response.body"
    assert asyncio.run(run()) == (["http.response.start", body, body], 0)


def test_events_are_packed_where_the_browser_takes_that(board: Board) -> None:
    with board.client() as client:
        for name, packed in (("gzip, br", "gzip"), ("identity", None)):
            with client.stream("GET", "/events", headers={"accept-encoding": name}) as answer:
                assert answer.headers.get("content-encoding") == packed
                assert Wire(answer).event()["event"] == "signals"


class Wire:
    """Events of a connection, read as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.iter_lines()

    def event(self) -> dict[str, str]:
        """The next event, comments and the retry line left out."""
        found: dict[str, str] = {}
        for line in self._lines:
            if not line and "event" in found:
                return found
            name, _, value = line.partition(": ")
            if name in ("id", "event", "data"):
                found[name] = found.get(name, "") + value
        raise AssertionError("the connection ended")


def advance(filled: Filled, connection: Connection, position: int, n: int) -> None:
    filled.score(connection, [(PAIR, (n, 60, 80, 9_900))], position=position)
    filled.move(connection, position)


def test_who_comes_back_gets_what_was_missed_and_nothing_twice(board: Board) -> None:
    with board.client() as client:
        with client.stream("GET", "/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            first = Wire(answer).event()
        assert first["event"] == "signals"
        with board.filled.store.write() as connection:
            advance(board.filled, connection, 20, 31)
        # an old id: the newest at once
        with client.stream("GET", "/events", headers={"last-event-id": first["id"]}) as answer:
            missed = Wire(answer).event()
        assert missed["id"] != first["id"]
        assert missed["id"].startswith("20.")
        assert "<strong>31</strong>" in missed["data"]
        # the newest id: nothing until there is more
        with client.stream("GET", "/events", headers={"last-event-id": missed["id"]}) as answer:
            with board.filled.store.write() as connection:
                advance(board.filled, connection, 21, 32)
            following = Wire(answer).event()
        assert following["id"].startswith("21.")


def test_events_follow_the_filters_of_their_page(board: Board) -> None:
    with (
        board.client() as client,
        client.stream("GET", "/events?product=ketamine+%40home") as answer,
    ):
        data = Wire(answer).event()["data"]
    assert "Cystitis" in data
    assert "Dissociation" not in data


def test_a_connection_ends_so_that_who_is_asking_is_checked_again(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.board.news.LONGEST", 0.5)
    with board.client() as client:
        text = client.get("/events").text
        assert text.startswith("retry: 1000\n")
        assert text.count("event: signals\n") == 1
        people.disable_user(board.filled.store, "Anna")
        assert client.get("/events").status_code == 401


def test_a_connection_without_news_is_kept_alive(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.board.news.LONGEST", 1.0)
    monkeypatch.setattr("dashboards.board.news.HEARTBEAT", 0.2)
    with board.client() as client:
        assert client.get("/events").text.count(": alive\n\n") >= 3


def test_nobody_listens_without_signing_in(board: Board) -> None:
    assert httpx.get(f"{board.url}/events", trust_env=False).status_code == 401
