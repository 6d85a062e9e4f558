"""`ketavigil key`: the keys of those who push."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from streams.cli.options import as_json, deployment, operator
from streams.gateway import keys
from streams.settings import Settings
from streams.store.store import open_store


@click.group(short_help="Keys of the registries that push.")
def command() -> None:
    """Keys of the registries and clinics that push."""


@command.command()
@deployment
@as_json
@click.option("--name", required=True, help="The sender: every record of the key carries it.")
@click.option(
    "--role", type=click.Choice(keys.ROLES), default="registry", show_default=True, help="May do."
)
def create(settings: Settings, as_json: bool, name: str, role: keys.KeyRole) -> None:
    """Make a key and print it, this once."""
    store = open_store(settings.store)
    try:
        key = keys.create_key(store, name, role, operator())
    finally:
        store.close()
    print(json.dumps({"name": name, "role": role, "key": key}) if as_json else key)


@command.command("list")
@deployment
@as_json
def list_(settings: Settings, as_json: bool) -> None:
    """List keys by number; what they are is not stored."""
    store = open_store(settings.store)
    try:
        found = keys.list_keys(store)
    finally:
        store.close()
    if as_json:
        print(json.dumps([{name: getattr(key, name) for name in key.__slots__} for key in found]))
        return
    for key in found:
        state = f"revoked {_day(key.revoked_at)}" if key.revoked_at else "in use"
        print(f"{key.id}\t{key.name}\t{key.role}\tmade {_day(key.created_at)}\t{state}")


@command.command()
@deployment
@click.argument("number", type=int)
def revoke(settings: Settings, number: int) -> None:
    """Refuse a key from now on (within five seconds), by its number in the list."""
    store = open_store(settings.store)
    try:
        keys.revoke_key(store, number, operator())
    finally:
        store.close()


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
