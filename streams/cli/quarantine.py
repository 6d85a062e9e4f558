"""`ketavigil quarantine`: what was held back, and why; send it through again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click

from schemas.errors import InputError
from streams.cli.options import as_json, deployment, operator
from streams.settings import Settings


@click.group
def command() -> None:
    """What was held back, and why; send it through again."""


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _plain(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "stream": row.stream,
        "sender": row.sender,
        "report_id": row.report_id,
        "stage": row.stage,
        "code": row.code,
        "rule": row.rule,
        "held_at": _when(row.held_at),
        "faults": [
            {"code": code, "path": path, "message": message}
            for code, path, message in json.loads(row.faults)
        ],
    }


@command.command("list")
@deployment
@as_json
@click.option("--code", help="Only records held for this code.")
@click.option("--limit", default=100, show_default=True)
def list_held(settings: Settings, as_json: bool, code: str | None, limit: int) -> int:
    """List what is held, newest first."""
    from streams.store.quarantine import held
    from streams.store.store import open_store

    store = open_store(settings.store, create=False)
    with store.read() as connection:
        rows = [_plain(row) for row in held(connection, code=code, limit=limit)]
    store.close()
    if as_json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        named = row["report_id"] or "-"
        print(f"{row['id']:>8}  {row['held_at']}  {row['sender']}  {named}  {row['code']}")
        for fault in row["faults"]:
            print(f"{'':>10}{fault['path'] or 'record'}: {fault['message']}")
    print(f"{len(rows)} held" if rows else "nothing is held")
    return 0


@command.command
@deployment
@click.argument("number", type=int)
def show(settings: Settings, number: int) -> int:
    """Show one held record: its faults, and the bytes as they were received.

    The audit trail gets an entry of it.
    """
    from streams.master_key import load_sealer
    from streams.store import trail
    from streams.store.quarantine import one
    from streams.store.store import open_store

    store = open_store(settings.store, create=False)
    try:
        with store.read() as connection:
            row = one(connection, number)
        if row is None:
            raise InputError("not_held", f"no record {number} is held in quarantine")
        with store.write() as connection:
            after = {"rows": "raw record", "n": 1}
            trail.append(connection, operator(), trail.READ, f"record {number}", after=after)
    finally:
        store.close()
    print(json.dumps(_plain(row), indent=2))
    if row.wrapped_key is None:
        print(f"erased, see entry {row.erased_by} of the audit trail")
        return 0
    raw = load_sealer(settings.data).open(row.sealed, row.wrapped_key)
    print(raw.decode("utf-8", errors="backslashreplace"))
    return 0


@command.command
@deployment
@click.argument("numbers", type=int, nargs=-1)
@click.option("--code", help="Every record held for this code.")
@click.option("--all", "every", is_flag=True, help="Every record that is held.")
def replay(settings: Settings, numbers: tuple[int, ...], code: str | None, every: bool) -> int:
    """Send held records through again, as this program and this vocabulary judge them now.

    Each is judged as of the time it was taken, and is not received a second time.
    """
    from streams.agents.replay import replay as send
    from streams.agents.running import running_worker
    from streams.agents.settling import settle
    from streams.log import open_log
    from streams.master_key import load_sealer
    from streams.store import trail
    from streams.store.quarantine import held
    from streams.store.store import open_store

    if not (numbers or code or every):
        raise click.UsageError("name records by number, or give --code or --all")
    store, log = open_store(settings.store, create=False), open_log(settings.broker)
    try:
        with store.read() as connection:
            rows = [
                row
                for row in held(connection, code=code, limit=None)
                if every or code or row.id in numbers
            ]
        if missing := set(numbers) - {row.id for row in rows}:
            raise InputError("not_held", f"not in quarantine: {sorted(missing)}")
        with store.write() as connection:
            for row in rows:
                trail.append(connection, operator(), "record_replayed", f"record {row.id}")
        send(settings, log, load_sealer(settings.data), rows)
        with running_worker(settings):
            settle(settings, store, log, reason="replay")
        with store.read() as connection:
            still = {row.id for row in held(connection, limit=None)} & {row.id for row in rows}
    finally:
        log.close()
        store.close()
    print(f"{len(rows)} sent again: {len(rows) - len(still)} accepted, {len(still)} still held")
    return 0
