"""`ketavigil worker`: the agents."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import click

from streams.cli.options import deployment
from streams.settings import Settings


@click.command
@deployment
@click.option("--host", default="127.0.0.1", show_default=True, help="Where --port is.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Answer /healthz and /readyz here.  [nowhere]"
)
def command(settings: Settings, host: str, port: int | None) -> None:
    """Run intake, follow-up and detect until SIGTERM.

    On Kafka and PostgreSQL any number of workers share the partitions; one of them detects, the
    others stand by.
    """
    from streams.agents.health import Health, serving
    from streams.agents.worker import run

    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)  # libraries raise their own loggers' level
    logging.basicConfig(
        handlers=[handler],
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    health = Health()
    with ExitStack() as stack:
        if port is not None:
            stack.enter_context(serving(health, host, port))
        run(settings, lambda line: print(line, flush=True), health)
