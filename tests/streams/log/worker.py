"""A worker in small: one agent, which keeps what it takes and its positions as a store does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from faust.types import TP

from streams.app import App, create_app, run_app


class Worker:
    """Its memory outlives its runs: each run makes a new app, as a new process would."""

    def __init__(self, url: str, topic: str, datadir: Path, *, stores: bool = True) -> None:
        self.url, self.topic, self.datadir, self.stores = url, topic, datadir, stores
        self.taken: list[tuple[int, int, bytes]] = []
        self.positions: dict[TP, int] = {}
        self.told: list[str] = []
        self.before_batch: Callable[[list[Any]], Awaitable[None]] | None = None
        self.running: App | None = None

    @property
    def values(self) -> list[bytes]:
        return [value for _, _, value in self.taken]

    def app(self) -> App:
        app = create_app(
            name=f"g-{self.topic}",
            broker=self.url,
            datadir=self.datadir,
            stored_positions=self._stored if self.stores else None,
            on_assigned=self._assigned,
            broker_commit_interval=0.2,
        )
        app.agent(app.topic(self.topic), name="take")(self._take)
        self.running = app
        return app

    async def run(self, until: Callable[[], bool], seconds: float = 60.0) -> None:
        """Run until something holds and stop; fails after `seconds`."""
        stop = asyncio.Event()
        running = asyncio.create_task(run_app(self.app(), stop))
        async with asyncio.timeout(seconds):
            while not until() and not running.done():
                await asyncio.sleep(0.02)
            stop.set()
            await running

    async def _take(self, stream: Any) -> None:
        async for events in stream.take_events(4, within=0.02):
            if self.before_batch is not None:
                await self.before_batch(events)
            for event in events:
                message = event.message
                if message.offset >= self.positions.get(message.tp, 0):
                    self.taken.append((message.partition, message.offset, event.value))
                    self.positions[message.tp] = message.offset + 1
            self.told.append("taken")

    async def _stored(self, tps: set[TP]) -> Mapping[TP, int]:
        return {tp: offset for tp, offset in self.positions.items() if tp in tps}

    async def _assigned(self, tps: frozenset[TP]) -> None:
        await asyncio.sleep(0.1)
        self.told.append(f"assigned {len(tps)}")
