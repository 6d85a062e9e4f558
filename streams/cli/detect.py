"""`ketavigil detect`: score a file, with no server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_FILE = click.Path(path_type=Path, dir_okay=False)


def reading_options(command: Any) -> Any:
    """Add the options that say how a file of reports is read."""
    for option in (
        click.option("--format", "form", default="auto", show_default=True, help="Of the reports."),
        click.option(
            "--roles",
            default="suspect,interacting,unknown",
            show_default=True,
            help="Roles of a product that count; concomitant is the fourth.",
        ),
        click.option(
            "--dataset",
            type=click.Choice(["spontaneous", "solicited"]),
            default="spontaneous",
            show_default=True,
            help="The two are never pooled.",
        ),
        click.option("--vocabulary", type=_FILE, help="Names added to the vocabulary shipped."),
    ):
        command = option(command)
    return command


@click.command
@click.option("--input", "source", type=_FILE, required=True, help="Counts or reports.")
@click.option("--output", type=_FILE, required=True, help="CSV or Parquet, by its name.")
@click.option("--methods", default="all", show_default=True, help="Their names, by commas.")
@click.option(
    "--with",
    "beside",
    multiple=True,
    metavar="PRODUCT",
    help="Also Omega of each product together with this one, or any of class:NAME; reports only.",
)
@click.option("--groups", is_flag=True, help="Also a row for each group of events.")
@click.option(
    "--ebgm-likelihood",
    type=click.Choice(["truncated", "zero_cells"]),
    default="truncated",
    show_default=True,
    help="Fit the prior to the pairs seen, or to all products by all events.",
)
@reading_options
def command(
    *,
    source: Path,
    output: Path,
    methods: str,
    beside: tuple[str, ...],
    groups: bool,
    ebgm_likelihood: str,
    form: str,
    roles: str,
    dataset: str,
    vocabulary: Path | None,
) -> int:
    """Write one row a pair, sorted by product and event, with its counts and scores.

    The input is a table (CSV or Parquet, .gz too) of counts (product,event,n, with
    n_product,n_event,n_total or without, and stratum), a table of reports
    (report_id,products,events, values separated by |, a product with ::PS ::SS ::C ::I), or
    reports in any format that `import` reads. Counts are taken as named; reports are coded and
    their versions resolved as in the live system; the prior of EBGM is fitted to terms alone, with
    --groups or without. What cannot be computed is empty.

    Counts with a stratum have Mantel-Haenszel ratios over the strata as well. --with asks of each
    pair whether it is reported more often with another product than the two explain: the expected
    count, Omega, and its limits. Where that product is concomitant, name its role in --roles.
    """
    from detectors.coding import plain
    from detectors.disproportionality import omega
    from streams.scoring import cases, counts, files, scored, tables

    asked = scored.chosen(methods, scored.GIVEN_BY)
    given: dict[str, Any] = {}
    if files.shape(source) == "counts":
        if groups or beside:
            raise click.UsageError("--groups and --with need reports; counts are taken as named")
        table, strata = counts.read(source)
        fitted_to = table
        if strata is not None:
            given["strata"] = strata
    else:
        reading = cases.Reading.of(vocabulary, roles, groups=groups)
        files.read(source, form, reading)
        book = reading.casebook()
        files.say(reading, book, dataset, warn)
        table = book.table(dataset)
        fitted_to = table.rows(plain(table))
        if beside:
            within = reading.casebook(files.products(reading, book, beside))
            pairs = zip(table.product, table.event, strict=True)
            given["triples"] = omega.together(table, within.table_of(dataset, pairs))
    asked = scored.chosen(methods, given)
    columns, failed = scored.columns(
        table, asked, warn, fitted_to=fitted_to, likelihood=ebgm_likelihood, given=given
    )
    tables.write(output, columns)
    return int(failed > 0 and failed == len(asked) and methods != "all")


def warn(code: str, message: str) -> None:
    """A warning: its code and one line, on standard error."""
    click.echo(f"ketavigil: warning: {code}: {message}", err=True)
