"""Processes that run together: started, watched, started again, stopped in good order."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from streams.settings import ENVIRONMENT

_PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)  # seconds before a dead one is started again
_SETTLED = 60.0  # seconds after which a start counts as good
_STOPPING = 30.0  # seconds to end by itself
_BAD_USAGE = 2  # what a command exits with where trying again cannot help


class Process:
    """One `ketavigil` command that has to keep running.

    It sees those `KETAVIGIL_*` variables alone that stand in `environment`. `say` is told in one
    line of every death and restart.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: dict[str, str],
        say: Callable[[str], None],
    ) -> None:
        self.name = arguments[0]
        self._command = (sys.executable, "-m", "streams", *arguments)
        others = {k: v for k, v in os.environ.items() if not k.startswith(ENVIRONMENT)}
        self._environment = others | environment
        self._say = say
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        running = self._process
        return running.pid if running and running.returncode is None else None

    async def keep(self, stop: asyncio.Event) -> int:
        """Keep it running until `stop`, then stop it; the status it ended with.

        A command that refuses (exit 2) is not started again: its status is returned at once.
        """
        loop, tries = asyncio.get_running_loop(), 0
        while not stop.is_set():
            began = loop.time()
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                # Ctrl-C in a terminal reaches us alone, and we stop them in order
                process_group=0,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
            status = await self._ended(stop)
            if stop.is_set() or status == _BAD_USAGE:
                return status
            if loop.time() - began > _SETTLED:
                tries = 0
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            tries += 1
            how = f"signal {-status}" if status < 0 else f"status {status}"
            self._say(f"{self.name} ended with {how}; it is started again in {pause:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
        return 0

    async def _ended(self, stop: asyncio.Event) -> int:
        """Wait for its end, or end it."""
        assert self._process is not None
        ending = asyncio.ensure_future(self._process.wait())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((ending, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                with suppress(ProcessLookupError):
                    self._process.terminate()
                await asyncio.wait((ending,), timeout=_STOPPING)
                if not ending.done():
                    self._say(f"{self.name} did not stop within {_STOPPING:g} s; it is killed")
                    with suppress(ProcessLookupError):
                        self._process.kill()
            return await ending
        finally:
            stopping.cancel()


def _die_with_parent() -> None:
    # PR_SET_PDEATHSIG: where we are killed outright, nobody else would stop them
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def on_signal(stop: asyncio.Event) -> None:
    """Set `stop` on SIGTERM and Ctrl-C."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
