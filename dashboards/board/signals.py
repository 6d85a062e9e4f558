"""Signals as the board shows them, read in one snapshot of the store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, select

from dashboards.board.picture import Point
from detectors.coding import base
from streams.store import tables
from streams.store.workflow import NOW

PAGE = 50
PAIR = ("dataset", "product", "event")
_FIELDS = ("kind", "dataset", "product", "state", "rule")


@dataclass(frozen=True, slots=True)
class Filters:
    """What part of the list is asked for, as it stands in the address."""

    kind: str = ""
    dataset: str = ""
    product: str = ""
    state: str = ""
    rule: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """From the parameters of an address; what makes no sense is left out.

        >>> Filters.of({"dataset": "solicited", "page": "x"})
        Filters(kind='', dataset='solicited', product='', state='', rule='', page=1)
        """
        page = query.get("page", "")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
        given = {name: query.get(name, "")[:300] for name in _FIELDS}
        return cls(**given, page=max(1, number))

    def query(self, **changes: Any) -> str:
        """The same as the query of an address.

        >>> Filters(product="ketamine @home", page=2).query(page=3)
        'product=ketamine+%40home&page=3'
        """
        named = replace(self, **changes)
        given = {name: getattr(named, name) for name in _FIELDS if getattr(named, name)}
        return urlencode(given | ({"page": named.page} if named.page > 1 else {}))


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal: its row, its pair's score (None: no case is left), rules and evidence.

    `rate`: of a signal of the cohort, the row of `rates`, if there is one.
    """

    row: Any
    score: Mapping[str, Any] | None
    evidence_at: float
    rules: tuple[Any, ...]
    points: tuple[Point, ...]
    rate: Any = None

    @property
    def n(self) -> int:
        """Cases, of the cohort first events."""
        if self.row.dataset == "cohort":
            return int(self.rate.n) if self.rate else 0
        return int(self.score["n"]) if self.score else 0


@dataclass(frozen=True, slots=True)
class Page:
    """Part of the list, how many there are in all, and what can be asked for."""

    signals: tuple[Signal, ...]
    total: int
    of_all: int
    choices: Mapping[str, tuple[str, ...]]

    def pages(self) -> int:
        """How many parts the list has."""
        return max(1, -(-self.total // PAGE))


def listed(connection: Connection, filters: Filters) -> Page:
    """The signals asked for, newest evidence first, then the strongest."""
    table, rules = NOW, tables.signal_rules
    where = [
        table.c[name] == getattr(filters, name) for name in _FIELDS[:4] if getattr(filters, name)
    ]
    if filters.rule:
        where.append(
            exists().where(
                rules.c.signal_id == table.c.id, rules.c.rule == filters.rule, rules.c.holds
            )
        )
    evidence = _evidence()
    query = (
        _with_score(evidence)
        .where(*where)
        .order_by(evidence.desc(), tables.scores.c.ic025.desc().nulls_last(), table.c.id)
        .limit(PAGE)
        .offset((filters.page - 1) * PAGE)
    )
    count = select(func.count()).select_from(table)
    return Page(
        _signals(connection, connection.execute(query).all()),
        connection.scalar(count.where(*where)) or 0,
        connection.scalar(count) or 0,
        {
            "kind": _distinct(connection, table.c.kind),
            "dataset": _distinct(connection, table.c.dataset),
            "product": _distinct(connection, table.c.product),
            "state": _distinct(connection, table.c.state),
            "rule": _distinct(connection, rules.c.rule),
        },
    )


def one(connection: Connection, number: int) -> Signal | None:
    """One signal, or None."""
    rows = connection.execute(_with_score(_evidence()).where(NOW.c.id == number)).all()
    found = _signals(connection, rows)
    return found[0] if found else None


def others(connection: Connection, signal: Signal) -> Sequence[Any]:
    """The signals of other kinds that the same pair has."""
    table = NOW
    return connection.execute(
        select(table)
        .where(*(table.c[name] == getattr(signal.row, name) for name in PAIR))
        .where(table.c.id != signal.row.id)
        .order_by(table.c.id)
    ).all()


def strata(connection: Connection, signal: Signal) -> Sequence[Any]:
    """The scores of the pair's routes and settings (or, of a stratum, of its product) beside it."""
    table = tables.scores
    product = base(signal.row.product)
    # a range, so that the primary key serves it: "A" is the next character after "@"
    return connection.execute(
        select(table)
        .where(
            table.c.dataset == signal.row.dataset,
            table.c.event == signal.row.event,
            (table.c.product == product)
            | and_(table.c.product >= f"{product} @", table.c.product < f"{product} A"),
        )
        .order_by(table.c.product)
    ).all()


def history(connection: Connection, number: int) -> list[dict[str, Any]]:
    """What happened to a signal, newest first."""
    table = tables.signal_history
    rows = connection.execute(
        select(table).where(table.c.signal_id == number).order_by(table.c.id.desc()).limit(200)
    )
    return [{**row._mapping, "detail": json.loads(row.detail)} for row in rows]


def _same_pair(one: Any, other: Any) -> ColumnElement[bool]:
    return and_(*(one.c[name] == other.c[name] for name in PAIR))


def _evidence() -> ColumnElement[float]:
    """When a case was last counted for the pair, or taken back: system time."""
    table, points = NOW, tables.points
    newest = (
        select(points.c.at)
        .where(_same_pair(points, table))
        .order_by(points.c.position.desc())
        .limit(1)
        .correlate(table)
        .scalar_subquery()
    )
    return func.coalesce(newest, table.c.changed_at)


def _with_score(evidence: ColumnElement[float]) -> Select[Any]:
    table, scores = NOW, tables.scores
    columns = [column for column in scores.c if column.name not in PAIR]
    return select(table, evidence.label("evidence_at"), *columns).select_from(
        table.outerjoin(scores, _same_pair(scores, table))
    )


def _signals(connection: Connection, rows: Sequence[Any]) -> tuple[Signal, ...]:
    ids = [row.id for row in rows]
    rules: dict[int, list[Any]] = {number: [] for number in ids}
    points: dict[int, list[Point]] = {number: [] for number in ids}
    table = tables.signal_rules
    for rule in connection.execute(
        select(table)
        .where(table.c.signal_id.in_(ids))
        .order_by(table.c.first_position, table.c.rule)
    ):
        rules[rule.signal_id].append(rule)
    at = tables.points
    query = (
        select(NOW.c.id, at.c.position, at.c.at, at.c.n, at.c.ic, at.c.ic025, at.c.ic975)
        .join(at, _same_pair(at, NOW))
        .where(NOW.c.id.in_(ids))
        .order_by(NOW.c.id, at.c.position)
    )
    for number, *values in connection.execute(query):
        points[number].append(Point(*values))
    held = tables.rates
    same = and_(NOW.c.product == held.c.product, NOW.c.event == held.c.event)
    of_cohort = select(NOW.c.id, *held.c).join(held, same)
    rates = {
        row.id: row
        for row in connection.execute(of_cohort.where(NOW.c.id.in_(ids), NOW.c.dataset == "cohort"))
    }
    return tuple(
        Signal(
            row,
            row._mapping if row.n is not None else None,
            row.evidence_at,
            tuple(rules[row.id]),
            tuple(points[row.id]),
            rates.get(row.id),
        )
        for row in rows
    )


def _distinct(connection: Connection, column: Any) -> tuple[str, ...]:
    return tuple(connection.scalars(select(column).distinct().order_by(column)))


def counted(connection: Connection) -> dict[str, int]:
    """What an empty list was looked for in: records, watched pairs scored."""
    scores = tables.scores
    return {
        "records": connection.scalar(select(func.count()).select_from(tables.cases)) or 0,
        "pairs": connection.scalar(select(func.count()).select_from(scores).where(scores.c.watched))
        or 0,
    }
