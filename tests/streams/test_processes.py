"""Processes that run together: a dead one comes back, one that refuses ends all, none is left."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from streams import processes
from streams.processes import Process


async def _until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not reached():
            await asyncio.sleep(0.02)


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_process_that_is_killed_is_started_again_and_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(processes, "_PAUSES", (0.1,))
    said: list[str] = []

    async def scenario() -> tuple[int, int, int]:
        stop = asyncio.Event()
        worker = Process(["worker"], {"KETAVIGIL_DATA": str(tmp_path)}, said.append)
        keeping = asyncio.create_task(worker.keep(stop))
        await _until(lambda: worker.pid is not None)
        first = worker.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await _until(lambda: worker.pid not in (None, first))
        second = worker.pid
        assert second is not None
        stop.set()
        return first, second, await keeping

    first, second, _ = asyncio.run(scenario())
    assert said == ["worker ended with signal 9; it is started again in 0.1 s"]
    assert _gone(first)
    assert _gone(second)


def test_a_command_that_refuses_is_not_started_again() -> None:
    said: list[str] = []

    async def scenario() -> int:
        refusing = Process(["worker", "--rules", "no-such-file"], {}, said.append)
        return await asyncio.wait_for(refusing.keep(asyncio.Event()), 60)

    assert asyncio.run(scenario()) == 2
    assert said == []


def test_a_process_sees_only_the_settings_it_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("KETAVIGIL_RULES", "no-such-file")  # refused by whoever reads it
    said: list[str] = []

    async def scenario() -> None:
        stop = asyncio.Event()

        def say(line: str) -> None:
            said.append(line)
            stop.set()

        listing = Process(["key", "list"], {"KETAVIGIL_DATA": str(tmp_path)}, say)
        await asyncio.wait_for(listing.keep(stop), 60)

    asyncio.run(scenario())
    assert said == ["key ended with status 0; it is started again in 1 s"]


def test_pauses_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PAUSES", (0.01, 0.02, 0.03))
    said: list[str] = []

    async def scenario() -> None:
        stop = asyncio.Event()

        def say(line: str) -> None:
            said.append(line)
            if len(said) == 4:
                stop.set()

        short = Process(["--version"], {}, say)
        await asyncio.wait_for(short.keep(stop), 60)

    asyncio.run(scenario())
    assert [line.split(" in ")[1] for line in said] == ["0.01 s", "0.02 s", "0.03 s", "0.03 s"]
