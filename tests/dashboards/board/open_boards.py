"""What an update costs the web process with one board open and with many.

python -m tests.dashboards.board.open_boards [BOARDS [UPDATES]]

A web process of its own shows a store of 300 signals; each update moves a score. CPU is that of the
process, less what it uses in the same time when nothing happens. Prints the cost with one board,
with many, and their ratio; exit 1 where an update reached a board not at all.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from sqlalchemy import update

from dashboards import people
from streams.bench.processors import seconds
from streams.store import tables
from tests.dashboards.board.conftest import Board
from tests.dashboards.support import PAIR, Filled, fill
from tests.deployment import Deployment, free_port

BOARDS, UPDATES, SIGNALS = 200, 10, 300
APART = 2.0  # seconds; the board is redrawn at most once a second
RATE = 25  # boards opened a second


class Open:
    """Boards that are open: how many events each has got."""

    def __init__(self) -> None:
        self.events: list[int] = []

    async def read(self, answer: httpx.Response, which: int) -> None:
        """Count events until the connection ends."""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                self.events[which] += 1


@asynccontextmanager
async def boards(url: str, cookie: str, count: int) -> AsyncIterator[Open]:
    """So many connections of `/events`."""
    opened = Open()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=url, cookies={"ketavigil_session": cookie}, timeout=None, limits=limits
    ) as client:
        answers, tasks = [], []
        for which in range(count):
            answer = await client.send(client.build_request("GET", "/events"), stream=True)
            answer.raise_for_status()
            answers.append(answer)
            opened.events.append(0)
            tasks.append(asyncio.create_task(opened.read(answer, which)))
            await asyncio.sleep(1 / RATE)
        try:
            while not all(opened.events):
                await asyncio.sleep(0.05)
            yield opened
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for answer in answers:
                await answer.aclose()


def moved(filled: Filled, position: int) -> None:
    """One more case of the pair."""
    n = 8 + position
    with filled.store.write() as connection:
        filled.score(connection, [(PAIR, (n, 32 + n, 40 + n, 10_000 + n))], position=position)
        at = tables.positions.c.consumer == "detect"
        connection.execute(update(tables.positions).where(at).values(next_offset=position + 1))


async def cost(
    process: subprocess.Popen[bytes], board: Board, count: int, updates: int, first: int
) -> tuple[float, bool]:
    """Seconds of CPU an update, and whether every board got every one."""
    async with boards(board.url, board.cookie(), count) as opened:
        await asyncio.sleep(APART)
        before = seconds(process)
        await asyncio.sleep(APART * updates)
        idle = seconds(process) - before
        seen, before = list(opened.events), seconds(process)
        for number in range(updates):
            began = time.monotonic()
            await asyncio.to_thread(moved, board.filled, first + number)
            await asyncio.sleep(max(0.0, APART - (time.monotonic() - began)))
        used = seconds(process) - before - idle
        reached = all(now - then >= updates for now, then in zip(opened.events, seen, strict=True))
    return used / updates, reached


def main(count: int = BOARDS, updates: int = UPDATES) -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as data:
        filled = Filled(Path(data))
        fill(filled)
        with filled.store.write() as connection:
            for i in range(SIGNALS):
                pair = ("spontaneous", "ketamine", f"Event {i}")
                filled.score(connection, [(pair, (3 + i % 9, 400, 40, 90_000))], position=1)
                filled.signal(connection, pair, position=1, n=3, rules={"ic025": True})
        people.create_user(filled.store, "Anna", "officer")
        quiet = {"KETAVIGIL_CANARY_SECONDS": "0", "KETAVIGIL_SELF_TEST_SECONDS": "0"}
        with Deployment(Path(data), **quiet) as deployment:
            deployment.port = free_port()
            deployment.start("web")
            deployment.ready("web")
            board, process = Board(deployment.url, filled), deployment.processes["web"]
            one, reached_one = asyncio.run(cost(process, board, 1, updates, 1_000))
            many, reached = asyncio.run(cost(process, board, count, updates, 2_000))
        filled.close()
    sys.stdout.write(
        f"an update with 1 board open: {1000 * one:.1f} ms of CPU\n"
        f"an update with {count} boards open: {1000 * many:.1f} ms of CPU, {many / one:.2f} times;"
        f" {1e6 * (many - one) / (count - 1):.0f} us for each further board\n"
        f"every board got every update: {reached_one and reached}\n"
    )
    return 0 if reached_one and reached else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
