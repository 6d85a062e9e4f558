"""`ketavigil import`: files of records through the same intake as what is pushed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.options import as_json, deployment
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.importing import Import

_BAR_AFTER = 2.0  # seconds; what is over sooner needs no bar


@click.command
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@click.option(
    "--format",
    "form",
    default="auto",
    show_default=True,
    help="One that `ketavigil formats` lists.",
)
@click.option("--sender", help="Whose records they are. [default: import:FORMAT]")
@click.option(
    "--mapping",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What the columns of tables are, for mapped_csv.",
)
@deployment
@as_json
def command(
    *,
    settings: Settings,
    files: tuple[Path, ...],
    form: str,
    sender: str | None,
    mapping: Path | None,
    as_json: bool,
) -> int:
    """Read files (packed with gzip or not), wait until each record is disposed of, and say how.

    Records in ketavigil's own schema keep the sender they name; with --sender, those of another
    sender are held in quarantine. Where no worker runs on this data, one is run for the while.
    The same file again ends as duplicates. Exit 1 where a record is lost, 2 where a file cannot
    be read: at all, then nothing was taken, or to its end, then what came before was.
    """
    from streams.importing import import_files

    bar = _Bar()
    try:
        done = import_files(
            settings, files, form=form, sender=sender, mapping=mapping, progress=bar
        )
    finally:
        bar.close()
    print(json.dumps(_figures(done)) if as_json else _text(done))
    if done.outcome.lost:
        print(f"ketavigil: {done.outcome.lost} records are lost", file=sys.stderr)
        return 1
    if done.problem:
        raise done.problem
    return 0


class _Bar:
    """A bar for each thing that is done, on a terminal only."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._doing = ""

    def __call__(self, doing: str, done: int, of: int | None) -> None:
        from tqdm import tqdm

        if doing != self._doing:
            self.close()
            # disable=None: only where standard error is a terminal
            self._bar = tqdm(
                desc=doing, total=of, unit=" records", delay=_BAR_AFTER, disable=None, leave=False
            )
            self._doing = doing
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _figures(done: Import) -> dict[str, Any]:
    from streams.importing import DISPOSITIONS

    found = done.outcome
    return {
        "files": [
            {
                "file": file.file,
                "format": file.format,
                "sender": file.sender,
                "records": file.records,
                "unknown": dict(file.unknown.most_common()),
            }
            for file in done.files
        ],
        "received": found.received,
        **{name: found.dispositions[name] for name in DISPOSITIONS},
        "quarantined_by_code": dict(sorted(found.held.items())),
        "lost": found.lost,
        "unmatched": {
            kind: {"names": names.names, "mentions": names.mentions, "of": names.of}
            for kind, names in (("products", found.products), ("events", found.events))
        },
        "position": done.position,
        "seconds": round(done.seconds, 3),
        "seconds_sending": round(done.seconds_sending, 3),
        "records_per_second": round(found.received / done.seconds, 1) if done.seconds else 0.0,
    }


def _text(done: Import) -> str:
    from streams.importing import DISPOSITIONS

    figures = _figures(done)
    lines = [
        f"{file['file']}: {file['records']} records as {file['format']} from {file['sender']}"
        for file in figures["files"]
    ]
    for file in figures["files"]:
        for odd, count in list(file["unknown"].items())[:20]:
            lines.append(f"  left out  {count:>9}  {odd}")
    lines.append(f"received      {figures['received']:>9}")
    lines += [f"{name:<14}{figures[name]:>9}" for name in DISPOSITIONS]
    lines += [f"  {code:<20}{n:>9}" for code, n in figures["quarantined_by_code"].items()]
    lines.append(f"lost          {figures['lost']:>9}")
    for kind, names in figures["unmatched"].items():
        lines.append(
            f"{kind} not in the vocabulary: {names['names']} names, "
            f"{names['mentions']} of {names['of']} mentions"
        )
    lines.append(
        f"checkpoint at position {figures['position']}; {figures['seconds']:.1f} s, "
        f"{figures['records_per_second']:.0f} records/s "
        f"(sending took {figures['seconds_sending']:.1f} s)"
    )
    return "\n".join(lines)
