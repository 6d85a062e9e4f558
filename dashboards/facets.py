"""By which route, setting, phase, indication and region the cases of watched pairs can be found.

No table has these by pair; they are folded from the changes and the newest versions, and kept.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import msgspec
from sqlalchemy import Connection, select

from dashboards.analysis.population import given
from dashboards.analysis.rows import Row, newest, rows
from detectors.case_review import Pair
from detectors.coding import base
from schemas.envelope import Change
from schemas.vocabulary import Vocabulary, Watchlist
from streams.store import tables

FACETS = ("route", "setting", "phase", "indication", "region")
# what fewer cases of all say is not offered: free text of one person could stand there
LEAST = 3
_FREE = "indication"

Value = tuple[str, str]  # a facet, and what a case says of it
Held = tuple[tuple[Pair, frozenset[Value]], ...]
Values = Mapping[str, tuple[str, ...]]
NONE: Values = dict.fromkeys(FACETS, ())


class Facets:
    """Counts of cases as of the newest change that was read; several threads may ask."""

    def __init__(self, vocabulary: Vocabulary, watchlist: Watchlist) -> None:
        self._vocabulary, self._watchlist = vocabulary, watchlist
        self._lock = threading.Lock()
        self._position = -1
        self._held: dict[int, Held] = {}
        self._counts: dict[Pair, Counter[Value]] = defaultdict(Counter)
        self._indications: Counter[str] = Counter()
        self._pairs = lru_cache(10_000)(self._made)

    def read(self, connection: Connection) -> None:
        """Take the changes that came since the last time."""
        with self._lock:
            up_to = newest(connection)
            if up_to > self._position:
                watches = self._watchlist.watches
                found = rows(connection, self._position, up_to, watches, self._asks)
                deque(self._taking(up_to, found), maxlen=0)

    def taking(self, up_to: int, found: Iterable[Row]) -> Iterator[Row]:
        """Take what has changed up to a position, and pass it on to who reads it too."""
        with self._lock:
            yield from self._taking(up_to, found)

    def _taking(self, up_to: int, found: Iterable[Row]) -> Iterator[Row]:
        said: dict[int, Held] = {}
        for row in found:
            if self._asks(row.change):
                said[row.change.case_id] = self._of(row)
            yield row
        moved = Counter[Held]()  # many cases say the same
        for number, held in said.items():
            moved[self._held.pop(number, ())] -= 1
            moved[held] += 1
            if held:
                self._held[number] = held
        for held, step in moved.items():
            self._move(held, step)
        self._position = up_to

    def of(self, pair: Pair) -> Values:
        """What the cases of a pair (dataset, product, event) say, by facet."""
        with self._lock:
            counts = self._counts.get(pair)
            if not counts:
                return NONE
            found: dict[str, list[str]] = {name: [] for name in FACETS}
            for facet, value in sorted(counts):
                if facet != _FREE or self._indications[value] >= LEAST:
                    found[facet].append(value)
        return {name: tuple(values) for name, values in found.items()}

    def _asks(self, change: Change) -> bool:
        named = any(product.name in self._watchlist.products for product in change.products)
        return named or change.case_id in self._held

    def _of(self, row: Row) -> Held:
        counted = row.counted
        if counted is None:
            return ()
        return self._pairs(
            counted.dataset,
            tuple([name for name, _ in counted.products]),
            tuple([name for name, _ in counted.events]),
            given(row.change),
            _said.decode(row.body) if row.body else _NOTHING,
        )

    def _made(
        self,
        dataset: str,
        products: tuple[str, ...],
        events: tuple[str, ...],
        coded: tuple[tuple[str, str, str], ...],
        said: _Said,
    ) -> Held:
        out = []
        for product in sorted(set(products)):
            if self._watchlist.watches(product):
                values = frozenset(self._values(base(product), coded, said))
                out += [((dataset, product, event), values) for event in sorted(set(events))]
        return tuple(out)

    def _values(
        self, name: str, coded: tuple[tuple[str, str, str], ...], said: _Said
    ) -> Iterable[Value]:
        if said.country:
            yield "region", said.country
        for product, route, setting in coded:
            if product == name:
                yield from (
                    (facet, value)
                    for facet, value in (("route", route), ("setting", setting))
                    if value
                )
        for sent in said.products:
            if self._vocabulary.product(sent.name).name == name:
                for facet, value in (("phase", sent.phase), ("indication", sent.indication)):
                    if value:
                        yield facet, value

    def _move(self, held: Held, step: int) -> None:
        for pair, values in held:
            counts = self._counts[pair]
            for value in values:
                counts[value] += step
                if not counts[value]:
                    del counts[value]
        for value in frozenset[Value]().union(*(values for _, values in held)):
            if value[0] == _FREE:
                self._indications[value[1]] += step


class _Sent(msgspec.Struct, frozen=True):
    name: str
    phase: str | None = None
    indication: str | None = None


class _Said(msgspec.Struct, frozen=True):
    country: str | None = None
    products: tuple[_Sent, ...] = ()


_NOTHING = _Said()
_said = msgspec.json.Decoder(_Said)


def of_cohort(connection: Connection) -> dict[tuple[str, str], Values]:
    """The same of courses, by product and event: in which strata the event was found."""
    table = tables.strata
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for product, event, axis, stratum in connection.execute(
        select(table.c.product, table.c.event, table.c.axis, table.c.stratum)
        .where(table.c.n > 0, table.c.axis.in_(FACETS), table.c.stratum != "")
        .order_by(table.c.axis, table.c.stratum)
    ):
        of = found.setdefault((product, event), {name: [] for name in FACETS})
        of[axis].append(stratum)
    return {
        pair: {name: tuple(values) for name, values in of.items()} for pair, of in found.items()
    }
