"""`ketavigil backtest`: the day on which each screening rule first held for a pair."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import click

from streams.cli.detect import reading_options, warn

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command
@click.option("--input", "source", type=_FILE, required=True, help="Reports with their dates.")
@click.option("--product", required=True, help="As it may stand in the reports.")
@click.option("--event", required=True, help="A term, or group:NAME.")
@click.option("--rules", type=_FILE, help="Rules in place of those shipped.")
@reading_options
def command(
    *,
    source: Path,
    product: str,
    event: str,
    rules: Path | None,
    form: str,
    roles: str,
    dataset: str,
    vocabulary: Path | None,
) -> None:
    """Print, for each rule, the receipt date and the count at which it first held, or null.

    The counts of a day are those of the reports received by its end; a case that came in several
    versions holds each product and event from the version that first named it.
    """
    from detectors.dating import History
    from detectors.rules import read
    from streams.scoring import cases, files

    asked = read(files.text(rules) if rules else None)
    reading = cases.Reading.of(vocabulary, roles, groups=True)
    files.read(source, form, reading, dated=True)
    book = reading.casebook()
    files.say(reading, book, dataset, warn)
    pair = files.pair(reading, book, dataset, product, event)
    (held,) = History(book, dataset).first_held([pair], asked)
    found = [
        {
            "rule": name,
            "date": date.fromordinal(first.day).isoformat() if first else None,
            "n": first.n if first else None,
        }
        for name, first in held.items()
    ]
    click.echo(json.dumps({"rules": found}))
