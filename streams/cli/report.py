"""`ketavigil report`: a signal report, a periodic report, and whether a given one is right."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schemas.errors import InputError
from streams.cli.options import as_json, deployment, operator
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.store.store import Store

_DAY = click.DateTime(["%Y-%m-%d"])
_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_SHOWN = 50


@click.command
@deployment
@as_json
@click.argument("signal", type=int, required=False)
@click.option("--from", "first", type=_DAY, help="First day of a periodic report (UTC).")
@click.option("--to", "last", type=_DAY, help="Last day of a periodic report (UTC).")
@click.option(
    "--format", "formats", default="html", show_default=True, help="html, pdf, json, csv; a list."
)
@click.option("--as-of", help="A position, or a date (its last position); now unless given.")
@click.option("--without-cases", is_flag=True, help="Count the cases of SIGNAL, and list none.")
@click.option("--out", type=_FOLDER, default=Path(), help="Folder to write to. [default: here]")
@click.option("--check", "given", type=_FILE, help="Compare a report with the store.")
def command(
    *,
    settings: Settings,
    as_json: bool,
    signal: int | None,
    first: datetime | None,
    last: datetime | None,
    formats: str,
    as_of: str | None,
    without_cases: bool,
    out: Path,
    given: Path | None,
) -> int:
    """Write the report of the signal numbered SIGNAL, or that of an interval (--from, --to).

    The same moment gives the same bytes each time. With --check, say which numbers of a file
    (JSON, CSV, HTML or PDF) are not those of the store; the status is then 1.
    """
    period = (first, last) if first and last else None
    asked = [signal is not None, first is not None or last is not None, given is not None]
    if sum(asked) != 1 or (asked[1] and period is None):
        raise click.UsageError("give one of: SIGNAL, --from with --to, --check FILE")
    if (as_of is not None or without_cases) and signal is None:
        raise click.UsageError("--as-of is for the report of a SIGNAL, as --without-cases is")
    if given is not None:
        return _check(settings, given, as_json)
    from dashboards.reports.formats import known, rendered

    names = known(formats)
    report = _made(settings, signal, as_of, period, listing=not without_cases)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names:
        path = out / f"{report.id}.{name}"
        path.write_bytes(rendered(report, name))
        written.append(str(path))
    if as_json:
        found = {
            "id": report.id,
            "sha256": report.sha256,
            "position": report.origin.position,
            "files": written,
        }
        print(json.dumps(found))
    else:
        print("\n".join(written))
    return 0


def _made(
    settings: Settings,
    signal: int | None,
    as_of: str | None,
    period: tuple[datetime, datetime] | None,
    *,
    listing: bool,
) -> Any:
    from dashboards.reports.moment import resolve
    from dashboards.reports.periodic import periodic
    from dashboards.reports.setting import Setting
    from dashboards.reports.signal_report import signal_report
    from streams.master_key import load_sealer
    from streams.store.store import open_store

    today = datetime.now(UTC).date()
    setting = Setting.load(settings)
    store = open_store(settings.store, create=False, sealer=load_sealer(settings.data))
    try:
        with store.read() as connection:
            if period is not None:
                first, last = (day.date() for day in period)
                of_period = periodic(connection, first, last, setting, today=today)
                read = (f"period {first} to {last}", "periodic report", of_period.cases)
            else:
                assert signal is not None
                moment = resolve(connection, as_of, today=today)
                made = signal_report(connection, signal, moment, setting, listing=listing)
                read = (f"signal {signal}", "report", made.patient_rows)
        if period is not None or listing:
            _record(store, *read)
        return of_period if period is not None else made
    finally:
        store.close()


def _record(store: Store, subject: str, rows: str, n: int) -> None:
    """What is made of the cases of patients is a reading of them."""
    from streams.store import trail

    with store.write() as connection:
        after = {"rows": rows, "n": n}
        trail.append(connection, operator(), trail.READ, subject, after=after)


def _check(settings: Settings, path: Path, as_json: bool) -> int:
    from dashboards.reports.checking import check
    from dashboards.reports.formats import MEDIA
    from dashboards.reports.setting import Setting
    from streams.master_key import load_sealer
    from streams.store.store import open_store

    form = path.suffix.removeprefix(".").lower()
    if form not in MEDIA:
        raise InputError("no_such_format", f"{path.name} ends in none of {', '.join(MEDIA)}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError("no_such_file", f"{path} cannot be read: {error.strerror}") from None
    store = open_store(settings.store, create=False, sealer=load_sealer(settings.data))
    try:
        with store.read() as connection:
            today = datetime.now(UTC).date()
            found = check(connection, form, data, Setting.load(settings), today=today)
        _record(store, f"report {found.id}", "report checked", found.values)
    finally:
        store.close()
    wrong = found.differences
    if as_json:
        listed = [{"path": d.path, "given": d.given, "stored": d.stored} for d in wrong]
        gone = [one.path for one in found.erased]
        said = {"id": found.id, "values": found.values, "differences": listed, "erased": gone}
        print(json.dumps(said))
    else:
        for one in wrong[:_SHOWN]:
            print(f"{one.path}: the file says {one.given.strip()}, the store {one.stored.strip()}")
        if len(wrong) > _SHOWN:
            print(f"and {len(wrong) - _SHOWN} more")
        unit = {"html": "lines", "pdf": "file"}.get(form, "values")
        if found.erased:
            print(f"{len(found.erased)} values rest on records that patients had erased since:")
            print("they can no longer be recomputed; each is as far off as those can explain")
        if wrong and found.gone and form in ("html", "pdf"):
            print(f"patients had {found.gone} cases erased: check the JSON, it can tell by which")
        print(f"{found.id}: {found.values} {unit} compared, {len(wrong)} differ")
    return 1 if wrong else 0
