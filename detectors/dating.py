"""The data date on which each screening rule first held for a pair.

The newest versions of all cases are folded by day: the counts at the end of a day are those of
what the cases held by then. A rule's date is the first day at whose end it held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.casebook import Casebook
from detectors.contents import Held
from detectors.disproportionality import BY_ROW, PRINTED
from detectors.disproportionality.method import Floats, Integers, Method
from detectors.disproportionality.table import PairTable, score
from detectors.rules import COUNTS, Rule, holds

# days x pairs scored at a time
CHUNK = 200_000


class FirstHeld(NamedTuple):
    """The first day (ordinal) at whose end a rule held, and the pair's count on it."""

    day: int
    n: int


@dataclass(frozen=True, slots=True)
class Series:
    """A pair at the end of each day: int64 counts, and the columns of its scores."""

    day: Integers
    n: Integers
    n_product: Integers
    n_event: Integers
    n_total: Integers
    columns: dict[str, Floats]


class Days(NamedTuple):
    """A pair day by day, as looks of sequential evidence have it: float64, one value a day.

    Cases with product and event, with the product, without the product: with the event, in all.
    """

    n: Floats
    n_product: Floats
    n_comparator: Floats
    n_comparators: Floats


class History:
    """One dataset of a casebook, ready to be folded by day for any number of pairs.

    A case enters the total on the first day of anything that it holds; one that holds nothing is
    counted from the first day of the dataset.

    >>> from detectors.casebook import CaseContent
    >>> from detectors.rules import read
    >>> day = 730_000
    >>> cases = [(i, 1, CaseContent("d", (("A", day + i),), (("x", day + i),))) for i in range(4)]
    >>> other = [(i, 1, CaseContent("d", (("B", day),), (("y", day),))) for i in range(9, 99)]
    >>> history = History(Casebook.of(cases + other), "d")
    >>> history.first_held([("A", "x")], read())[0]["ic025"]
    FirstHeld(day=730002, n=3)
    """

    def __init__(self, book: Casebook, dataset: str) -> None:
        self._book, self._dataset = book, dataset
        contents = book.contents().within(book.codes(dataset, "", "")[0])
        self._products = _Index(contents.products)
        self._events = _Index(contents.events)
        self._margins: dict[tuple[str, int], Integers] = {}
        first = np.full(len(contents.dataset), np.iinfo(np.int64).max)
        for held in (contents.products, contents.events):
            np.minimum.at(first, held.case, held.day)
        entered = np.sort(first[contents.case])
        known = entered[entered < np.iinfo(np.int64).max]
        self._case = contents.case
        self._first = np.where(first < np.iinfo(np.int64).max, first, known[0] if len(known) else 0)
        self.days = np.unique(np.concatenate([known, contents.products.day, contents.events.day]))
        self.n_total = np.searchsorted(known, self.days, side="right") + len(entered) - len(known)

    def counts(self, product: str, event: str) -> tuple[Integers, Integers, Integers]:
        """(n, n_product, n_event) of a pair at the end of each of `days`."""
        _, p, e = self._book.codes(self._dataset, product, event)
        with_product, with_event = self._products.of(p), self._events.of(e)
        _, left, right = np.intersect1d(
            with_product.case, with_event.case, assume_unique=True, return_indices=True
        )
        both = np.maximum(with_product.day[left], with_event.day[right])
        n = np.searchsorted(np.sort(both), self.days, side="right")
        return n, self._margin(("product", p), with_product), self._margin(("event", e), with_event)

    def by_day(self, product: str, event: str, since: int = 0) -> Days:
        """What each of `days` from a day (ordinal) on adds to a pair, every case once.

        A case enters on the day from which it holds what it has of the pair; what has neither
        product nor event, on its first day. So every day is a 2x2 table of its own.

        >>> from detectors.casebook import CaseContent
        >>> cases = [
        ...     (1, 1, CaseContent("d", (("A", 5),), (("x", 7),))),
        ...     (2, 1, CaseContent("d", (("B", 5),), (("x", 5),))),
        ... ]
        >>> history = History(Casebook.of(cases), "d")
        >>> history.days.tolist(), [column.tolist() for column in history.by_day("A", "x")]
        ([5, 7], [[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
        """
        _, p, e = self._book.codes(self._dataset, product, event)
        with_product, with_event = self._products.of(p), self._events.of(e)
        _, left, right = np.intersect1d(
            with_product.case, with_event.case, assume_unique=True, return_indices=True
        )
        both = np.maximum(with_product.day[left], with_event.day[right])
        neither = np.zeros(len(self._first), dtype=bool)
        neither[self._case] = True
        neither[with_product.case] = False
        neither[with_event.case] = False
        n, product_alone, event_alone, rest = (
            self._entering(days, since)
            for days in (
                both,
                np.delete(with_product.day, left),
                np.delete(with_event.day, right),
                self._first[neither],
            )
        )
        return Days(n, n + product_alone, event_alone, event_alone + rest)

    def _entering(self, day: Integers, since: int) -> Floats:
        """How many of some days are each of `days` from a day on."""
        days = self.days[self.days >= since]
        if not len(days):
            return np.zeros(0)
        place = np.searchsorted(days, day[day >= since])
        return np.bincount(place, minlength=len(days)).astype(np.float64)

    def _margin(self, name: tuple[str, int], held: Held) -> Integers:
        """Cases of a name by the end of each day; many pairs share it."""
        if name not in self._margins:
            self._margins[name] = np.searchsorted(np.sort(held.day), self.days, side="right")
        return self._margins[name]

    def first_held(
        self, pairs: Sequence[tuple[str, str]], rules: Sequence[Rule]
    ) -> list[dict[str, FirstHeld | None]]:
        """For each pair, each rule's first day and count; None where it never held."""
        methods = _needed(rules)
        out: list[dict[str, FirstHeld | None]] = []
        for chunk in self._chunks(pairs):
            pair, day, counts = _worth(chunk, len(self.days), rules, self.n_total)
            table = _table(*counts)
            held = holds(rules, table.counts | score(table, methods))
            found: list[dict[str, FirstHeld | None]] = [
                dict.fromkeys((rule.name for rule in rules), None) for _ in chunk
            ]
            for name, rows in held.items():
                places = np.flatnonzero(rows)
                # rows are ascending by pair, then day: the first of each pair is its date
                for first in places[np.unique(pair[places], return_index=True)[1]]:
                    found[pair[first]][name] = FirstHeld(
                        int(self.days[day[first]]), int(table.n[first])
                    )
            out += found
        return out

    def series(self, product: str, event: str, methods: Iterable[Method] = BY_ROW) -> Series:
        """The pair at the end of each day on which anything changed in the dataset."""
        counts = (*self.counts(product, event), self.n_total)
        return Series(self.days, *counts, score(_table(*counts), methods))

    def _chunks(
        self, pairs: Sequence[tuple[str, str]]
    ) -> Iterator[list[tuple[Integers, Integers, Integers]]]:
        step = max(1, CHUNK // max(1, len(self.days)))
        for start in range(0, len(pairs), step):
            yield [self.counts(*pair) for pair in pairs[start : start + step]]


class _Index:
    """The rows of a `Held` by code."""

    def __init__(self, held: Held) -> None:
        order = np.argsort(held.code, kind="stable")
        self._held = Held(held.case[order], held.code[order], held.day[order])

    def of(self, code: int) -> Held:
        start, end = np.searchsorted(self._held.code, [code, code + 1])
        rows = slice(start, end)
        return Held(self._held.case[rows], self._held.code[rows], self._held.day[rows])


def _worth(
    chunk: Sequence[tuple[Integers, Integers, Integers]],
    days: int,
    rules: Sequence[Rule],
    n_total: Integers,
) -> tuple[Integers, Integers, list[Integers]]:
    """The (pair, day) worth scoring: those at which a rule's conditions on counts all hold."""
    n, n_product, n_event = (np.concatenate(part) for part in zip(*chunk, strict=True))
    counts = dict(zip(COUNTS, (n, n_product, n_event, np.tile(n_total, len(chunk))), strict=True))
    worth = np.zeros(len(n), dtype=bool)
    for rule in rules:
        on_counts = tuple(c for c in rule.conditions if c.column in COUNTS)
        bare = Rule(rule.name, rule.title, rule.source, on_counts)
        worth |= holds([bare], counts)[rule.name]
    rows = np.flatnonzero(worth)
    return rows // days, rows % days, [values[rows] for values in counts.values()]


def _needed(rules: Iterable[Rule]) -> tuple[Method, ...]:
    columns = {column for rule in rules for column in rule.columns}
    by_row = (method for method in PRINTED if not (method.whole_table or method.on_request))
    return tuple(method for method in by_row if columns & set(method.columns))


def _table(n: Integers, n_product: Integers, n_event: Integers, n_total: Integers) -> PairTable:
    nameless: npt.NDArray[np.object_] = np.full(len(n), "", dtype=object)
    return PairTable(nameless, nameless, n, n_product, n_event, n_total)
