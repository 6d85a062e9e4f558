"""What reports say of the pairs that the cohort has rates of, one without a report included."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from dashboards.board.rates import NOTHING, Limits
from detectors.disproportionality.ic import ic
from detectors.followup.agreement import Side, side
from streams.store import tables

DATASETS = ("spontaneous", "solicited")
_TABLE = tables.scores


@dataclass(frozen=True, slots=True)
class Reported:
    """A pair in one dataset of reports.

    `score` is its row, None where no case has both. `n` is then 0 and `expected` from the margins
    of the product and of the event, if both have any.
    """

    n: int
    expected: float | None
    prr: Limits
    ic: Limits
    score: Mapping[str, Any] | None = None

    @property
    def side(self) -> Side:
        """Where the IC lies about 0."""
        return side(self.ic.lower, self.ic.upper, 0)


NONE = Reported(0, None, NOTHING, NOTHING)


class Reports:
    """The scores of some products, as a whole, with some events, read at once."""

    def __init__(
        self, connection: Connection, products: Collection[str], events: Collection[str]
    ) -> None:
        table = _TABLE
        watched = [table.c.dataset.in_(DATASETS), table.c.watched]
        rows = connection.execute(select(table).where(*watched, table.c.event.in_(events))).all()
        self._rows = {(row.dataset, row.product, row.event): row for row in rows}
        # the margins of an event are the same in the row of any product
        self._events = {(row.dataset, row.event): (row.n_event, row.n_total) for row in rows}
        margins = (
            select(table.c.dataset, table.c.product, func.max(table.c.n_product))
            .where(*watched, table.c.product.in_(products))
            .group_by(table.c.dataset, table.c.product)
        )
        self._products = {(row[0], row[1]): row[2] for row in connection.execute(margins)}

    def of(self, dataset: str, product: str, event: str) -> Reported:
        """One pair."""
        row = self._rows.get((dataset, product, event))
        if row is not None:
            prr = Limits(row.prr, row.prr_lower, row.prr_upper)
            found = Limits(row.ic, row.ic025, row.ic975)
            return Reported(row.n, row.expected, prr, found, dict(row._mapping))
        n_product = self._products.get((dataset, product))
        n_event, n_total = self._events.get((dataset, event), (0, 0))
        if not n_product or not n_event:
            return NONE
        expected = n_product * n_event / n_total
        value = ic(0, expected)
        limits = Limits(*(float(x) for x in (value.estimate, value.lower, value.upper)))
        return Reported(0, expected, NOTHING, limits)
