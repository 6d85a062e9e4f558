"""News to every open board: one watcher of the store a process, one rendering a view.

Each event carries its moment as id; who comes back with the id of the newest gets nothing until
there is more, who comes back with an older one gets the newest at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from schemas.errors import StoreError

logger = logging.getLogger("ketavigil.web")

IDLE = 0.2  # seconds between looks at the store
BUSY = 1.0  # seconds after news, so that a stream of records does not redraw all the time
HEARTBEAT = 15.0
# a connection ends after this and the browser opens it anew: so the check of who is asking is
# passed again, and a session that has ended sees no more
LONGEST = 300.0


@dataclass(frozen=True, slots=True)
class Rendered:
    """A view as it is now: the id of its moment, and the events that show it."""

    id: str
    events: tuple[tuple[str, str], ...]


class News:
    """Watches while somebody listens.

    `look` gives something that differs whenever there is news; `render` a view of the store. Both
    block and run in threads.
    """

    def __init__(self, look: Callable[[], object], render: Callable[[Hashable], Rendered]) -> None:
        self._look, self._render = look, render
        self._listeners: set[asyncio.Event] = set()
        self._watching: asyncio.Task[None] | None = None
        self._views: dict[Hashable, asyncio.Future[Rendered]] = {}

    async def listen(self, view: Hashable, last: str | None) -> AsyncIterator[bytes]:
        """The stream of one connection; `last` is the id it has seen."""
        until = asyncio.get_running_loop().time() + LONGEST
        news = asyncio.Event()
        self._listeners.add(news)
        if self._watching is None:
            self._views.clear()
            self._watching = asyncio.create_task(self._watch())
        shown: tuple[tuple[str, str], ...] = ()
        try:
            yield b"retry: 1000\n: connected\n\n"
            while (left := until - asyncio.get_running_loop().time()) > 0:
                news.clear()
                try:
                    found = await self._view(view)
                except StoreError:
                    found = None
                if found is not None and found.id != last:
                    for event in found.events:
                        if event not in shown:
                            yield message(found.id, *event)
                    shown, last = found.events, found.id
                await _wait(news, min(HEARTBEAT, left))
                if not news.is_set():
                    yield b": alive\n\n"
        finally:
            self._listeners.discard(news)
            if not self._listeners and self._watching is not None:
                self._watching.cancel()
                self._watching = None

    async def _view(self, view: Hashable) -> Rendered:
        """The view since the last news, rendered for the first who asks."""
        known = self._views.get(view)
        if known is None or (known.done() and (known.cancelled() or known.exception())):
            known = self._views[view] = asyncio.ensure_future(run_in_threadpool(self._render, view))
            known.add_done_callback(_retrieve)
        return await asyncio.shield(known)

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
            for listener in self._listeners:
                listener.set()
            await asyncio.sleep(BUSY)


def message(number: str, event: str, data: str) -> bytes:
    r"""One event as it goes over the wire.

    >>> message("7.1.9", "signals", "<p>\n</p>")
    b'id: 7.1.9\nevent: signals\ndata: <p>\ndata: </p>\n\n'
    """
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"id: {number}\nevent: {event}\n{lines}\n".encode()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


def _retrieve(future: asyncio.Future[Rendered]) -> None:
    """Whoever asked has the error; nobody is left to ask where all have gone."""
    if not future.cancelled():
        future.exception()
