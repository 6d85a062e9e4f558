"""`ketavigil key`: the keys of those who push."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import click

from streams.cli.options import as_json, deployment, operator
from streams.gateway import keys
from streams.settings import Settings
from streams.store.store import open_store

_days = click.option(
    "--days",
    type=click.FloatRange(min=0, max=3650),
    default=keys.DAYS,
    show_default=True,
    help="Days that it holds; 0: until it is revoked.",
)


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
@_days
def create(settings: Settings, as_json: bool, name: str, role: keys.KeyRole, days: float) -> None:
    """Make a key and print it, this once."""
    store = open_store(settings.store)
    try:
        key = keys.create_key(store, name, role, operator(), days=days or None)
    finally:
        store.close()
    print(json.dumps({"name": name, "role": role, "key": key}) if as_json else key)


@command.command()
@deployment
@as_json
@click.argument("number", type=int)
@_days
@click.option(
    "--overlap-days",
    type=click.FloatRange(min=0, max=3650),
    default=keys.OVERLAP_DAYS,
    show_default=True,
    help="Days that the old key holds beside the new one.",
)
def rotate(
    settings: Settings, as_json: bool, number: int, days: float, overlap_days: float
) -> None:
    """Make a key that follows another of the same sender, and print it, this once."""
    store = open_store(settings.store)
    try:
        key = keys.rotate_key(
            store, number, operator(), days=days or None, overlap_days=overlap_days
        )
    finally:
        store.close()
    print(json.dumps({"follows": number, "key": key}) if as_json else key)


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
        used = f"used {_day(key.used_at)}" if key.used_at else "never used"
        made = f"made {_day(key.created_at)}"
        print(f"{key.id}\t{key.name}\t{key.role}\t{made}\t{used}\t{_state(key)}")


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


def _state(key: keys.Key) -> str:
    if key.revoked_at:
        return f"revoked {_day(key.revoked_at)}"
    if key.expires_at is None:
        return "in use"
    verb = "expired" if key.expired(time.time()) else "in use, expires"
    return f"{verb} {_day(key.expires_at)}"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
