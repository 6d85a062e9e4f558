"""`ketavigil master-key`: a new master key in the place of the old one."""

from __future__ import annotations

import json
import os
import sys
import time

import click

from schemas.errors import InputError
from streams.cli.options import as_json, deployment, operator
from streams.settings import Settings


@click.group(short_help="The key under which all that is secret is kept.")
def command() -> None:
    """The key under which all that is secret is kept.

    It is in `master.key` of the data directory, or in KETAVIGIL_MASTER_KEY.
    """


@command.command()
@deployment
@as_json
def status(settings: Settings, as_json: bool) -> int:
    """Say which keys open, which one seals, and what is still under an older one."""
    from streams.log import open_log
    from streams.master_key import load_sealer
    from streams.privacy import rotating
    from streams.store.store import open_store

    sealer = load_sealer(settings.data)
    store = open_store(settings.store, create=False, sealer=sealer)
    log = open_log(settings.broker)
    try:
        log.ensure_topics(settings.topics())
        needed = rotating.needed(store, log, settings, sealer)
    finally:
        log.close()
        store.close()
    if as_json:
        print(json.dumps({"keys": sealer.names, "older": dict(needed)}))
        return 0
    first, *older = sealer.names
    print(f"{first} seals and opens" + "".join(f"\n{name} opens" for name in older))
    for name, count in needed.items():
        print(f"{count} under an older key in {name}")
    return 0


@command.command()
@deployment
@as_json
@click.option("--timeout", default=600.0, show_default=True, help="Seconds to wait for a worker.")
def rotate(settings: Settings, as_json: bool, timeout: float) -> int:
    """Make a new key, and wrap all that is stored under it; everything goes on running.

    The old key still opens until `master-key drop`. Interrupted, the same command goes on. Where
    the keys are in KETAVIGIL_MASTER_KEY, put the new one before the old one there first, with a
    comma between, and start every process anew.
    """
    from tqdm import tqdm

    from streams import master_key
    from streams.agents.running import running_worker
    from streams.agents.settling import disposed, ends, wait_until
    from streams.log import open_log
    from streams.privacy import rotating
    from streams.store import trail
    from streams.store.store import open_store

    given = bool(os.environ.get(master_key.VARIABLE))
    sealer = master_key.load_sealer(settings.data)
    if given and len(sealer.names) < 2:
        master_key.held(settings.data)  # says what to do
    store = open_store(settings.store, create=False, sealer=sealer)
    log = open_log(settings.broker)
    try:
        log.ensure_topics(settings.topics())
        begun = False if given else rotating.begin(settings.data)
        sealer.refresh()
        new, old = sealer.names[0], list(sealer.names[1:])
        after = {"seals": new, "opens": old}
        if begun:
            with store.write() as connection:
                trail.append(
                    connection, operator(), rotating.BEGUN, f"master key {new}", after=after
                )
            # every process that runs has seen the file by then, and seals with the new key
            time.sleep(2 * master_key.LOOK)
        targets = ends(settings, log)
        with running_worker(settings):
            wait_until(lambda: disposed(store, targets), timeout=timeout, what="what is in flight")
            hidden = None if sys.stderr.isatty() and not as_json else True
            with tqdm(unit=" rows", delay=2.0, disable=hidden) as bar:
                done = rotating.rewrap(store, sealer, bar.update)
        if any(done.values()):
            with store.write() as connection:
                trail.append(
                    connection, operator(), rotating.ROTATED, f"master key {new}", after=done
                )
        store.overwrite()
    finally:
        log.close()
        store.close()
    if as_json:
        print(json.dumps(after | {"rewrapped": done}))
    else:
        for name, count in done.items():
            print(f"{count} keys wrapped anew in {name}")
        print(f"{new} seals; {', '.join(old) or 'no other'} still opens (`master-key drop`)")
    return 0


@command.command()
@deployment
@as_json
def drop(settings: Settings, as_json: bool) -> int:
    """Let go of the older keys, where nothing needs them any more; destroy every copy then.

    What a backup of before holds cannot be read any more. Receipts that were given before the
    rotation are not known any longer. Exit 1 where something is still under an older key.
    """
    from streams import master_key
    from streams.log import open_log
    from streams.privacy import rotating
    from streams.store import trail
    from streams.store.store import open_store

    sealer = master_key.load_sealer(settings.data)
    if len(sealer.names) < 2:
        raise InputError("no_older_key", "there is one master key only")
    store = open_store(settings.store, create=False, sealer=sealer)
    log = open_log(settings.broker)
    try:
        log.ensure_topics(settings.topics())
        needed = rotating.needed(store, log, settings, sealer)
        if any(needed.values()):
            where = ", ".join(f"{count} in {name}" for name, count in needed.items() if count)
            print(f"ketavigil: still under an older key: {where}", file=sys.stderr)
            return 1
        new, *old = sealer.names
        given = bool(os.environ.get(master_key.VARIABLE))
        if not given:
            rotating.drop(settings.data)
        with store.write() as connection:
            after = {"opens": [new], "gone": old}
            trail.append(connection, operator(), rotating.DROPPED, f"master key {new}", after=after)
    finally:
        log.close()
        store.close()
    if as_json:
        print(json.dumps({"seals": new, "gone": old}))
    elif given:
        print(f"nothing needs {', '.join(old)}: take it out of {master_key.VARIABLE}")
    else:
        print(f"{', '.join(old)} opens nothing any more; destroy its copies")
    return 0
