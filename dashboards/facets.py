"""By which route, setting, phase, indication and region the cases of watched pairs can be found.

No table has these by pair; they are folded from the changes and the newest versions, and kept.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from detectors.case_review import Pair
from detectors.coding import COUNTED, base, content
from schemas.envelope import Change
from schemas.vocabulary import Vocabulary, Watchlist
from streams.store import tables
from streams.store.changes import positioned_changes
from streams.store.enclosed import disclosed
from streams.store.store import Store

FACETS = ("route", "setting", "phase", "indication", "region")
# what fewer cases of all say is not offered: free text of one person could stand there
LEAST = 3
_AT_A_TIME = 500
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

    def read(self, connection: Connection) -> None:
        """Take the changes that came since the last time."""
        with self._lock:
            touched: dict[int, Change] = {}
            for position, change in positioned_changes(connection, self._position):
                if change.case_id in self._held or self._watched(change):
                    touched[change.case_id] = change
                self._position = position
            listed = sorted(touched)
            for start in range(0, len(listed), _AT_A_TIME):
                part = listed[start : start + _AT_A_TIME]
                bodies = _bodies(connection, part)
                for number in part:
                    self._replace(number, self._of(touched[number], bodies.get(number, {})))

    def look(self, store: Store) -> None:
        """Read what is new, so that no reader of a page has to wait for it."""
        with store.read() as connection:
            self.read(connection)

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

    def _watched(self, change: Change) -> bool:
        return any(product.name in self._watchlist.products for product in change.products)

    def _of(self, change: Change, body: Mapping[str, Any]) -> Held:
        counted = content(change, strata_of=self._watchlist.watches)
        if counted is None:
            return ()
        events = {name for name, _ in counted.events}
        out = []
        for product in {name for name, _ in counted.products}:
            if self._watchlist.watches(product):
                values = frozenset(self._values(base(product), change, body))
                out += [((counted.dataset, product, event), values) for event in sorted(events)]
        return tuple(out)

    def _values(self, name: str, change: Change, body: Mapping[str, Any]) -> Iterable[Value]:
        if country := body.get("country"):
            yield "region", country
        for coded in change.products:
            if coded.name == name and coded.role in COUNTED:
                yield from (
                    (facet, value)
                    for facet, value in (("route", coded.route), ("setting", coded.setting))
                    if value
                )
        for product in body.get("products", ()):
            if self._vocabulary.product(product["name"]).name == name:
                for facet in ("phase", "indication"):
                    if value := product.get(facet):
                        yield facet, value

    def _replace(self, number: int, held: Held) -> None:
        for pairs, step in ((self._held.pop(number, ()), -1), (held, 1)):
            for pair, values in pairs:
                counts = self._counts[pair]
                for value in values:
                    counts[value] += step
                    if not counts[value]:
                        del counts[value]
            for value in frozenset[Value]().union(*(values for _, values in pairs)):
                if value[0] == _FREE:
                    self._indications[value[1]] += step
        if held:
            self._held[number] = held


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


def _bodies(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The newest version of some cases as sent, without narrative; none of those erased."""
    cases, versions = tables.cases, tables.versions
    rows = connection.execute(
        select(cases.c.id, versions.c.body)
        .join(versions, versions.c.id == cases.c.newest)
        .where(cases.c.id.in_(numbers))
    )
    found = {number: disclosed(connection, body) for number, body in rows}
    return {number: msgspec.json.decode(body) for number, body in found.items() if body}
