"""`ketavigil retention`: what has been kept for its period goes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import click

from streams.cli.options import as_json, deployment, operator
from streams.settings import Settings


def _period(name: str, of: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    variable = f"KETAVIGIL_RETENTION_{name.upper()}_DAYS"
    text = f"Days for which {of}; for good unless given. [{variable}]"
    return click.option(f"--{name}", type=float, envvar=variable, help=text)


@click.command
@deployment
@as_json
@_period("raw", "records as received are kept, narratives with them")
@_period("quarantine", "what held records said is kept")
@_period("sessions", "sessions and sign-in links are kept behind their end")
@_period("looks", "it is kept when somebody last looked at a signal")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--timeout", default=600.0, show_default=True, help="Seconds to wait for a worker.")
def command(
    *,
    settings: Settings,
    as_json: bool,
    raw: float | None,
    quarantine: float | None,
    sessions: float | None,
    looks: float | None,
    dry_run: bool,
    timeout: float,
) -> int:
    """Let go of what has been kept for its period: keys are lost as by an erasure.

    Counts, what was read of records, and the audit trail stay. Run it once a day, by a timer.
    """
    from streams.agents.running import running_worker
    from streams.log import open_log
    from streams.master_key import load_sealer
    from streams.privacy import erasing, retention
    from streams.store.store import open_store

    periods = retention.Periods(raw, quarantine, sessions, looks)
    store = open_store(settings.store, create=False, sealer=load_sealer(settings.data))
    log = open_log(settings.broker)
    try:
        if dry_run:
            with store.read() as connection:
                found = retention.over(connection, periods, now=time.time())
        else:
            found = retention.apply(store, settings, log, periods, by=operator())
            with store.read() as connection:
                waiting = erasing.waiting(connection)
            if waiting:
                with running_worker(settings):
                    erasing.finish(store, settings, log, by=operator(), timeout=timeout)
    finally:
        log.close()
        store.close()
    if as_json:
        print(json.dumps({"dry_run": dry_run, **found}))
        return 0
    for kind, count in found.items():
        print(f"{count} of {kind} {'would go' if dry_run else 'gone'}")
    if not found:
        print("no period is given: everything is kept")
    return 0
