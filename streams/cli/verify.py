"""`ketavigil verify`: whether the store says the same thing on every way."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from streams.cli.options import as_json, deployment
from streams.settings import Settings


@click.command
@deployment
@as_json
@click.option(
    "--head",
    "kept",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    multiple=True,
    help="Heads of the audit trail that were kept elsewhere; may be given several times.",
)
@click.option("--timeout", default=600.0, show_default=True, help="Seconds to wait for a worker.")
def command(settings: Settings, as_json: bool, kept: tuple[Path, ...], timeout: float) -> int:
    """Check conservation, the audit trail, and that live, rebuild and batch agree.

    Prints each with its figures. Waits until all that was sent is disposed of, forces a checkpoint,
    then counts each side on its own. Exit 1 where anything differs.
    """
    from streams.agents.configuration import Configuration
    from streams.agents.running import running_worker
    from streams.agents.settling import settle
    from streams.agents.verification import verify
    from streams.log import open_log
    from streams.master_key import load_sealer
    from streams.store import heads
    from streams.store.store import open_store

    sealer = load_sealer(settings.data)
    outside = [
        head for path in kept for head in heads.read(path.read_text("utf-8", errors="replace"))
    ]
    store = open_store(settings.store, create=False, sealer=sealer)
    log = open_log(settings.broker)
    try:
        with running_worker(settings):
            position = settle(settings, store, log, reason="verify", timeout=timeout)
            with store.read() as connection:
                configuration = Configuration.load(settings)
                checks = verify(
                    connection, settings, log, configuration, outside=outside, sealer=sealer
                )
    finally:
        log.close()
        store.close()
    if as_json:
        print(
            json.dumps(
                {
                    "position": position,
                    "checks": [
                        {
                            "name": check.name,
                            "holds": check.holds,
                            "differences": check.differences,
                            "figures": check.figures,
                        }
                        for check in checks
                    ],
                }
            )
        )
    else:
        for check in checks:
            figures = ", ".join(f"{name} {value}" for name, value in check.figures.items())
            print(f"{'ok  ' if check.holds else 'FAIL'} {check.name}: {figures}")
        print(f"{sum(check.differences for check in checks)} differences at position {position}")
    failed = [check.name for check in checks if not check.holds]
    if failed:
        print(f"ketavigil: verify failed: {'; '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
