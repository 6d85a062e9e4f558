"""`ketavigil trail`: signed heads of the audit trail, and the key that signs them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from schemas.errors import InputError
from streams.cli.options import deployment, operator
from streams.settings import Settings
from streams.signing import ENVIRONMENT, Signer, load_signer, replace_key
from streams.store import heads
from streams.store.store import Store, open_store


@click.group(short_help="Signed heads of the audit trail.")
def command() -> None:
    """Signed heads of the audit trail, to be kept elsewhere; `verify --head FILE` checks them."""


_out = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file, at its end."
)


@command.command()
@deployment
@_out
def head(settings: Settings, out: Path | None) -> None:
    """Sign the trail as it stands now, and print the head as a line of JSON."""
    store = open_store(settings.store, create=False)
    try:
        made = heads.sign_now(store, _signer(settings), operator())
    finally:
        store.close()
    _write([made], out)


@command.command("heads")
@deployment
@_out
def list_(settings: Settings, out: Path | None) -> None:
    """Sign what is due, and print the heads of all days, a line of JSON each."""
    store = open_store(settings.store, create=False)
    try:
        heads.sign_due(store, _signer(settings))
        with store.read() as connection:
            found = heads.stored(connection)
    finally:
        store.close()
    _write(found, out)


@command.command("rotate-key")
@deployment
def rotate_key(settings: Settings) -> None:
    """Sign what is due with the old key, make a new one in its place, and say so in the trail."""
    store: Store = open_store(settings.store, create=False)
    try:
        before = _signer(settings)
        heads.sign_due(store, before)
        after = replace_key(settings.data)
        heads.introduce(store, after, operator())
    finally:
        store.close()
    print(json.dumps({"before": before.public.hex(), "after": after.public.hex()}))


def _signer(settings: Settings) -> Signer:
    signer = load_signer(settings.data)
    if signer is None:
        raise InputError("no_trail_key", f"set {ENVIRONMENT}: there is no data directory")
    return signer


def _write(found: list[heads.Head], out: Path | None) -> None:
    text = "".join(f"{one.to_json()}\n" for one in found)
    if out is None:
        print(text, end="")
        return
    with out.open("a", encoding="utf-8") as file:
        file.write(text)
