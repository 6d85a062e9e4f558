"""Rates of the cohort as the board shows them: counts of the store, limits of the detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, select

from detectors.coding import base
from detectors.cohort_strata import EVERY
from detectors.followup.rates import Estimate, rate, rate_ratio, share
from detectors.scope import YEAR, Clusters
from streams.store import tables

PER = 100.0  # patient-years that rates are shown for


class Limits(NamedTuple):
    """A value with 95 % limits; None where it cannot be computed."""

    value: float | None
    lower: float | None
    upper: float | None


NOTHING = Limits(None, None, None)


@dataclass(frozen=True, slots=True)
class Counted:
    """A row of `strata`: its counts, the rate per 100 patient-years, the share of sessions in %."""

    product: str
    axis: str
    stratum: str
    event: str
    n: int
    days: int
    courses: int
    sessions: int
    sessions_with: int
    sessions_to_first: int
    sums: tuple[int, int, int, int]
    lock_day: int
    position: int
    rate: Limits
    share: Limits

    @property
    def years(self) -> float:
        """Patient-years at risk."""
        return self.days / YEAR

    @property
    def has_data(self) -> bool:
        """Whether anybody was at risk: where not, 0 events say nothing."""
        return self.days > 0 or self.sessions > 0


def read(connection: Connection, event: str | None = None) -> list[Counted]:
    """The strata of an event; of every event the products as a whole."""
    table = tables.strata
    where = table.c.axis == "" if event is None else table.c.event == event
    return counted(connection.execute(select(table).where(where)).all())


def counted(rows: Sequence[Any]) -> list[Counted]:
    """Rows of `strata` with rates and shares."""
    held = np.array(
        [
            (
                row.n,
                row.days,
                row.sessions,
                row.sessions_with,
                row.met,
                row.with_with,
                row.with_all,
                row.all_all,
            )
            for row in rows
        ],
        dtype=np.float64,
    ).reshape(-1, 8)
    n, days, sessions, sessions_with, *sums = held.T
    rates = limits(rate(n, days / YEAR), PER)
    shares = limits(
        share(sessions_with, sessions, Clusters(*(x.astype(np.int64) for x in sums))), 100
    )
    return [
        Counted(
            row.product,
            row.axis,
            row.stratum,
            row.event,
            row.n,
            row.days,
            row.courses,
            row.sessions,
            row.sessions_with,
            row.sessions_to_first,
            (row.met, row.with_with, row.with_all, row.all_all),
            row.lock_day,
            row.position,
            rates[i],
            shares[i],
        )
        for i, row in enumerate(rows)
    ]


def ratio(n: float, time: float, n_reference: float, time_reference: float) -> Limits:
    """The rate over a reference, with limits from both; see `detectors.followup.rates`.

    >>> ratio(10, 100.0, 5, 100.0).value, ratio(1, 10.0, 0, 10.0).upper
    (2.0, None)
    """
    return limits(rate_ratio([n], [time], [n_reference], [time_reference]))[0]


def of_product(rows: Sequence[Counted], product: str) -> Counted | None:
    """The row of a product, or of its route or setting named as `NAME @STRATUM`."""
    name = base(product)
    stratum = product.removeprefix(name).removeprefix(" @")
    wanted = ("route", "setting") if stratum else ("",)
    found = (r for r in rows if (r.product, r.stratum) == (name, stratum) and r.axis in wanted)
    return next(found, None)


def every(rows: Sequence[Counted]) -> dict[str, Counted]:
    """By event, the row of all products together."""
    return {row.event: row for row in rows if row.product == EVERY}


def limits(found: Estimate, times: float = 1) -> list[Limits]:
    """Estimates one by one.

    >>> limits(Estimate(*(np.array([x, np.nan]) for x in (2.0, 1.0, 4.0))), 10)[1]
    Limits(value=None, lower=None, upper=None)
    """
    columns = [[None if isnan(x) else x * times for x in column.tolist()] for column in found]
    return [Limits(*values) for values in zip(*columns, strict=True)]
