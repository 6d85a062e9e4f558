"""`ketavigil up`: the web process and the worker of one machine, watched together."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import click
import httpx

from schemas.errors import InputError
from streams.cli.options import deployment, operator
from streams.processes import Process, on_signal
from streams.settings import Settings

OFFICER = "officer"
MASTER_KEY = "KETAVIGIL_MASTER_KEY"
_READY = 60.0  # seconds

Meanwhile = Callable[[str, asyncio.Event], Awaitable[None]]


@click.command(short_help="Gateway, worker and board on this machine.")
@deployment
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
def command(settings: Settings, port: int) -> int:
    """Run gateway, worker and board on this machine, with nothing else to install.

    Prints the address and a link that signs in once; ends on Ctrl-C or SIGTERM.
    """
    return asyncio.run(run(settings, port))


async def run(
    settings: Settings,
    port: int,
    *,
    demo: Path | None = None,
    meanwhile: Meanwhile | None = None,
) -> int:
    """Both processes until a signal, or until `meanwhile` returns; the exit status."""
    from dashboards.registration import read_registration
    from streams.cli.web import listen

    read_registration()  # as the port: better said now
    listen("127.0.0.1", port).close()  # better said now, in one line, than by a child
    stop = asyncio.Event()
    on_signal(stop)
    environment = environment_of(settings)
    web = ["web", "--port", str(port), *(["--demo", str(demo)] if demo else [])]
    processes = [Process(web, environment, say), Process(["worker"], environment, say)]
    tasks: list[asyncio.Task[int] | asyncio.Task[None]] = [
        asyncio.create_task(process.keep(stop)) for process in processes
    ]
    url = f"http://127.0.0.1:{port}"
    tasks.append(asyncio.create_task(_with_web(url, settings, stop, meanwhile)))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ended:
        if isinstance(end, BaseException):
            raise end
    return max((abs(end) for end in ended[:2] if isinstance(end, int)), default=0)


def environment_of(settings: Settings) -> dict[str, str]:
    """What both processes see of the environment: the settings, the key, the provider."""
    from dashboards.registration import PREFIX

    passed = {name: v for name, v in os.environ.items() if name.startswith((MASTER_KEY, PREFIX))}
    return settings.environment() | {name: value for name, value in passed.items() if value}


async def _with_web(
    url: str, settings: Settings, stop: asyncio.Event, meanwhile: Meanwhile | None
) -> None:
    """Once the web process answers: print where it is, and do what else there is to do."""
    if not await answers(f"{url}/healthz", stop):
        return
    link = await asyncio.to_thread(sign_in_link, settings)
    print(f"board    {url}/\nsign in  {url}{link}   (works once)", flush=True)
    await (meanwhile(url, stop) if meanwhile else stop.wait())


async def answers(url: str, stop: asyncio.Event) -> bool:
    """Wait until a URL answers 200; False where it is time to stop."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _READY
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        while not stop.is_set():
            with suppress(httpx.TransportError):
                if (await client.get(url)).status_code == 200:
                    return True
            if loop.time() > deadline:
                raise InputError("not_ready", f"{url} did not answer within {_READY:g} s")
            await asyncio.sleep(0.1)
    return False


def sign_in_link(settings: Settings) -> str:
    """The path of a one-time link for the officer of this machine, who is made where missing."""
    from dashboards import people
    from streams.store.store import open_store

    store = open_store(settings.store)
    try:
        if OFFICER not in (user.name for user in people.list_users(store)):
            people.create_user(store, OFFICER, "officer", by=operator())
        return people.create_link(store, OFFICER, operator())
    finally:
        store.close()


def say(line: str) -> None:
    """One line on standard error."""
    print(f"ketavigil: {line}", file=sys.stderr, flush=True)
