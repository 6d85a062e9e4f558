"""The looks behind a confirmed signal of the cohort: what had entered, and the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select

from streams.store import tables


@dataclass(frozen=True, slots=True)
class Look:
    """A closed look of one comparison: events and time entered by then on both sides."""

    test: str
    day: str
    n: float
    time: float
    n_other: float
    time_other: float
    log_e: float
    log_e_sup: float
    position: int


def looks(connection: Connection, product: str, event: str) -> list[Look]:
    """Every look of a pair, by comparison, the newest first."""
    table = tables.cohort_looks
    rows = connection.execute(
        select(table)
        .where(table.c.product == product, table.c.event == event)
        .order_by(table.c.test, table.c.day.desc())
    )
    return [
        Look(
            row.test,
            date.fromordinal(row.day).isoformat(),
            row.n,
            row.time,
            row.n_other,
            row.time_other,
            row.log_e,
            row.log_e_sup,
            row.position,
        )
        for row in rows
    ]
