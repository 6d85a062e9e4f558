"""What goes when its period is over: raw records with their narratives, what is held, sessions.

Keys are lost as by an erasure on request (`losing`), with an entry of the trail, and a log that is
let go of. Counts, what was read of a record, and the audit trail stay.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select

from schemas.errors import InputError
from streams.agents.settling import ends
from streams.log.base import Log
from streams.privacy import losing
from streams.privacy.erasing import opened
from streams.settings import Settings
from streams.store import tables, trail
from streams.store.store import Store
from streams.store.trail import Actor

OVER = "period_over"  # what the entry of the trail is called
KINDS = ("raw", "quarantine", "sessions", "looks")
_DAY = 86_400.0
_AT_ONCE = 20_000  # records of a transaction, and so of an entry


@dataclass(frozen=True, slots=True)
class Periods:
    """For how many days each kind is kept; None: for good.

    `raw`: bytes as received and the narrative in them, from when they were taken; `quarantine`: all
    of a held record but that it was held and why; `sessions`: sessions and sign-in links past their
    end; `looks`: when somebody last looked at a signal.
    """

    raw: float | None = None
    quarantine: float | None = None
    sessions: float | None = None
    looks: float | None = None

    def __post_init__(self) -> None:
        for kind in KINDS:
            days = getattr(self, kind)
            if days is not None and not 1 <= days < float("inf"):
                raise InputError("bad_period", f"{kind} is kept for 1 day at the least, not {days}")


def over(connection: Connection, periods: Periods, *, now: float) -> dict[str, int]:
    """How much of each kind that has a period is over."""
    found = {}
    for kind in KINDS:
        if (days := getattr(periods, kind)) is None:
            continue
        before = now - days * _DAY
        if kind in ("raw", "quarantine"):
            query = _records(kind, before).subquery()
            found[kind] = connection.scalar(select(func.count()).select_from(query)) or 0
        else:
            found[kind] = sum(
                connection.scalar(select(func.count()).where(where)) or 0
                for _, where in _rows(kind, before)
            )
    return found


def apply(
    store: Store, settings: Settings, log: Log, periods: Periods, *, by: Actor
) -> dict[str, int]:
    """Let go of what is over; how much of each kind. `erasing.finish` ends it in the log."""
    now, done = time.time(), dict[str, int]()
    for kind in KINDS:
        if (days := getattr(periods, kind)) is None:
            continue
        before, why = now - days * _DAY, f"kept for {days:g} days"
        done[kind] = 0
        while True:
            with store.write() as connection:
                if kind in ("raw", "quarantine"):
                    gone = _lose(connection, kind, before, (settings, log), why=why, by=by)
                else:
                    gone = _remove(connection, kind, before, why=why, by=by)
            done[kind] += gone
            if kind not in ("raw", "quarantine") or gone < _AT_ONCE:
                break
    return done


def _lose(
    connection: Connection,
    kind: str,
    before: float,
    where: tuple[Settings, Log],
    *,
    why: str,
    by: Actor,
) -> int:
    losing.alone(connection)
    records = connection.scalars(_records(kind, before).limit(_AT_ONCE)).all()
    if not records:
        return 0
    lost = losing.readable(connection, records, ())
    if kind == "raw":
        lost = lost._replace(bodies=0)
    after = {**lost._asdict(), "kind": kind}
    number = trail.append(connection, by, OVER, f"{kind} records", why=why, after=after)
    losing.lose_raw(connection, number, records)
    if kind == "quarantine":
        losing.lose_contents(connection, records)
    opened(connection, number, kind, lost, ends(*where))
    return len(records)


def _remove(connection: Connection, kind: str, before: float, *, why: str, by: Actor) -> int:
    trail.lock(connection)
    gone = 0
    for table, where in _rows(kind, before):
        gone += connection.execute(delete(table).where(where)).rowcount
    if gone:
        after = {"records": 0, "rows": gone, "kind": kind}
        trail.append(connection, by, OVER, kind, why=why, after=after)
    return gone


def _records(kind: str, before: float) -> Select[Any]:
    """Records whose period is over and of which something is left, the oldest first."""
    records, held = tables.records, tables.quarantine
    if kind == "quarantine":
        left = records.c.wrapped_key.is_not(None) | held.c.entry.is_not(None)
        query = select(held.c.id).join(records, records.c.id == held.c.id)
        return query.where(held.c.held_at < before, left).order_by(held.c.id)
    query = select(records.c.id).outerjoin(held, held.c.id == records.c.id)
    kept = (records.c.taken_at < before) & records.c.wrapped_key.is_not(None)
    return query.where(kept, held.c.id.is_(None)).order_by(records.c.id)


def _rows(kind: str, before: float) -> tuple[tuple[Any, Any], ...]:
    if kind == "looks":
        return ((tables.seen, tables.seen.c.at < before),)
    sessions, links = tables.sessions, tables.links
    return (sessions, sessions.c.expires_at < before), (links, links.c.expires_at < before)
