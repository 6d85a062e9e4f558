"""`ketavigil convert`: reports of any format that is read, in any that is written."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.options import as_json

if TYPE_CHECKING:
    from schemas.formats import Reading
    from schemas.formats.acknowledgement import Told
    from schemas.report import Report

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path))
@click.argument("target", metavar="TO", type=_FILE)
@click.option("--from", "form", default="auto", show_default=True, help="Format of FROM.")
@click.option("--to", help="Format of TO. [default: as its name ends]")
@click.option("--sender", help="Whose reports they are. [default: import:FORMAT]")
@click.option("--mapping", type=_FILE, help="What the columns of a table are, for mapped_csv.")
@click.option("--batch", default="", help="e2b_r3: number of the batch. [default: --created]")
@click.option("--from-id", default="KETAVIGIL", show_default=True, help="e2b_r3: who sends it.")
@click.option("--to-id", default="RECEIVER", show_default=True, help="e2b_r3: who receives it.")
@click.option("--created", help="e2b_r3: when, to the second with a zone. [default: now]")
@click.option(
    "--acknowledgement", type=_FILE, help="Of a batch of E2B(R3): write the answer to it."
)
@as_json
def command(
    *,
    source: Path,
    target: Path,
    form: str,
    to: str | None,
    sender: str | None,
    mapping: Path | None,
    batch: str,
    from_id: str,
    to_id: str,
    created: str | None,
    acknowledgement: Path | None,
    as_json: bool,
) -> int:
    """Write the reports of FROM to TO and print what became of each record.

    Records at fault are not written and counted by their code; so is what TO cannot hold, and, in
    E2B(R3), what ICH requires and a report does not have. Exit 1 where a record was not written.
    """
    from schemas.errors import InputError
    from schemas.formats import read
    from schemas.formats.icsr.exchange import Exchange
    from schemas.formats.writers import WRITERS, Target, format_of

    to = to or format_of(target)
    if to not in WRITERS:
        raise InputError("unknown_format", f"{to} is not written; there are: {', '.join(WRITERS)}")
    moment = _moment(created)
    reading = read(source, form, sender, mapping)
    if acknowledgement and reading.format != "e2b_r3":
        raise InputError("not_e2b_r3", f"{source} is no batch of E2B(R3), so nothing answers it")
    out = Target(target, Exchange(moment, batch, from_id, to_id))
    converting = _Converting(reading)
    problem = None
    try:
        WRITERS[to](out, converting.reports())
    except InputError as error:
        problem = error
    if acknowledgement:
        _answer(acknowledgement, source, converting.told, moment)
    if problem:
        raise problem
    figures = {
        "from": reading.format,
        "to": to,
        "records": converting.records,
        "written": out.written,
        "at_fault": dict(sorted(converting.faults.items())),
        "not_reports": converting.others,
        "unknown": dict(reading.unknown.most_common()),
        "left_out": dict(out.left_out.most_common()),
    }
    print(json.dumps(figures) if as_json else _text(figures))
    if converting.faults:
        print(f"ketavigil: {converting.faults.total()} records were not written", file=sys.stderr)
    return int(bool(converting.faults))


class _Converting:
    """Takes the reports out of a reading and notes what is none."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.records = self.others = 0
        self.faults: Counter[str] = Counter()
        self.told: list[Told] = []

    def reports(self) -> Iterator[Report]:
        """The reports, one by one."""
        from tqdm import tqdm

        from schemas.errors import RecordError
        from schemas.formats.acknowledgement import Told
        from schemas.record import report_of_json

        for record in tqdm(self._reading, unit=" records", delay=2, disable=None, leave=False):
            self.records += 1
            faults, report = record.faults, record.report
            if record.stream != "reports":
                self.others += 1
                continue
            if not faults and report is None:
                try:
                    report = report_of_json(record.raw)
                except RecordError as error:
                    faults = error.faults
            if self._reading.format == "e2b_r3":
                self.told.append(Told(record.raw, faults))
            if report is None:
                self.faults[faults[0].code] += 1
            else:
                yield report


def _moment(created: str | None) -> str:
    from schemas.errors import InputError
    from schemas.times import start

    if created is None:
        return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    try:
        start(created)
    except ValueError:
        raise InputError("bad_moment", f"--created: {created} is no moment with a zone") from None
    return created


def _answer(path: Path, source: Path, told: list[Told], moment: str) -> None:
    from schemas.errors import InputError
    from schemas.formats.acknowledgement import acknowledge
    from schemas.formats.lines import opened

    with opened(source) as file:
        content = file.read()
    try:
        path.write_bytes(acknowledge(content, told, number=f"ACK-{moment}", created=moment))
    except OSError as error:
        raise InputError("cannot_write", f"{path}: {error.strerror or error}") from None


def _text(figures: dict[str, Any]) -> str:
    lines = [
        f"{figures['written']} of {figures['records']} records written, "
        f"{figures['from']} to {figures['to']}"
    ]
    if figures["not_reports"]:
        lines.append(f"  no reports {figures['not_reports']:>9}")
    for title, name in (("at fault", "at_fault"), ("unknown", "unknown"), ("left out", "left_out")):
        for odd, count in list(figures[name].items())[:20]:
            lines.append(f"  {title:<10} {count:>9}  {odd}")
    return "\n".join(lines)
