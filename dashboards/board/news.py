"""News to every open board: one watcher of the store a process, one rendering a view and language.

Each event carries its moment as id; who comes back with the id of the newest gets nothing until
there is more, who comes back with an older one gets the newest at once.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cache, partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dashboards.language import current, speaking
from schemas.errors import StoreError

logger = logging.getLogger("ketavigil.web")

IDLE = 0.2  # seconds between looks at the store
BUSY = 1.0  # seconds after news, so that a stream of records does not redraw all the time
HEARTBEAT = 15.0
# a connection ends after this and the browser opens it anew: so the check of who is asking is
# passed again, and a session that has ended sees no more
LONGEST = 300.0

_CONNECTED, _ALIVE = b"retry: 1000\n: connected\n\n", b": alive\n\n"
GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # the head of a stream of unknown origin

_Event = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A view as it is now: the id of its moment, and the events that show it."""

    id: str
    events: tuple[_Event, ...]
    _made: dict[tuple[tuple[_Event, ...], bool], bytes] = field(
        default_factory=dict, repr=False, compare=False
    )

    def since(self, before: tuple[_Event, ...], packed: bool) -> bytes:
        """What is new to who has seen some events: made for the first of all who have."""
        made = self._made.get((before, packed))
        if made is None:
            new = [event for event in self.events if event not in before]
            made = b"".join(message(self.id, *event) for event in new)
            self._made[before, packed] = made = block(made) if packed and made else made
        return made


_Heard = tuple[str, Hashable]  # a language and a view


class News:
    """Watches while somebody listens.

    `look` gives something that differs whenever there is news; `render` a view of the store. Both
    block and run in threads.
    """

    def __init__(self, look: Callable[[], object], render: Callable[[Hashable], Rendered]) -> None:
        self._look, self._render = look, render
        self._listeners: dict[_Heard, set[asyncio.Event]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._views: dict[_Heard, asyncio.Future[Rendered]] = {}

    def answer(self, request: Request, view: Hashable) -> Response:
        """News of a view for as long as the page is open.

        They begin behind what the browser says that it has seen, else behind what the page shows.
        """
        last = request.headers.get("last-event-id") or request.query_params.get("since")
        packed = "gzip" in request.headers.get("accept-encoding", "")
        return _Answer(self.listen(view, last, packed=packed), packed=packed)

    async def listen(
        self, view: Hashable, last: str | None, *, packed: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """The stream of one connection, `packed` or not; `last` is the id it has seen."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST
        news = asyncio.Event()
        heard = (current(), view)
        self._listeners.setdefault(heard, set()).add(news)
        if self._watching is None:
            self._views.clear()
            self._watching = asyncio.create_task(self._watch())
        shown: tuple[_Event, ...] = ()
        connected, alive = map(_once, (_CONNECTED, _ALIVE)) if packed else (_CONNECTED, _ALIVE)
        try:
            yield GZIP + connected if packed else connected
            said = loop.time()
            while (left := until - loop.time()) > 0:
                news.clear()
                try:
                    found = await self._view(heard)
                except StoreError:
                    found = None
                if found is not None and found.id != last:
                    if new := found.since(shown, packed):
                        yield new
                        said = loop.time()
                    shown, last = found.events, found.id
                elif loop.time() >= said + HEARTBEAT:
                    yield alive
                    said = loop.time()
                timer = loop.call_later(min(said + HEARTBEAT - loop.time(), left), news.set)
                await news.wait()
                timer.cancel()
        finally:
            self._gone(heard, news)

    def _gone(self, heard: _Heard, news: asyncio.Event) -> None:
        self._listeners[heard].discard(news)
        if not self._listeners[heard]:
            del self._listeners[heard]
        if not self._listeners and self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def _spoken(self, language: str, view: Hashable) -> Rendered:
        with speaking(language):
            return self._render(view)

    async def _view(self, heard: _Heard) -> Rendered:
        """The view since the last news, rendered for the first who asks in that language."""
        known = self._views.get(heard)
        if known is not None and known.done() and not (known.cancelled() or known.exception()):
            return known.result()
        return await asyncio.shield(self._rendering(heard))

    def _rendering(self, heard: _Heard) -> asyncio.Future[Rendered]:
        known = self._views.get(heard)
        if known is None or (known.done() and (known.cancelled() or known.exception())):
            known = asyncio.ensure_future(run_in_threadpool(self._spoken, *heard))
            self._views[heard] = known
            known.add_done_callback(_retrieve)
        return known

    async def _watch(self) -> None:
        seen: object = None
        away = False
        while True:
            try:
                found = await run_in_threadpool(self._look)
                away = False
            except StoreError as error:
                if not away:
                    logger.warning("%s: %s", error.code, error)
                away = True
                await asyncio.sleep(BUSY)
                continue
            if found == seen:
                await asyncio.sleep(IDLE)
                continue
            seen = found
            self._views.clear()
            # nobody is woken before there is something to be sent
            for heard in self._listeners:
                self._rendering(heard).add_done_callback(partial(self._wake, heard))
            await asyncio.sleep(BUSY)

    def _wake(self, heard: _Heard, rendered: object) -> None:
        for listener in self._listeners.get(heard, ()):
            listener.set()


class _Answer(Response):
    """A stream of events: written as it comes, by the one task that the connection has."""

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncGenerator[bytes, None], *, packed: bool) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        headers |= {"vary": "accept-encoding"} | ({"content-encoding": "gzip"} if packed else {})
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start"} | head)
        writing = asyncio.ensure_future(self._write(send))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait((writing, gone), return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                writing.result()
        finally:
            for task in (writing, gone):
                task.cancel()
            await asyncio.gather(writing, gone, return_exceptions=True)

    async def _write(self, send: Send) -> None:
        body = {"type": "http.response.body", "more_body": True}
        async with aclosing(self._chunks) as chunks:
            async for chunk in chunks:
                await send(body | {"body": chunk})
        await send(body | {"body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def block(data: bytes) -> bytes:
    r"""A part of a compressed stream, the same whatever stands before it.

    So what is sent to many is compressed once; it can be read as soon as it has come.

    >>> zlib.decompressobj(wbits=31).decompress(GZIP + block(b"one, ") + block(b"two"))
    b'one, two'
    """
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(data) + packing.flush(zlib.Z_FULL_FLUSH)


_once = cache(block)


def message(number: str, event: str, data: str) -> bytes:
    r"""One event as it goes over the wire.

    >>> message("7.1.9", "signals", "<p>\n</p>")
    b'id: 7.1.9\nevent: signals\ndata: <p>\ndata: </p>\n\n'
    """
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"id: {number}\nevent: {event}\n{lines}\n".encode()


def _retrieve(future: asyncio.Future[Rendered]) -> None:
    """Whoever asked has the error; nobody is left to ask where all have gone."""
    if not future.cancelled():
        future.exception()
