"""`ketavigil rebuild`: everything recomputed from the raw records of the store, and compared."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import click

from streams.cli.options import as_json, deployment
from streams.settings import Settings

_BAR_AFTER = 2.0  # seconds


@click.command
@deployment
@as_json
@click.option("--timeout", default=600.0, show_default=True, help="Seconds to wait for a worker.")
def command(settings: Settings, as_json: bool, timeout: float) -> int:
    """Recompute everything from the records as received, and compare it with the store.

    Waits until all that was sent is disposed of and forces a checkpoint, as `verify` does. Nothing
    of the store is changed. What has been held and released since, or coded by another vocabulary,
    shows as a difference. Exit 1 where anything differs.
    """
    from sqlalchemy import func, select
    from tqdm import tqdm

    from streams.agents.configuration import Configuration
    from streams.agents.rebuild import rebuild
    from streams.agents.running import running_worker
    from streams.agents.settling import settle
    from streams.log import open_log
    from streams.master_key import load_sealer
    from streams.store import tables
    from streams.store.store import open_store

    store = open_store(settings.store, create=False, sealer=load_sealer(settings.data))
    log = open_log(settings.broker)
    try:
        with running_worker(settings), tempfile.TemporaryDirectory() as folder:
            position = settle(settings, store, log, reason="rebuild", timeout=timeout)
            began = time.monotonic()
            with store.read() as connection:
                count = select(func.count()).select_from(tables.records)
                records = connection.scalar(count) or 0
                hidden = None if sys.stderr.isatty() and not as_json else True
                with tqdm(total=records, unit=" records", delay=_BAR_AFTER, disable=hidden) as bar:
                    checks = rebuild(
                        connection,
                        Configuration.load(settings),
                        load_sealer(settings.data),
                        Path(folder),
                        bar.update,
                    )
            seconds = time.monotonic() - began
    finally:
        log.close()
        store.close()
    if as_json:
        said = [
            {
                "name": check.name,
                "holds": check.holds,
                "differences": check.differences,
                "figures": check.figures,
            }
            for check in checks
        ]
        print(json.dumps({"position": position, "records": records, "checks": said}))
    else:
        for check in checks:
            figures = f"{check.figures['rows']} rows, {check.differences} differ"
            print(f"{'ok  ' if check.holds else 'FAIL'} {check.name}: {figures}")
            for example in check.figures["differing"]:
                print(f"       {example}")
        print(f"{records} records in {seconds:.1f} s, {records / max(seconds, 1e-9):.0f} records/s")
    failed = [check.name for check in checks if not check.holds]
    if failed:
        print(f"ketavigil: rebuild differs: {'; '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
