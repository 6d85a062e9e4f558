"""Whether the audit trail is whole, and what people did with signals is what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from streams.agents.check import Check
from streams.store import heads, signatures, tables, trail
from streams.store.heads import Head

_NAMED = 10


def check_trail(connection: Connection) -> Check:
    """Every entry is as it was written, in its place, and none is missing; those that are not.

    The newest hash is printed, so that it can be kept where this database's owner cannot reach.
    """
    found = list(trail.faults(connection))
    try:
        entries, newest = trail.head(connection)
    except ValueError:
        entries, newest = 0, "damaged"
    wrong = [f"entry {fault.seq} {fault.message}" for fault in found[:_NAMED]]
    figures = {"entries": entries, "newest_hash": newest, "wrong": wrong}
    return Check("the audit trail is whole", len(found), figures)


def check_heads(connection: Connection, outside: Sequence[Head] = ()) -> Check:
    """The trail is the one that was signed each day, and the one that heads kept elsewhere name."""
    found = list(heads.faults(connection, outside))
    signed = heads.stored(connection)
    figures = {
        "heads": len(signed),
        "newest": signed[-1].day if signed else "none",
        "kept_elsewhere": len(outside),
        "wrong": found[:_NAMED],
    }
    return Check("the audit trail is the one that was signed", len(found), figures)


def check_acts(connection: Connection) -> Check:
    """Each act is an entry of the trail and the other way round, and each state follows from them.

    The trail alone is folded: of each signal its acts in order, each from the state before.
    """
    told = _told(connection)
    table = tables.acts
    names = ("signal_id", "revision", "who", "what", "from_state", "to_state", "note")
    rows = connection.execute(select(table))
    acts = {row.id: tuple(getattr(row, name) for name in names) for row in rows}
    numbers = sorted(told.keys() | acts.keys())
    wrong = [f"act {number}" for number in numbers if told.get(number) != acts.get(number)]
    flow = tables.workflow
    states = {
        row.signal_id: (row.revision, row.state)
        for row in connection.execute(select(flow.c.signal_id, flow.c.revision, flow.c.state))
    }
    folded = {act[0]: (act[1], act[5]) for _, act in sorted(told.items())}
    wrong += [
        f"signal {number}"
        for number in sorted(states.keys() | folded.keys())
        if states.get(number) != folded.get(number)
    ]
    figures = {"acts": len(acts), "signals": len(states), "wrong": wrong[:_NAMED]}
    return Check("what people did is what the trail says", len(wrong), figures)


def check_signatures(connection: Connection) -> Check:
    """What was signed is what stands there, by the hash in the trail; every copy says the same."""
    told = {row.seq: _signature(row.after) for row in _entries(connection)}
    table = tables.acts
    n, wrong = 0, []
    for row in connection.execute(select(table).order_by(table.c.id)):
        try:
            act = dict(row._mapping) | {"detail": json.loads(row.detail)}
            own = act["detail"].get("signature")
        except (ValueError, AttributeError):
            wrong.append(f"act {row.id}")
            continue
        n += own is not None
        if own != told.get(row.id):
            wrong.append(f"act {row.id}")
        elif own is not None:
            over = signatures.content(connection, act, own)
            if signatures.digest(over) != own.get("sha256"):
                wrong.append(f"act {row.id}")
    figures = {"signatures": n, "wrong": wrong[:_NAMED]}
    return Check("what was signed is what stands there", len(wrong), figures)


def _signature(after: str | None) -> Any:
    try:
        return json.loads(after or "{}").get("signature")
    except (ValueError, AttributeError):
        return None


def _told(connection: Connection) -> dict[int, tuple[Any, ...]]:
    """What each entry about a signal says was done with it."""
    revisions: dict[int, int] = {}
    states: dict[int, str] = {}
    out = {}
    for row in _entries(connection):
        number = row.subject.removeprefix("signal ")
        if not number.isdigit():
            continue
        signal = int(number)
        revisions[signal] = revisions.get(signal, 0) + 1
        before = states.get(signal, "new")
        try:
            states[signal] = after = json.loads(row.after or "{}").get("state", before)
        except (ValueError, AttributeError):
            after = "damaged"
        what = row.what.removeprefix("signal_")
        out[row.seq] = (signal, revisions[signal], row.who, what, before, after, row.why)
    return out


def _entries(connection: Connection) -> Iterator[Any]:
    table = tables.trail
    query = select(table).where(table.c.what.startswith("signal_", autoescape=True))
    yield from connection.execute(query.order_by(table.c.seq))
