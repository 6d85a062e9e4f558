"""Each person's last look at each signal, and what has changed since."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from streams.store import tables
from streams.store.writing import upsert

_BEGAN = ("first_held", "holds_again")


@dataclass(frozen=True, slots=True)
class Since:
    """What has changed since a look: counts then and now, rules, and what others did."""

    at: float
    n: int
    n_now: int
    began: tuple[str, ...]
    ended: tuple[str, ...]
    acts: tuple[Any, ...]

    @property
    def nothing(self) -> bool:
        """Whether all is as it was."""
        return self.n == self.n_now and not (self.began or self.ended or self.acts)


def mark(connection: Connection, user: str, signal: int, n: int) -> None:
    """Write down that a person looks at a signal now, with `n` cases or first events."""

    def newest(table: Any) -> int:
        found = connection.scalar(select(func.max(table.c.id)).where(table.c.signal_id == signal))
        return found or 0

    row = {"user": user, "signal_id": signal, "at": time.time(), "n": n}
    row |= {"history": newest(tables.signal_history), "act": newest(tables.acts)}
    upsert(connection, tables.seen, [row])


def since(connection: Connection, user: str, counts: Iterable[tuple[int, int]]) -> dict[int, Since]:
    """For each signal and its count: what has changed since a person looked, if they did."""
    now = dict(counts)
    seen = tables.seen
    looks = connection.execute(
        select(seen).where(seen.c.user == user, seen.c.signal_id.in_(list(now)))
    ).all()
    history = _later(connection, tables.signal_history, looks, "history")
    acts = _later(connection, tables.acts, looks, "act")
    out = {}
    for look in looks:
        # of several things that a rule did, the last counts
        rules = {
            json.loads(row.detail).get("rule", ""): row.what for row in history[look.signal_id]
        }
        out[look.signal_id] = Since(
            look.at,
            look.n,
            now[look.signal_id],
            tuple(rule for rule, what in rules.items() if what in _BEGAN),
            tuple(rule for rule, what in rules.items() if what == "holds_no_longer"),
            tuple(row for row in acts[look.signal_id] if row.who != user),
        )
    return out


def _later(
    connection: Connection, table: Any, looks: Sequence[Any], name: str
) -> dict[int, list[Any]]:
    """The rows of each signal that came after a look at it."""
    after = {look.signal_id: getattr(look, name) for look in looks}
    found: dict[int, list[Any]] = defaultdict(list)
    if after:
        query = (
            select(table)
            .where(table.c.signal_id.in_(list(after)), table.c.id > min(after.values()))
            .order_by(table.c.id)
        )
        for row in connection.execute(query):
            if row.id > after[row.signal_id]:
                found[row.signal_id].append(row)
    return found
