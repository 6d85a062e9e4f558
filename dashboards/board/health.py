"""The health of the data: what came in and what became of it, what is held, who is silent."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from dashboards.lag import Behind, Lag, in_flight
from schemas.errors import LogError
from streams.store import tables
from streams.store.conservation import Law, conservation
from streams.store.fits import Fit, Fits

DAY = 86_400.0
SHORTEST_SILENCE = DAY
GAPS = 3.0
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender's last record, its usual gap, and whether it is silent; times in seconds."""

    name: str
    deliveries: int
    last: float
    gap: float | None
    pushes: bool

    def silent_after(self) -> float:
        """How long nothing may come: a day, or three usual gaps if that is longer."""
        return max(SHORTEST_SILENCE, GAPS * (self.gap or 0.0))

    def silent(self, now: float) -> bool:
        """Whether nothing has come for longer; who only sent a file is expected to be silent.

        >>> Sender("a", 2, 0.0, 40_000.0, True).silent(130_000.0)
        True
        """
        return self.pushes and now - self.last > self.silent_after()


@dataclass(frozen=True, slots=True)
class Held:
    """Records in quarantine for one reason, with some of them."""

    stage: str
    code: str
    rule: str | None
    n: int
    examples: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long records took from durable to scored: shares of them within some limits."""

    count: int
    mean: float
    within: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The newest checkpoint: when everything was last scored anew, and with which priors."""

    position: int
    at: float
    reason: str
    pairs: int
    seconds: float
    fits: Mapping[str, Fit]


@dataclass(frozen=True, slots=True)
class Health:
    """All of it, of one snapshot; `laws` and `behind` are None where the log cannot be read."""

    now: float
    laws: Mapping[str, Law] | None
    behind: Sequence[Behind] | None
    held: Sequence[Held]
    senders: Sequence[Sender]
    freshness: Freshness | None
    batches: Mapping[str, int]
    quality: Sequence[Any]
    unmatched: Sequence[Any]
    checkpoint: Checkpoint | None
    positions: Sequence[Any]


def health(connection: Connection, lag: Lag) -> Health:
    """Read it in one snapshot."""
    try:
        behind = lag.read(connection)
    except LogError:
        behind = None
    return Health(
        now=time.time(),
        laws=None if behind is None else conservation(connection, in_flight(behind)),
        behind=behind,
        held=held(connection),
        senders=senders(connection),
        freshness=freshness(connection),
        batches=batches(connection),
        quality=_quality(connection),
        unmatched=connection.execute(
            select(tables.unmatched)
            .order_by(tables.unmatched.c.n.desc(), tables.unmatched.c.kind, tables.unmatched.c.name)
            .limit(50)
        ).all(),
        checkpoint=checkpoint(connection),
        positions=connection.execute(
            select(tables.positions).order_by(
                tables.positions.c.consumer, tables.positions.c.topic, tables.positions.c.partition
            )
        ).all(),
    )


def checkpoint(connection: Connection) -> Checkpoint | None:
    """The newest one, or None."""
    table = tables.checkpoints
    row = connection.execute(select(table).order_by(table.c.position.desc()).limit(1)).first()
    if row is None:
        return None
    fits = Fits.from_json(row.position, row.fits).by_dataset
    return Checkpoint(row.position, row.at, row.reason, row.pairs, row.seconds, fits)


def senders(connection: Connection) -> list[Sender]:
    """Every sender, the one that was heard of longest ago first."""
    table = tables.records
    rows = connection.execute(
        select(
            table.c.sender,
            func.count(table.c.taken_at.distinct()),
            func.min(table.c.taken_at),
            func.max(table.c.taken_at),
        ).group_by(table.c.sender)
    ).all()
    out = []
    for name, deliveries, first, last in rows:
        gap = (last - first) / (deliveries - 1) if deliveries > 1 else None
        out.append(Sender(name, deliveries, last, gap, _pushed(connection, name, last)))
    return sorted(out, key=lambda sender: sender.last)


def _pushed(connection: Connection, sender: str, at: float) -> bool:
    """Whether a sender's record of that time was pushed, not imported from a file."""
    table = tables.records
    query = select(table.c.origin).where(table.c.sender == sender, table.c.taken_at == at).limit(1)
    return connection.scalar(query) == "push"


def held(connection: Connection) -> list[Held]:
    """What is in quarantine, by reason, the most frequent first."""
    table, records = tables.quarantine, tables.records
    groups = connection.execute(
        select(table.c.stage, table.c.code, table.c.rule, func.count().label("n"))
        .group_by(table.c.stage, table.c.code, table.c.rule)
        .order_by(func.count().desc(), table.c.code)
    ).all()
    out = []
    for stage, code, rule, n in groups:
        rows = connection.execute(
            select(table.c.id, records.c.sender, table.c.report_id, table.c.faults, table.c.held_at)
            .join(records, records.c.id == table.c.id)
            .where(
                table.c.stage == stage,
                table.c.code == code,
                table.c.rule.is_not_distinct_from(rule),
            )
            .order_by(table.c.id.desc())
            .limit(_EXAMPLES)
        )
        examples = tuple({**row._mapping, "faults": json.loads(row.faults)[:3]} for row in rows)
        out.append(Held(stage, code, rule, n, examples))
    return out


def freshness(connection: Connection) -> Freshness | None:
    """From the detect agent's meter; None before its first record."""
    buckets, total, count = freshness_buckets(connection)
    if not count:
        return None
    within = tuple((limit, upto / count) for limit, upto in buckets if limit != "+Inf")
    return Freshness(count, total / count, within)


def freshness_buckets(connection: Connection) -> tuple[list[tuple[str, int]], float, int]:
    """(limit, records up to it) in rising order up to +Inf, the sum in seconds, the count."""
    table = tables.meters
    body = connection.scalar(select(table.c.body).where(table.c.name == "freshness"))
    meter: dict[str, Any] = json.loads(body) if body else {"buckets": {}, "sum": 0.0, "count": 0}
    counted = 0
    buckets = []
    for limit in sorted({*meter["buckets"], "+Inf"}, key=float):
        counted += meter["buckets"].get(limit, 0)
        buckets.append((limit, counted))
    return buckets, float(meter["sum"]), int(meter["count"])


def freshness_examples(connection: Connection) -> dict[str, tuple[float, int, float]]:
    """The newest record of each bucket: its seconds, its position in `changes`, and when."""
    table = tables.meters
    body = connection.scalar(select(table.c.body).where(table.c.name == "freshness"))
    found: dict[str, Any] = json.loads(body).get("examples", {}) if body else {}
    return {limit: (seconds, position, at) for limit, (seconds, position, at) in found.items()}


def batches(connection: Connection) -> dict[str, int]:
    """Batches that the quality suite has seen, by result."""
    table = tables.quality_batches
    rows = connection.execute(select(table.c.result, table.c.n).order_by(table.c.result))
    return {row.result: row.n for row in rows}


def _quality(connection: Connection) -> Sequence[Any]:
    """Of each sender and rule: how often it was not kept, and the newest finding."""
    table = tables.quality
    newest = (
        select(func.max(table.c.id).label("id"), func.count().label("times"))
        .group_by(table.c.stream, table.c.sender, table.c.rule)
        .subquery()
    )
    return connection.execute(
        select(table, newest.c.times)
        .join(newest, newest.c.id == table.c.id)
        .order_by(table.c.passed, table.c.at.desc())
        .limit(200)
    ).all()
