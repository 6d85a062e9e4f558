"""`ketavigil bench`: the benchmarks."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import msgspec

from streams.cli.options import as_json
from streams.settings import Settings

SECTIONS = ("pipeline", "detectors", "truth", "followup", "scale", "formats", "large", "cluster")


@click.command(short_help="Benchmarks, each against something in the same run.")
@click.argument("section", type=click.Choice(SECTIONS))
@click.option(
    "--records",
    default=100_000,
    show_default=True,
    type=click.IntRange(min=1000),
    help="pipeline, large: reports that are imported; formats: a fifth of it in each format.",
)
@click.option(
    "--repeats", type=click.IntRange(min=1), help="Runs a side: 3 of pipeline, 5 of detectors."
)
@click.option(
    "--vigipy-repeats",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    help="detectors: runs of vigipy on 2.3 million pairs, at most --repeats.",
)
@click.option(
    "--runs",
    default=4000,
    show_default=True,
    type=click.IntRange(min=20),
    help="truth: simulated runs of each setting; followup: replicated surveillances.",
)
@click.option(
    "--courses",
    default=100_000,
    show_default=True,
    type=click.IntRange(min=100),
    help="followup: courses that are held at once.",
)
@click.option(
    "--cases",
    default=10_000_000,
    show_default=True,
    type=click.IntRange(min=20_000),
    help="scale: cases at the end.",
)
@click.option(
    "--quick", is_flag=True, help="detectors: the smallest tables alone; followup: small sizes."
)
@click.option(
    "--public",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="truth: a folder with reference_sets/unified_controls.csv and faers_2025q3/reports.csv,"
    " whose drug-event controls are counted and, where there are enough, told apart.",
)
@click.option("--broker", help="cluster: kafka://HOST:9092 of brokers without a deployment.")
@click.option(
    "--store", help="cluster: postgresql+psycopg://... of a server where databases may be made."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0))
@as_json
def command(
    *,
    section: str,
    records: int,
    repeats: int | None,
    vigipy_repeats: int,
    runs: int,
    public: Path | None,
    courses: int,
    cases: int,
    quick: bool,
    broker: str | None,
    store: str | None,
    seed: int,
    as_json: bool,
) -> int:
    """Measure a section; exit 1 where a goal is missed.

    pipeline: `import` of a file with the quality gate on, in turns with a bare loop that does the
    same work without Faust or the log; then 200 records a second over HTTP, on top of that.

    detectors: GPS with its prior, and PRR, ROR and IC with limits, in turns with vigipy 3.5.1 on
    the same tables. vigipy is installed once, into an environment of its own in the user's cache
    folder; where it cannot be, exit 2.

    truth: simulated false alarms and detection of rules and sequential methods, and what
    calibration on negative controls is worth; with --public, the public controls as well.

    followup: false findings of simulated courses without harm, false alarms of replicated
    surveillances, weeks until planted harms are found, and the speed of the follow-up streams.

    formats: files of each format read on one core, beside a bare parse of the same bytes.

    large: a batch of E2B(R3) of 100,000 reports (850 MB, in the folder for temporary files) read,
    checked, sealed and appended to a log, and the memory at its start, a quarter and its end.

    cluster: the import on Kafka and PostgreSQL in turns with the embedded one and with a bare
    aiokafka loop, two workers against one, and how fast a detector starts.

    scale: what a report, memory, a rebuild and a full score cost from 10,000 cases on.
    """
    from streams.bench import cluster, detectors, followup, formats, large, pipeline, scale, truth
    from streams.bench.rows import text

    with tempfile.TemporaryDirectory(prefix="ketavigil-bench-") as scratch:
        folder = Path(scratch)
        if section == "pipeline":
            rows = pipeline.run(folder, records, seed, repeats or 3)
        elif section == "detectors":
            rows = detectors.run(folder, seed, repeats or 5, vigipy_repeats, quick)
        elif section == "truth":
            rows = truth.run(runs, seed, public)
        elif section == "followup":
            sizes = followup.Sizes(runs=runs, courses=courses)
            rows = followup.run(sizes.quick if quick else sizes, seed)
        elif section == "cluster":
            settings = Settings.read(folder, broker, store)
            rows = cluster.run(folder, settings, records, seed, repeats or 3)
        elif section == "formats":
            rows = formats.run(folder, records // 5, seed)
        elif section == "large":
            rows = large.run(folder, records, seed)
        else:
            rows = scale.run(cases, seed)
    if as_json:
        print(msgspec.json.encode(rows).decode())
    else:
        tables = {"truth": truth.table, "followup": followup.table}
        print(tables[section](rows) if section in tables else "\n".join(map(text, rows)))
    return 1 if any(row.met is False for row in rows) else 0
