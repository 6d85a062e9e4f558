"""Looks of one day each: what the reports that became known on it add, and when it is closed.

Sequential evidence holds its error rate only if what it has looked at is never rewritten: a report
enters the look of the day on which it became known, and a look that is closed stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from detectors.casebook import CaseContent
from detectors.coding import base

Key = tuple[str, str]
Place = tuple[str, int]

ALL = ""
_TOTAL = (ALL, ALL)
# a whole day without a record of it ends an import that did not say that it had ended
SILENT = 86_400.0


class Names(NamedTuple):
    """What a revision of a case held, by name: dataset, whole products, events."""

    dataset: str
    products: frozenset[str]
    events: frozenset[str]

    @classmethod
    def of(cls, content: CaseContent) -> Names:
        """The names of a case's content; strata of a product are the product."""
        products = frozenset(name for name, _ in content.products if base(name) == name)
        return cls(content.dataset, products, frozenset(name for name, _ in content.events))


class Entry(NamedTuple):
    """One report as a look counts it, and the latest of the days (ordinals) of its names."""

    products: tuple[str, ...]
    events: tuple[str, ...]
    day: int


def entries(content: CaseContent, earlier: Sequence[Names] = ()) -> list[Entry]:
    """What a revision brings to the looks, given what earlier revisions held.

    The first one enters as it is. A later one enters only with pairs that no earlier one held, as
    a report more that carries the news alone; where the news is not the same for all of its events,
    as one for each set of products, so that every report is a set of products with a set of events
    and any four counts of a look are a 2x2 table.

    >>> first = CaseContent("d", (("A", 1),), (("x", 1),))
    >>> more = CaseContent("d", (("A", 1), ("B", 3)), (("x", 1), ("y", 2)))
    >>> entries(first)
    [Entry(products=('A',), events=('x',), day=1)]
    >>> entries(more, [Names.of(first)])  # B with x; A and B with y
    [Entry(products=('B',), events=('x',), day=3), Entry(products=('A', 'B'), events=('y',), day=3)]
    >>> entries(first, [Names.of(first)])
    []
    """
    days = {name: day for name, day in content.products if base(name) == name}
    if not earlier:
        terms = dict(content.events)
        latest = max(max(days.values(), default=0), max(terms.values(), default=0))
        return [Entry(tuple(days), tuple(terms), latest)]
    held = [one for one in earlier if one.dataset == content.dataset]
    news: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for event, day in content.events:
        known = [one.products for one in held if event in one.events]
        new = tuple(p for p in days if not any(p in products for products in known))
        if new:
            news.setdefault(new, []).append((event, day))
    return [
        Entry(
            products,
            tuple(event for event, _ in events),
            max(*(days[p] for p in products), *(day for _, day in events)),
        )
        for products, events in news.items()
    ]


@dataclass(slots=True)
class Look:
    """An open look: counts by (product, event), a margin where a name is empty.

    `imported_at`: when the newest record came of an import that is not known to have ended (seconds
    since 1970). `changed`: counts that have not been stored; `moved`: whether the rest has not.
    """

    counts: dict[Key, int] = field(default_factory=dict)
    imported_at: float | None = None
    changed: set[Key] = field(default_factory=set)
    moved: bool = True


class Looks:
    """The looks of some datasets, of which only certain products and events are told apart.

    >>> looks = Looks({"d": (frozenset({"A"}), frozenset({"x"}))})
    >>> looks.report("d", ("A", "B"), ("x", "z"), 7)
    >>> looks.open["d", 7].counts
    {('', ''): 1, ('A', ''): 1, ('', 'x'): 1, ('A', 'x'): 1}
    >>> looks.closing(today=8, at=0.0, import_ended=False)
    [('d', 7)]
    >>> counts = looks.close("d", 7)
    >>> looks.report("d", (), ("x",), 7)  # comes too late for its day
    >>> list(looks.open)
    [('d', 8)]
    """

    def __init__(self, told_apart: Mapping[str, tuple[frozenset[str], frozenset[str]]]) -> None:
        self._told_apart = told_apart
        self.open: dict[Place, Look] = {}
        self._closed: dict[str, set[int]] = {dataset: set() for dataset in told_apart}

    def report(
        self,
        dataset: str,
        products: Iterable[str],
        events: Iterable[str],
        day: int,
        imported_at: float | None = None,
    ) -> None:
        """Count one report in the look of a day, or in the first open one after it."""
        told_apart = self._told_apart.get(dataset)
        if told_apart is None:
            return
        look = self.open.get((dataset, day)) or self.look(dataset, day)
        counts, changed = look.counts, look.changed
        counts[_TOTAL] = counts.get(_TOTAL, 0) + 1
        changed.add(_TOTAL)
        own = told_apart[0].intersection(products)
        terms = told_apart[1].intersection(events)
        if own or terms:
            keys = [(product, ALL) for product in own] + [(ALL, event) for event in terms]
            keys += [(product, event) for product in own for event in terms]
            for key in keys:
                counts[key] = counts.get(key, 0) + 1
            changed.update(keys)
        if imported_at is not None and imported_at > (look.imported_at or 0.0):
            look.imported_at = imported_at
            look.moved = True

    def enter(
        self,
        content: CaseContent,
        earlier: Sequence[Names] = (),
        *,
        pushed: int | None = None,
        imported_at: float | None = None,
    ) -> None:
        """Count what a revision of a case brings (see `entries`), on the day it became known.

        `pushed`: the day on which it was taken; without one, the data's own. `imported_at`: when
        the record of an import was taken.
        """
        if earlier:
            for products, events, day in entries(content, earlier):
                known = day if pushed is None else pushed
                self.report(content.dataset, products, events, known, imported_at)
            return
        # the most there are: as `entries` has it, without the detour
        own, terms = dict(content.products), dict(content.events)
        if pushed is None:
            pushed = max(max(own.values(), default=0), max(terms.values(), default=0))
        self.report(content.dataset, own, terms, pushed, imported_at)

    def look(self, dataset: str, day: int) -> Look:
        """The look of a day, or the first open one after it; made where it is not there."""
        closed = self._closed[dataset]
        while day in closed:
            day += 1
        return self.open.setdefault((dataset, day), Look())

    def closing(self, *, today: int, at: float, import_ended: bool) -> list[Place]:
        """The looks that a checkpoint closes, in the order in which they are to be looked at.

        Those of days that are over, but for looks with records of an import that goes on: it has
        ended where that is said, or after a whole day without a record of it.
        """
        for look in self.open.values():
            if look.imported_at is not None and (import_ended or at - look.imported_at > SILENT):
                look.imported_at, look.moved = None, True
        return sorted(
            place
            for place, look in self.open.items()
            if place[1] < today and look.imported_at is None
        )

    def close(self, dataset: str, day: int) -> dict[Key, int]:
        """Close a look for good; its counts."""
        look = self.open.pop((dataset, day))
        self._closed[dataset].add(day)
        return look.counts

    def closed(self, dataset: str, day: int) -> None:
        """Know of a look that was closed before."""
        self._closed[dataset].add(day)
