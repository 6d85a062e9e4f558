"""Options that commands share: which deployment, and whether to print JSON."""

from __future__ import annotations

import functools
import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from streams.settings import FILES, Settings
from streams.store.trail import Actor

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="Directory of the log, the store and the master key. [default: ketavigil-data]",
    ),
    click.option("--broker", help="URL of the log: sqlite:///PATH or kafka://HOST:9092."),
    click.option("--store", help="URL of the store: sqlite:///PATH or postgresql+psycopg://..."),
    click.option("--watchlist", type=_FILE, help="Products watched, in place of those shipped."),
    click.option("--vocabulary", type=_FILE, help="Names added to the vocabulary shipped."),
    click.option("--rules", type=_FILE, help="Screening rules, in place of those shipped."),
    click.option(
        "--case-review", type=_FILE, help="Events reviewed from the first case, likewise."
    ),
    click.option("--listed", type=_FILE, help="Events that labels list, likewise."),
    click.option("--family", type=_FILE, help="Family of sequential evidence, likewise."),
    click.option("--controls", type=_FILE, help="Negative controls of the self-test, likewise."),
)


def deployment(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a deployment; the command gets them as `settings`.

    What is not given comes from `KETAVIGIL_*` of the environment, then from the defaults.

    >>> @click.command
    ... @deployment
    ... def show(settings: Settings) -> None:
    ...     print(settings.broker)
    >>> show.main(["--data", "d"], standalone_mode=False)
    sqlite:///d/log.db
    """

    @functools.wraps(command)
    def run(
        *,
        data: Path | None,
        broker: str | None,
        store: str | None,
        **others: Any,
    ) -> Any:
        files = {name: others.pop(name) for name in FILES}
        settings = Settings.read(data, broker, store, **files)
        return command(settings=settings, **others)

    decorated: Callable[..., Any] = run
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def operator() -> Actor:
    """Who runs a command, for the audit trail: the user of the operating system."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        name = ""
    return Actor(f"console {name}".rstrip(), "console")
