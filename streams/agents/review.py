"""Case review in the live system: its counts, and the signals that they raise."""

from __future__ import annotations

from detectors.case_review import NAMES, Lists, Pair, Reviews, reviewed
from detectors.dating import FirstHeld
from schemas.envelope import Change
from streams.agents.configuration import Configuration
from streams.agents.moment import Moment
from streams.agents.signals import CASE_REVIEW, Signals


class Review:
    """Looks at each case, and says of each pair which rules a case satisfies now."""

    def __init__(self, configuration: Configuration, signals: Signals) -> None:
        self._signals = signals
        self._lists = Lists(
            configuration.watchlist.products,
            configuration.designated,
            configuration.listed,
            configuration.vocabulary.context(),
        )
        self._reviews = Reviews()
        self._moved: set[Pair] = set()

    def take(self, change: Change) -> None:
        """Look at a case as it is now."""
        if moved := self._reviews.apply(change.case_id, reviewed(change, self._lists)):
            self._moved |= moved

    def begin(self) -> None:
        """Look at everything once: the lists may be others than when it was said."""
        self._moved = self._reviews.pairs() | self._signals.pairs(CASE_REVIEW)

    def observe(self, moment: Moment) -> None:
        """Raise what holds, and say what no longer does, for the pairs that moved since."""
        moved, self._moved = self._moved, set()
        for pair in sorted(moved):
            counts = self._reviews.counts(pair)
            self._signals.observe(
                moment,
                CASE_REVIEW,
                pair,
                {name: counts[name].n > 0 for name in NAMES},
                {name: counts[name].n for name in NAMES},
                priority="high",
            )
            dates = {
                name: FirstHeld(count.day, count.n_first)
                for name, count in counts.items()
                if count.n
            }
            self._signals.date(moment, CASE_REVIEW, pair, dates, 0)
