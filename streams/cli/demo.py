"""`ketavigil demo`: `up` with simulated clinics, and a page that says what was planted."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path

import click

from schemas.errors import InputError
from streams.cli import up
from streams.settings import CANARY_SECONDS, Settings

_SELF_TEST = 60.0  # seconds; there is more new in a minute than elsewhere in a day


@click.command(short_help="`up` with simulated clinics, and planted signals to find.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="A new directory to keep; without it a temporary one is used and removed.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed sends the same records.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="End after so long.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--rate",
    default=14.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True, max=500),
    help="Reports a second after the first rush.",
)
def command(data: Path | None, seed: int, minutes: float | None, port: int, rate: float) -> int:
    """Show ketavigil at work: four simulated clinics and three registries push over HTTP.

    Nothing they send is real.
    """
    if data is not None and data.exists() and any(data.iterdir()):
        raise InputError("not_empty", f"{data} is not empty; a demo needs a directory of its own")
    with tempfile.TemporaryDirectory(prefix="ketavigil-demo-") as scratch:
        return asyncio.run(_run(data or Path(scratch) / "data", seed, minutes, port, rate))


async def _run(data: Path, seed: int, minutes: float | None, port: int, rate: float) -> int:
    from streams.gateway.keys import create_key
    from streams.simulate import truth
    from streams.simulate.push import Simulation
    from streams.store.store import open_store

    # nothing of the environment: a demo must not write into a real deployment
    settings = Settings(
        data=data,
        broker=f"sqlite:///{data}/log.db",
        store=f"sqlite:///{data}/store.db",
        canary_seconds=CANARY_SECONDS,
        self_test_seconds=_SELF_TEST,
    )
    data.mkdir(parents=True, exist_ok=True)
    path = data / "demo.json"
    simulation = Simulation(seed, rate=rate)
    truth.write(path, simulation.truth())

    def keys() -> dict[str, str]:
        store = open_store(settings.store)
        try:
            return {name: create_key(store, name) for name in simulation.senders}
        finally:
            store.close()

    async def push(url: str, stop: asyncio.Event) -> None:
        print(f"planted  {url}/demo\nFour simulated clinics and three registries push. ", end="")
        print("Nothing they send is real. Ctrl-C ends it.", flush=True)
        over = asyncio.create_task(_after(minutes, stop))
        try:
            await simulation.run(
                url,
                await asyncio.to_thread(keys),
                lambda: truth.write(path, simulation.truth()),
                stop,
            )
        finally:
            over.cancel()

    return await up.run(settings, port, demo=path, meanwhile=push)


async def _after(minutes: float | None, stop: asyncio.Event) -> None:
    with suppress(asyncio.CancelledError):
        if minutes is not None:
            await asyncio.sleep(60 * minutes)
            stop.set()
