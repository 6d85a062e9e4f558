"""A patient's records, or a case, erased on request: the loss of their keys, in one transaction.

It begins in the store, whose transaction also writes the audit trail and the name of which nothing
is taken any more; it ends when the log has let go of what it held then. Killed in between, it is
open, and `finish` ends it; killed before, nothing has happened.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from schemas.errors import InputError
from streams.agents.settling import Ends, ends, wait_until
from streams.log.base import Log
from streams.privacy import losing
from streams.privacy.finding import Found, Subject, find
from streams.privacy.losing import Lost
from streams.settings import CONSUMERS, Settings
from streams.store import erased_names, tables, trail
from streams.store.retrying import retried
from streams.store.store import Store, stored_positions
from streams.store.trail import Actor

ERASURE, DONE = "records_erased", "erasure_done"  # entries of the trail
_LONGEST_WHY = 500


class Erased(NamedTuple):
    """What an erasure did: the number of its entry (None: there was nothing), and how much."""

    entry: int | None
    lost: Lost
    cases: int


def plan(connection: Connection, subject: Subject) -> Erased:
    """What an erasure would do; errors as `erase`."""
    _check(subject, "a dry run")
    found = find(connection, subject)
    return Erased(None, losing.readable(connection, found.records, found.courses), len(found.cases))


def erase(
    store: Store, settings: Settings, log: Log, subject: Subject, *, why: str, by: Actor
) -> Erased:
    """Make what a subject has in the store unreadable, and take nothing more of it.

    A second time does nothing, unless there is something new. Raises `InputError` ("bad_subject",
    "no_reason", "reason_names_patient").
    """
    _check(subject, why)
    done: list[Erased] = []

    def write() -> None:
        done.clear()
        with store.write() as connection:
            losing.alone(connection)
            found = find(connection, subject)
            lost = losing.readable(connection, found.records, found.courses)
            known = erased_names.erased_among(connection, [subject.own()])
            if known and not any(lost):
                done.append(Erased(None, lost, len(found.cases)))
                return
            held = ends(settings, log)
            entry = _written(connection, subject, found, lost, why=why, by=by, held=held)
            done.append(Erased(entry, lost, len(found.cases)))

    retried(write)
    return done[0]


def _written(
    connection: Connection,
    subject: Subject,
    found: Found,
    lost: Lost,
    *,
    why: str,
    by: Actor,
    held: Ends,
) -> int:
    # whose they were would make the trail what is to be erased: a sender can tell it by the time
    said = f"{subject.kind} of {subject.sender}"
    after = {**lost._asdict(), "cases": len(found.cases)}
    number = trail.append(connection, by, ERASURE, said, why=why, after=after)
    losing.lose_raw(connection, number, found.records)
    losing.lose_contents(connection, found.records)
    losing.lose_courses(connection, found.courses)
    names = [subject.own(), *found.cases.values()]
    new = set(names) - erased_names.erased_among(connection, names).keys()
    erased_names.keep(connection, dict.fromkeys(new, number))
    opened(connection, number, subject.kind, lost, held)
    return number


def opened(connection: Connection, number: int, kind: str, lost: Lost, held: Ends) -> None:
    """Keep an erasure as open until the log has let go of what it held."""
    row = {
        "id": number,
        "kind": kind,
        "asked_at": time.time(),
        **lost._asdict(),
        "log_ends": json.dumps([[*at, end] for at, end in sorted(held.items())]),
        "done_at": None,
    }
    connection.execute(insert(tables.erasures), [row])


def waiting(connection: Connection) -> int:
    """How many erasures are open."""
    table = tables.erasures
    query = select(func.count()).select_from(table).where(table.c.done_at.is_(None))
    return connection.scalar(query) or 0


def finish(
    store: Store, settings: Settings, log: Log, *, by: Actor, timeout: float = 600.0
) -> list[int]:
    """Let the log go of what it held when each open erasure began; the numbers of those.

    A worker must be running, or have disposed of everything: what is in flight is waited for.
    Raises `KetavigilError` ("worker_stalled") after `timeout` seconds.
    """
    table = tables.erasures
    with store.read() as connection:
        query = select(table.c.id, table.c.log_ends).where(table.c.done_at.is_(None))
        rows = connection.execute(query.order_by(table.c.id)).all()
    if not rows:
        return []
    targets: dict[tuple[str, int], int] = {}
    for row in rows:
        for topic, partition, end in json.loads(row.log_ends):
            targets[topic, partition] = max(end, targets.get((topic, partition), 0))
    wait_until(
        lambda: _passed(store, targets), timeout=timeout, what="what is in flight to be disposed of"
    )
    for (topic, partition), position in _positions(store, targets).items():
        log.trim(topic, partition, position)
    log.overwrite()
    store.overwrite()
    with store.write() as connection:
        trail.lock(connection)
        for row in rows:
            open_still = (table.c.id == row.id) & table.c.done_at.is_(None)
            ended = connection.execute(
                update(table).where(open_still).values(done_at=time.time())
            ).rowcount
            if ended:
                trail.append(connection, by, DONE, f"entry {row.id}")
    return [row.id for row in rows]


def _passed(store: Store, targets: Ends) -> bool:
    positions = _positions(store, targets)
    return all(positions[at] >= end for at, end in targets.items())


def _positions(store: Store, targets: Ends) -> Mapping[tuple[str, int], int]:
    held: dict[tuple[str, int], int] = {}
    with store.read() as connection:
        for consumer in CONSUMERS.values():
            held |= stored_positions(connection, consumer)
    return {at: held.get(at, 0) for at in targets}


def _check(subject: Subject, why: str) -> None:
    if not subject.sender.strip() or not subject.name.strip():
        raise InputError("bad_subject", "name a sender, and a patient or a report of it")
    if not why.strip() or len(why) > _LONGEST_WHY:
        raise InputError("no_reason", f"say why, in 1 to {_LONGEST_WHY} characters")
    if subject.kind == "patient" and subject.name in why:
        raise InputError(
            "reason_names_patient", "the reason stays in the audit trail: leave the pseudonym out"
        )
