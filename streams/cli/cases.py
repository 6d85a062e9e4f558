"""`ketavigil cases`: the case series of a signal, in any format that is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from streams.cli.options import as_json, deployment, operator
from streams.settings import Settings


@click.command
@deployment
@as_json
@click.argument("signal", type=int)
@click.argument("target", metavar="TO", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", help="Format of TO. [default: as its name ends]")
@click.option("--as-of", help="A position, or a date (its last position); now unless given.")
@click.option("--batch", default="", help="e2b_r3: number of the batch. [default: its moment]")
@click.option("--from-id", default="KETAVIGIL", show_default=True, help="e2b_r3: who sends it.")
@click.option("--to-id", default="RECEIVER", show_default=True, help="e2b_r3: who receives it.")
def command(
    *,
    settings: Settings,
    as_json: bool,
    signal: int,
    target: Path,
    to: str | None,
    as_of: str | None,
    batch: str,
    from_id: str,
    to_id: str,
) -> int:
    """Write the reports that count for the signal numbered SIGNAL to TO, such as cases.xml.

    As of a moment the same bytes each time. Narratives are left out. What TO cannot hold is
    counted, and, in E2B(R3), what ICH requires and a report does not have.
    """
    from dashboards.reports.case_series import case_series
    from dashboards.reports.moment import resolve, utc
    from dashboards.reports.setting import Setting
    from schemas.errors import InputError
    from schemas.formats.icsr.exchange import Exchange
    from schemas.formats.writers import WRITERS, Target, format_of
    from streams.master_key import load_sealer
    from streams.store import trail
    from streams.store.store import open_store

    to = to or format_of(target)
    if to not in WRITERS:
        raise InputError("unknown_format", f"{to} is not written; there are: {', '.join(WRITERS)}")
    store = open_store(settings.store, create=False, sealer=load_sealer(settings.data))
    try:
        with store.read() as connection:
            moment = resolve(connection, as_of, today=datetime.now(UTC).date())
            reports = case_series(connection, signal, moment, Setting.load(settings))
        out = Target(target, Exchange(utc(moment.at), batch, from_id, to_id))
        WRITERS[to](out, reports)
        with store.write() as connection:
            after = {"rows": f"case series in {to}", "n": out.written}
            trail.append(connection, operator(), trail.READ, f"signal {signal}", after=after)
    finally:
        store.close()
    left_out = dict(out.left_out.most_common())
    if as_json:
        figures = {"to": to, "position": moment.position, "written": out.written}
        print(json.dumps(figures | {"left_out": left_out}))
    else:
        print(f"{out.written} reports written to {target}, as of position {moment.position}")
        for odd, count in left_out.items():
            print(f"  left out {count:>9}  {odd}")
    return 0
