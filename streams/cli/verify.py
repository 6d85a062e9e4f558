"""`ketavigil verify`: whether the store says the same thing on every way."""

from __future__ import annotations

import json
import sys

import click

from streams.cli.options import as_json, deployment
from streams.settings import Settings


@click.command
@deployment
@as_json
@click.option("--timeout", default=600.0, show_default=True, help="Seconds to wait for a worker.")
def command(settings: Settings, as_json: bool, timeout: float) -> int:
    """Check conservation, and that live, rebuild and batch agree; print each with its figures.

    Waits until all that was sent is disposed of, forces a checkpoint, then counts each side on
    its own. Exit 1 where anything differs.
    """
    from streams.agents.configuration import Configuration
    from streams.agents.running import running_worker
    from streams.agents.settling import settle
    from streams.agents.verification import verify
    from streams.log import open_log
    from streams.store.store import open_store

    store = open_store(settings.store, create=False)
    log = open_log(settings.broker)
    try:
        with running_worker(settings):
            position = settle(settings, store, log, reason="verify", timeout=timeout)
            with store.read() as connection:
                checks = verify(connection, settings, log, Configuration.load(settings))
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
