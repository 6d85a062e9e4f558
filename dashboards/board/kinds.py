"""Which kind of rule holds for a pair: review, screening, sequential evidence, as corrected."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from streams.store import tables

KINDS = ("case_review", "screening", "confirmed")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rule: its signal of the pair (None: never raised), rules that hold and that did."""

    name: str
    signal: int | None
    held: tuple[str, ...]
    over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Corrected:
    """The evidence of a confirmation on the newest versions, and what was asked."""

    log_e: float
    asked: float

    @property
    def holds(self) -> bool:
        """Whether it still reaches what was asked; where not, the confirmation is suspended."""
        return self.log_e >= self.asked


@dataclass(frozen=True, slots=True)
class Holding:
    """All kinds side by side; `corrected` is None without a confirmation, or before it is known."""

    kinds: tuple[Kind, ...]
    corrected: Corrected | None


def holding(connection: Connection, pair: tuple[str, str, str]) -> Holding:
    """What holds for a pair (dataset, product, event)."""
    table, rules = tables.signals, tables.signal_rules
    names = ("dataset", "product", "event")
    same = [table.c[name] == value for name, value in zip(names, pair, strict=True)]
    raised = connection.execute(select(table.c.id, table.c.kind).where(*same))
    numbers = {row.kind: row.id for row in raised}
    held: dict[int, list[tuple[str, bool]]] = {number: [] for number in numbers.values()}
    for row in connection.execute(
        select(rules)
        .where(rules.c.signal_id.in_(held))
        .order_by(rules.c.first_position, rules.c.rule)
    ):
        held[row.signal_id].append((row.rule, row.holds))
    kinds = tuple(
        Kind(
            name,
            number,
            tuple(rule for rule, holds in held.get(number or 0, ()) if holds),
            tuple(rule for rule, holds in held.get(number or 0, ()) if not holds),
        )
        for name in KINDS
        for number in [numbers.get(name)]
    )
    return Holding(kinds, _corrected(connection, numbers.get("confirmed")))


def _corrected(connection: Connection, number: int | None) -> Corrected | None:
    table = tables.confirmations
    row = connection.execute(select(table).where(table.c.signal_id == number)).first()
    if number is None or row is None or row.corrected_log_e is None:
        return None
    return Corrected(row.corrected_log_e, row.asked)
