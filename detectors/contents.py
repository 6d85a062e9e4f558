"""Many cases as columns: what a vectorised recount or a fold over days works on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from detectors.disproportionality.method import Integers

# A case is packed as int32s: revision, dataset (-1: nullified), number of products, the codes of
# products and of events, then the day of each in the same order.
DATASET, PRODUCTS, HEADER = 1, 2, 3
NULLIFIED = -1


@dataclass(frozen=True, slots=True)
class Held:
    """Which case holds which code, from which day: three int64 arrays, ascending by case."""

    case: Integers
    code: Integers
    day: Integers

    def within(self, cases: Integers) -> Held:
        """The rows of the cases whose mark is not 0."""
        kept = cases[self.case] != 0
        return Held(self.case[kept], self.code[kept], self.day[kept])


@dataclass(frozen=True, slots=True)
class Contents:
    """Cases, numbered from 0 in the order given, with their products and events.

    `case` holds the numbers of those that count; `size` is how many numbers there are.
    """

    case: Integers
    dataset: Integers
    products: Held
    events: Held

    @classmethod
    def unpack(cls, packed: Iterable[bytes]) -> Contents:
        """The columns of packed cases; nullified ones take a number and count nothing."""
        held = list(packed)
        words = np.frombuffer(b"".join(held), dtype=np.int32)
        size = np.fromiter(map(len, held), dtype=np.int64, count=len(held)) // words.itemsize
        start = np.cumsum(size) - size
        dataset = words[start + DATASET].astype(np.int64)
        products = words[start + PRODUCTS].astype(np.int64)
        names = (size - HEADER) // 2
        first = start + HEADER
        return cls(
            np.flatnonzero(dataset != NULLIFIED),
            dataset,
            _held(words, first, products, names),
            _held(words, first + products, names - products, names),
        )

    def within(self, dataset: int) -> Contents:
        """The cases of one dataset, under the same numbers."""
        kept = (self.dataset == dataset).astype(np.int64)
        return Contents(
            np.flatnonzero(kept), self.dataset, self.products.within(kept), self.events.within(kept)
        )

    def pairs(self) -> tuple[Integers, Integers]:
        """Codes (product, event) of every pair of every case, case by case."""
        events = np.bincount(self.events.case, minlength=len(self.dataset))
        first = np.cumsum(events) - events
        times = events[self.products.case]
        product = np.repeat(self.products.code, times)
        return product, self.events.code[runs(first[self.products.case], times)]


def _held(
    words: np.ndarray[tuple[int], np.dtype[np.int32]],
    first: Integers,
    size: Integers,
    shift: Integers,
) -> Held:
    place = runs(first, size)
    case = np.repeat(np.arange(len(size)), size)
    return Held(case, words[place].astype(np.int64), words[place + shift[case]].astype(np.int64))


def runs(first: Integers, size: Integers) -> Integers:
    """first[0], first[0] + 1, … size[0] of them, then those from first[1], …"""
    end = np.cumsum(size)
    return np.arange(end[-1] if len(end) else 0) + np.repeat(first - end + size, size)
