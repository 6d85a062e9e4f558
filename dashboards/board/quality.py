"""What the quality suite found of each sender lately, by rule: what passed, and what failed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from sqlalchemy import Connection, func, select

from schemas.quality.limits import limits
from schemas.record import Stream
from streams.store import tables

DAYS = 30


@dataclass(frozen=True, slots=True)
class OfRule:
    """A rule over the records of a sender, or (`unit` is verdicts) over its shares.

    `batches`: in how many a record failed it; None for a verdict.
    """

    name: str
    unit: str
    passed: int
    failed: int
    batches: int | None


@dataclass(frozen=True, slots=True)
class OfSender:
    """What was judged of a sender in a stream; the rules that something failed come first."""

    stream: str
    sender: str
    records: int
    batches: int
    rules: tuple[OfRule, ...]

    @property
    def failing(self) -> int:
        """How many rules something failed."""
        return sum(rule.failed > 0 for rule in self.rules)


def results(connection: Connection, today: date, days: int = DAYS) -> list[OfSender]:
    """Of every sender of which something was judged within so many days, today included."""
    table = tables.quality_days
    first = (today - timedelta(days=days - 1)).isoformat()
    found: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    for stream, sender, unit, rule, n in connection.execute(
        select(table.c.stream, table.c.sender, table.c.unit, table.c.rule, func.sum(table.c.n))
        .where(table.c.day >= first)
        .group_by(table.c.stream, table.c.sender, table.c.unit, table.c.rule)
    ):
        found[sender, stream][unit, rule] += int(n)
    return [_of(stream, sender, counts) for (sender, stream), counts in sorted(found.items())]


def _of(stream: str, sender: str, counts: Counter[tuple[str, str]]) -> OfSender:
    known = limits().of(cast("Stream", stream))
    further = {rule for unit, rule in counts if unit == "records" and rule} - known.rows.keys()
    rules = []
    for name in (*known.rows, *sorted(further)):
        failed = counts["records", name]
        passed = counts["records", ""] - failed
        rules.append(OfRule(name, "records", passed, failed, counts["batches", name]))
    for name in known.batch if counts["verdicts", ""] else ():
        failed = counts["verdicts", name]
        rules.append(OfRule(name, "verdicts", counts["verdicts", ""] - failed, failed, None))
    rules.sort(key=lambda rule: not rule.failed)
    return OfSender(stream, sender, counts["records", ""], counts["batches", ""], tuple(rules))
