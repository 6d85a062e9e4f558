"""How serious the cases of watched pairs are, and how many satisfy a rule of case review.

No table has these by pair; they are folded from the changes, a change once, and kept.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Connection

from detectors.case_review import Lists, Pair, Reviews, reviewed
from detectors.coding import content
from schemas.envelope import Change
from schemas.vocabulary import Listed, Vocabulary, Watchlist, designated_events
from streams.settings import Settings
from streams.store.changes import positioned_changes


class Count(NamedTuple):
    """Cases of a pair; how many of them are serious, and fatal (which is serious too)."""

    n: int = 0
    serious: int = 0
    fatal: int = 0

    @property
    def level(self) -> str:
        """In a word: at least one fatal; at least half serious; else not.

        >>> Count(9, 1, 1).level, Count(4, 2).level, Count(5, 2).level, Count().level
        ('fatal', 'serious', 'not serious', 'not serious')
        """
        if self.fatal:
            return "fatal"
        return "serious" if self.n and 2 * self.serious >= self.n else "not serious"


class Seriousness:
    """Counts as of the newest change that was read; several threads may ask."""

    def __init__(self, watchlist: Watchlist, lists: Lists) -> None:
        self._watchlist, self._lists = watchlist, lists
        self._lock = threading.Lock()
        self._position = -1
        self._held: dict[int, tuple[tuple[Pair, ...], bool, bool]] = {}
        self._counts: dict[Pair, list[int]] = defaultdict(lambda: [0, 0, 0])
        self._reviews = Reviews()
        # many cases name the same
        self._pairs = lru_cache(10_000)(self._made)

    @classmethod
    def load(cls, settings: Settings, vocabulary: Vocabulary) -> Seriousness:
        """By the lists of a deployment."""
        watchlist = Watchlist.load(settings.watchlist, vocabulary)
        lists = Lists(
            watchlist.products,
            designated_events(settings.case_review, vocabulary),
            Listed.load(settings.listed, vocabulary),
            vocabulary.context(),
        )
        return cls(watchlist, lists)

    def read(self, connection: Connection) -> None:
        """Take the changes that came since the last time."""
        with self._lock:
            for position, change in positioned_changes(connection, self._position):
                self._apply(change)
                self._position = position

    def of(self, pair: Pair) -> Count:
        """The cases of a pair (dataset, product, event)."""
        with self._lock:
            return Count(*self._counts.get(pair, ()))

    def reviewed(self, pair: Pair) -> int:
        """How often a case satisfies a rule of case review for a pair."""
        with self._lock:
            return sum(count.n for count in self._reviews.counts(pair).values())

    def behind(self, pair: Pair) -> int:
        """How many cases satisfy a rule of case review for a pair, or several."""
        with self._lock:
            return self._reviews.cases(pair)

    def _apply(self, change: Change) -> None:
        # the pairs of a case are none of a watched product for most
        before = self._held.pop(change.case_id, None)
        named = any(product.name in self._watchlist.products for product in change.products)
        if before is None and not named:
            return
        self._reviews.apply(change.case_id, reviewed(change, self._lists))
        if before is not None:
            self._add(before, -1)
        counted = content(change, strata_of=self._watchlist.watches)
        if counted is None:
            return
        names = tuple([name for name, _ in counted.products])
        pairs = self._pairs(counted.dataset, names, tuple([name for name, _ in counted.events]))
        if pairs:
            self._held[change.case_id] = held = (
                pairs,
                change.serious or change.fatal,
                change.fatal,
            )
            self._add(held, 1)

    def _made(
        self, dataset: str, products: tuple[str, ...], events: tuple[str, ...]
    ) -> tuple[Pair, ...]:
        return tuple(
            (dataset, product, event)
            for product in set(products)
            if self._watchlist.watches(product)
            for event in set(events)
        )

    def _add(self, held: tuple[tuple[Pair, ...], bool, bool], sign: int) -> None:
        pairs, serious, fatal = held
        for pair in pairs:
            count = self._counts[pair]
            count[0] += sign
            count[1] += sign * serious
            count[2] += sign * fatal
