"""`ketavigil worker`: the agents."""

from __future__ import annotations

import logging

import click

from streams.cli.options import deployment
from streams.settings import Settings


@click.command
@deployment
def command(settings: Settings) -> None:
    """Run intake, follow-up and detect until SIGTERM."""
    from streams.agents.worker import run

    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)  # libraries raise their own loggers' level
    logging.basicConfig(
        handlers=[handler],
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    run(settings, lambda line: print(line, flush=True))
