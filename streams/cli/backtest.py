"""`ketavigil backtest`: the day on which each rule first held for a pair."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import click

from streams.cli.detect import reading_options, warn

# of sequential evidence, for one pair
ALPHA = 0.05
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

    Without --rules the last one is two_sample: sequential evidence at one look a day, of the
    product's reports beside all others, that the event's odds are above 1.25 times theirs. It holds
    an error of 0.05 over all days for this pair alone, chosen beforehand; no look uses a report
    before its receipt date.
    """
    from math import log

    from detectors.dating import History
    from detectors.rules import read
    from detectors.sequential import receipts
    from streams.scoring import cases, files

    asked = read(files.text(rules) if rules else None)
    reading = cases.Reading.of(vocabulary, roles, groups=True)
    files.read(source, form, reading, dated=True)
    book = reading.casebook()
    files.say(reading, book, dataset, warn)
    pair = files.pair(reading, book, dataset, product, event)
    (held,) = History(book, dataset).first_held([pair], asked)
    found: list[dict[str, Any]] = [
        {
            "rule": name,
            "date": date.fromordinal(first.day).isoformat() if first else None,
            "n": first.n if first else None,
        }
        for name, first in held.items()
    ]
    if rules is None:
        within, *codes = book.codes(dataset, *pair)
        looks = receipts.days(book.contents().within(within), *codes)
        evidence = receipts.reached(looks, log(1 / ALPHA))
        day = date.fromordinal(evidence.day).isoformat() if evidence else None
        found.append({"rule": "two_sample", "date": day, "n": evidence.n if evidence else None})
    click.echo(json.dumps({"rules": found}))
