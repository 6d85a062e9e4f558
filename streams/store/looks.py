"""Looks, their counts, and the evidence after them, as rows of the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from detectors.evidence import Row
from detectors.looks import ALL, Key, Look, Looks
from streams.store import tables
from streams.store.writing import upsert_tuples

_COUNTS = ("dataset", "day", "product", "event", "n")
_LOOKS = ("dataset", "day", "imported_at")
_EVIDENCE = ("family", "day", *Row._fields)


class Closed(NamedTuple):
    """A look that is closed: at which position, of which day (ordinal), and its counts."""

    position: int
    dataset: str
    day: int
    counts: dict[Key, int]

    @property
    def name(self) -> str:
        """Its day as a date."""
        return _iso(self.day)


def write_looks(connection: Connection, looks: Looks) -> None:
    """Store what of the open looks has not been."""
    moved, counts = [], []
    for (dataset, day), look in looks.open.items():
        if not (look.moved or look.changed):
            continue
        name = _iso(day)
        if look.moved:
            moved.append((dataset, name, look.imported_at))
            look.moved = False
        counts += [(dataset, name, *key, look.counts[key]) for key in look.changed]
        look.changed.clear()
    upsert_tuples(connection, tables.looks, _LOOKS, moved)
    upsert_tuples(connection, tables.look_counts, _COUNTS, counts)


def write_counts(connection: Connection, closed: Iterable[Closed]) -> None:
    """Store the counts of looks that are closed, of names that were not told apart before."""
    rows = [
        (look.dataset, _iso(look.day), *key, n) for look in closed for key, n in look.counts.items()
    ]
    upsert_tuples(connection, tables.look_counts, _COUNTS, rows)


def close_look(connection: Connection, closed: Closed, at: float) -> None:
    """Store that a look is closed."""
    table = tables.looks
    connection.execute(
        update(table)
        .where(table.c.dataset == closed.dataset, table.c.day == _iso(closed.day))
        .values(closed_position=closed.position, closed_at=at)
    )


def write_evidence(connection: Connection, family: int, day: int, rows: Iterable[Row]) -> None:
    """Store the evidence after a look."""
    name = _iso(day)
    listed = [(family, name, *row) for row in rows]
    upsert_tuples(connection, tables.evidence, _EVIDENCE, listed)


def read_open(connection: Connection, looks: Looks, datasets: Iterable[str]) -> None:
    """Fill in what is open, and which looks are closed."""
    table = tables.looks
    for row in connection.execute(select(table).where(table.c.dataset.in_(list(datasets)))):
        day = date.fromisoformat(row.day).toordinal()
        if row.closed_position is None:
            looks.open[row.dataset, day] = Look(imported_at=row.imported_at, moved=False)
        else:
            looks.closed(row.dataset, day)
    counts = tables.look_counts
    query = select(counts).join(
        table, (table.c.dataset == counts.c.dataset) & (table.c.day == counts.c.day)
    )
    for row in connection.execute(query.where(table.c.closed_position.is_(None))):
        day = date.fromisoformat(row.day).toordinal()
        if (look := looks.open.get((row.dataset, day))) is not None:
            look.counts[row.product, row.event] = row.n


def closed_looks(connection: Connection, dataset: str, pair: Key | None = None) -> Iterator[Closed]:
    """The closed looks of a dataset with their counts, in the order in which they were closed.

    `pair`: only the counts that concern one product and event.
    """
    table, counts = tables.looks, tables.look_counts
    query = (
        select(table.c.closed_position, table.c.day, counts.c.product, counts.c.event, counts.c.n)
        .join(counts, (counts.c.dataset == table.c.dataset) & (counts.c.day == table.c.day))
        .where(table.c.dataset == dataset, table.c.closed_position.is_not(None))
        .order_by(table.c.closed_position, table.c.day)
    )
    if pair is not None:
        query = query.where(
            counts.c.product.in_([ALL, pair[0]]), counts.c.event.in_([ALL, pair[1]])
        )
    rows = connection.execute(query.execution_options(yield_per=10_000))
    for (position, day), group in groupby(rows, key=lambda row: (row.closed_position, row.day)):
        held = {(row.product, row.event): row.n for row in group}
        yield Closed(position, dataset, date.fromisoformat(day).toordinal(), held)


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()
