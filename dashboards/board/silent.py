"""Silence: what would have been found by now, had it been there, of pairs without a signal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any
from urllib.parse import urlencode

import numpy as np
from sqlalchemy import Connection, select

from dashboards.analysis.standing import Standing
from dashboards.language import mark
from detectors.calibration.permutation import Flag
from detectors.calibration.power import (
    critical_counts,
    detectable_now,
    first_flagged,
)
from detectors.disproportionality.table import PairTable
from streams.store.families import families
from streams.store.workflow import ENDED, NOW

PAGE = 60
CHANCE = 0.8
DOUBLED = 2.0
COUNTS = 80  # events up to which a boundary is followed
DATASETS = ("spontaneous", "solicited", "cohort")
NO_DATA = "no data"
NO_PRIOR = mark("no prior was fitted at the newest checkpoint")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which part is asked for, as it stands in the address."""

    dataset: str = DATASETS[0]
    product: str = ""
    rule: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """From the parameters of an address; what makes no sense is left out.

        >>> Filters.of({"dataset": "cohort", "page": "x"}).query()
        'dataset=cohort'
        """
        page = query.get("page", "")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
        dataset = query.get("dataset", "")
        return cls(
            dataset if dataset in DATASETS else DATASETS[0],
            query.get("product", "")[:300],
            query.get("rule", "")[:100],
            max(1, number),
        )

    def query(self, **changes: Any) -> str:
        """The same as the query of an address."""
        named = replace(self, **changes)
        given = {"dataset": named.dataset, "product": named.product, "rule": named.rule}
        if named.dataset == DATASETS[0]:
            del given["dataset"]
        given = {name: value for name, value in given.items() if value}
        return urlencode(given | ({"page": str(named.page)} if named.page > 1 else {}))


@dataclass(frozen=True, slots=True)
class Row:
    """A pair without a signal, and what its rule would have found.

    `exposure`: reports of the product, of the cohort patient-years; `expected`: reports, or first
    events, at a ratio of 1; `fewest`: that signal now; `ratio`: the smallest that would have been
    found by now with a chance of 80 %; `days`: mean time until a doubling is found, from the first
    exposure on and at its pace so far, of those that are found, which is the share `chance`. `why`
    says what is missing; then the rest is None.
    """

    product: str
    event: str
    rule: str
    n: float
    exposure: float
    expected: float | None = None
    fewest: float | None = None
    ratio: float | None = None
    days: float | None = None
    chance: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """All rows that were asked for, of how many pairs watched, how many of them with a signal."""

    rows: tuple[Row, ...]
    watched: int
    signalled: int
    products: tuple[str, ...]
    position: int

    @property
    def blind(self) -> int:
        """Rows that say nothing."""
        return sum(bool(row.why) for row in self.rows)

    def pages(self) -> int:
        """How many parts the list has."""
        return max(1, -(-len(self.rows) // PAGE))


@dataclass(frozen=True, slots=True)
class Watched:
    """The products of a deployment, and the events asked for where no family was opened yet."""

    products: tuple[str, ...]
    events: tuple[str, ...]


def reports(
    connection: Connection,
    standing: Standing,
    filters: Filters,
    flag: Flag,
    watched: Watched,
    *,
    why: str = "",
) -> Page:
    """The watched products with every event of the family, in a dataset of reports.

    `flag` judges a row by its own counts; `why` it can judge none.
    """
    named = sorted(watched.products)
    known = [one for one in families(connection, [filters.dataset]) if one.ended_position is None]
    family = known[0].family.events if known else watched.events
    loud = signalled(connection, filters.dataset)
    pairs = [(product, event) for product in named for event in family]
    quiet = [pair for pair in pairs if pair not in loud and filters.product in ("", pair[0])]
    position, table, days = standing.watched(connection, filters.dataset, quiet)
    found = _rows(table, days, filters.rule, flag, why)
    return Page(
        tuple(sorted(found, key=order)),
        len(pairs),
        sum(pair in loud for pair in pairs),
        tuple(named),
        position,
    )


def _rows(table: PairTable, days: Sequence[int], rule: str, flag: Flag, blind: str) -> list[Row]:
    others, elsewhere = table.n_total - table.n_product, table.n_event - table.n
    known = np.flatnonzero((table.n_product > 0) & (elsewhere > 0) & (others > 0) & (not blind))
    some = table.rows(known)
    fewest, ratio = critical_counts(some, flag), detectable_now(some, flag, CHANCE)
    scale = first_flagged(some, flag, DOUBLED, COUNTS)
    place = {int(i): k for k, i in enumerate(known)}
    out = []
    for i in range(len(table)):
        row = Row(
            str(table.product[i]),
            str(table.event[i]),
            rule,
            int(table.n[i]),
            int(table.n_product[i]),
        )
        if (k := place.get(i)) is None:
            why = (
                mark("no report of the product")
                if not row.exposure
                else blind or mark("no other report of the event")
            )
            out.append(replace(row, why=why))
            continue
        mean, chance = scale[k]
        out.append(
            replace(
                row,
                expected=float(table.n_product[i] * elsewhere[i] / others[i]),
                fewest=or_none(fewest[k]),
                ratio=or_none(ratio[k]),
                days=None if not isfinite(mean) else mean * days[i],
                chance=chance,
            )
        )
    return out


def as_csv(rows: Iterable[Row]) -> str:
    """The rows as CSV; what is not known is empty, and `why` says so."""
    out = io.StringIO()
    writer = csv.writer(out)
    names = Row.__slots__
    writer.writerow(names)
    for row in rows:
        values = (getattr(row, name) for name in names)
        writer.writerow(["" if value is None else value for value in values])
    return out.getvalue()


def order(row: Row) -> tuple[bool, float, str, str]:
    """What could least have been found first, and without data last."""
    return bool(row.why), -(row.ratio or float("inf")), row.product, row.event


def or_none(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def signalled(connection: Connection, dataset: str) -> set[tuple[str, str]]:
    rows = connection.execute(
        select(NOW.c.product, NOW.c.event).where(
            NOW.c.dataset == dataset, NOW.c.state.not_in(ENDED)
        )
    )
    return {(row.product, row.event) for row in rows}
