"""Families of sequential evidence, as the store keeps them: fixed when they are opened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, insert, select, update

from detectors.sequential.family import Family
from streams.store import tables


@dataclass(frozen=True, slots=True)
class Opened:
    """A family of one dataset, and which looks it takes, by the position at which they closed."""

    id: int
    dataset: str
    family: Family
    margin: float
    opened: str
    digest: str
    opened_position: int
    opened_at: float
    ended_position: int | None = None

    def takes(self, closed_position: int) -> bool:
        """Whether a look that closed at a position is one of its looks."""
        before_end = self.ended_position is None or closed_position <= self.ended_position
        return closed_position > self.opened_position and before_end

    def __str__(self) -> str:
        return f"{self.dataset} reports, {self.family}, margin {self.margin:g}"


def families(connection: Connection, datasets: Iterable[str] | None = None) -> list[Opened]:
    """Every family that was opened, in order; of some datasets if these are given."""
    table = tables.families
    query = select(table).order_by(table.c.id)
    if datasets is not None:
        query = query.where(table.c.dataset.in_(list(datasets)))
    return [
        Opened(
            row.id,
            row.dataset,
            Family(
                row.name, tuple(json.loads(row.products)), tuple(json.loads(row.events)), row.alpha
            ),
            row.margin,
            row.opened,
            row.digest,
            row.opened_position,
            row.opened_at,
            row.ended_position,
        )
        for row in connection.execute(query)
    ]


def open_family(connection: Connection, given: Opened) -> Opened:
    """Keep a new family; it comes back with its number."""
    family = given.family
    key = connection.execute(
        insert(tables.families).values(
            dataset=given.dataset,
            name=family.name,
            products=json.dumps(family.products),
            events=json.dumps(family.events),
            alpha=family.alpha,
            margin=given.margin,
            opened=given.opened,
            digest=given.digest,
            opened_position=given.opened_position,
            opened_at=given.opened_at,
        )
    ).inserted_primary_key
    assert key is not None
    return replace(given, id=int(key[0]))


def end_family(connection: Connection, number: int, position: int) -> None:
    """No look that closes after a position is one of the family's."""
    table = tables.families
    connection.execute(update(table).where(table.c.id == number).values(ended_position=position))


def told_apart(
    opened: Sequence[Opened], datasets: Iterable[str]
) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """By dataset, the products and events of any of its families: what looks tell apart."""
    out = {}
    for dataset in datasets:
        own = [one.family for one in opened if one.dataset == dataset]
        products = frozenset(product for family in own for product in family.products)
        out[dataset] = (products, frozenset(event for family in own for event in family.events))
    return out
