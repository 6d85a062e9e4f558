"""The cohort as a list: products and events with their rates, first what needs a look."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, func, select

from dashboards.board import rates
from dashboards.board.beside import Beside, beside
from dashboards.board.rates import Counted
from dashboards.board.reported import Reports
from dashboards.language import mark
from detectors.cohort_strata import EVERY
from detectors.followup.counted import backgrounds
from detectors.scope import GROUP, Scope
from schemas.vocabulary import Vocabulary
from streams.store import tables
from streams.store.workflow import ENDED, NOW

PAGE = 50
_FIELDS = ("product", "look")

# in the order of the list; the words stand on the page
LOOKS = {
    "signal": mark("a signal of the cohort is open"),
    "disagree": mark("cohort and reports disagree"),
    "above": mark("above its reference"),
    "reported": mark("no data here, but reports stand out"),
    "events": mark("events, and nothing to compare with"),
    "not_above": mark("events, not above its reference"),
    "none": mark("no event so far"),
    "no_data": mark("no data"),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which part of the list is asked for, as it stands in the address."""

    product: str = ""
    look: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """From the parameters of an address; what makes no sense is left out.

        >>> Filters.of({"look": "above", "page": "-1"})
        Filters(product='', look='above', page=1)
        """
        page = query.get("page", "")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
        product, look = (query.get(name, "")[:300] for name in _FIELDS)
        return cls(product, look, max(1, number))

    def query(self, **changes: Any) -> str:
        """The same as the query of an address.

        >>> Filters(product="ketamine", page=2).query(page=3)
        'product=ketamine&page=3'
        """
        named = replace(self, **changes)
        given = {name: getattr(named, name) for name in _FIELDS if getattr(named, name)}
        return urlencode(given | ({"page": named.page} if named.page > 1 else {}))


@dataclass(frozen=True, slots=True)
class Row:
    """A product with an event, and why it stands where it does (a key of `LOOKS`)."""

    beside: Beside
    look: str

    @property
    def counted(self) -> Counted:
        """Its counts and rate."""
        return self.beside.counted


@dataclass(frozen=True, slots=True)
class Page:
    """Part of the list; how long it is with and without filters, and what was followed."""

    rows: tuple[Row, ...]
    total: int
    of_all: int
    courses: int
    products: tuple[str, ...]
    unseen: tuple[str, ...]
    through: str
    positions: tuple[int, int]

    def pages(self) -> int:
        """How many parts the list has."""
        return max(1, -(-self.total // PAGE))


def listed(
    connection: Connection, filters: Filters, vocabulary: Vocabulary, watched: Collection[str] = ()
) -> Page:
    """The rows asked for, first those that need a look, then by the lower limit of the rate.

    `watched`: the products that the deployment exists for, to say which no course is of.
    """
    counted = rates.read(connection)
    every = rates.every(counted)
    whole = [row for row in counted if row.product != EVERY]
    products = sorted({row.product for row in whole})
    reports = Reports(connection, products, sorted(every))
    open_signals = signalled(connection)
    found = []
    for row in whole:
        one = compared(row, every.get(row.event), reports, vocabulary)
        found.append(Row(one, look(one, open_signals)))
    order = list(LOOKS)
    found.sort(
        key=lambda row: (
            order.index(row.look),
            -(row.counted.rate.lower or 0),
            -row.counted.n,
            row.counted.product,
            row.counted.event,
        )
    )
    shown = [
        row
        for row in found
        if filters.product in ("", row.counted.product) and filters.look in ("", row.look)
    ]
    begin = (filters.page - 1) * PAGE
    at = [row.position for row in whole]
    return Page(
        tuple(shown[begin : begin + PAGE]),
        len(shown),
        len(found),
        connection.scalar(select(func.count()).select_from(tables.courses)) or 0,
        tuple(products),
        tuple(sorted(set(watched) - set(products))),
        through(max(row.lock_day for row in whole)) if whole else "",
        (min(at, default=-1), max(at, default=-1)),
    )


def through(lock_day: int) -> str:
    """The last day that counts, of rates counted up to a lock day less the lag of reports.

    >>> through(739_100)
    '2024-07-03'
    """
    return date.fromordinal(Scope(lock_day).through).isoformat()


def compared(
    row: Counted, every: Counted | None, reports: Reports, vocabulary: Vocabulary
) -> Beside:
    """A product as a whole beside its reference and the reports."""
    group = row.event.removeprefix(GROUP) if row.event.startswith(GROUP) else None
    return beside(
        row,
        every,
        backgrounds(),
        *(reports.of(dataset, row.product, row.event) for dataset in ("spontaneous", "solicited")),
        grouped=group is None or group in vocabulary.groups(),
    )


def look(one: Beside, open_signals: set[tuple[str, str]]) -> str:
    """Why a row is looked at, the first of `LOOKS` that is true of it."""
    row = one.counted
    if (row.product, row.event) in open_signals:
        return "signal"
    if one.verdict == "disagree":
        return "disagree"
    if one.side == "above":
        return "above"
    if not row.has_data:
        return "reported" if one.spontaneous.side == "above" else "no_data"
    if not row.n and not row.sessions_with:
        return "none"
    return "events" if one.side == "unknown" else "not_above"


def signalled(connection: Connection) -> set[tuple[str, str]]:
    """Products and events with an open signal of the cohort."""
    rows: Sequence[Any] = connection.execute(
        select(NOW.c.product, NOW.c.event).where(
            NOW.c.dataset == "cohort", NOW.c.state.not_in(ENDED)
        )
    ).all()
    return {(row.product, row.event) for row in rows}
