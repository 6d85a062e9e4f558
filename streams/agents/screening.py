"""Scores and screening rules of the casebook: of what a change touched, and of everything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detectors.casebook import Casebook
from detectors.casebook import Touched as Moved
from detectors.dating import History
from detectors.disproportionality import BY_ROW
from detectors.disproportionality.method import Floats
from detectors.disproportionality.table import PairTable
from detectors.rules import Rule, holds
from streams.agents.configuration import Configuration
from streams.agents.fits import COLUMNS, live_scores
from streams.agents.moment import Moment
from streams.agents.signals import SCREENING, Pair, Signals
from streams.store import scores
from streams.store.fits import Fits

_LIVE = 200  # changes of a batch; above it data dates wait for the checkpoint
# what depends on a row's counts alone can be worked out for any day gone by
_DATED = frozenset(
    (*scores.COUNTS, "expected", *(name for method in BY_ROW for name in method.columns))
)

HistoryOf = Callable[[str], History]


@dataclass(slots=True)
class _Touched:
    """What changes have moved since the last scores: watched pairs, and names by dataset."""

    pairs: set[Pair] = field(default_factory=set)
    names: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)
    changes: int = 0


class Screening:
    """The rules of a deployment, looked at for every watched pair whose counts moved.

    `watched`: the names of products and strata that count and are on the watchlist, kept by the
    caller.
    """

    def __init__(
        self, book: Casebook, watched: set[str], signals: Signals, configuration: Configuration
    ) -> None:
        self._book, self._watched, self._signals = book, watched, signals
        self._rules = tuple(
            rule for rule in configuration.rules if rule.available({*scores.COUNTS, *COLUMNS})
        )
        self._dated = tuple(rule for rule in self._rules if rule.available(_DATED))
        # n grows from day to day, so that a pair below every rule's n needs no dating
        self._least = min((_least_n(rule) for rule in self._dated), default=0)
        self._context = configuration.vocabulary.context()
        self._touched = _Touched()

    def touch(self, moved: Moved) -> None:
        """Remember what a change moved."""
        touched = self._touched
        touched.changes += 1
        for dataset, products, events in moved.parts:
            names = touched.names.setdefault(dataset, (set(), set()))
            names[0].update(products)
            names[1].update(events)
            for product in self._watched.intersection(products):
                touched.pairs.update((dataset, product, event) for event in events)

    def rescore(self, moment: Moment, fits: Fits) -> None:
        """Score the watched pairs whose counts or margins moved; look at the rules."""
        touched, self._touched = self._touched, _Touched()
        news = False
        for dataset, (products, events) in touched.names.items():
            table = self._book.moved(dataset, self._watched, products, events)
            columns = live_scores(dataset, table, fits)
            scores.replace_scores(
                moment.connection, self._rows(dataset, table, columns, moment, fits)
            )
            news |= self._screen(moment, dataset, table, columns)
            counted = _mask(
                (dataset, p, e) in touched.pairs
                for p, e in zip(table.product, table.event, strict=True)
            )
            scores.write_points(
                moment.connection,
                dataset,
                table.rows(counted),
                {name: values[counted] for name, values in columns.items()},
                position=moment.position,
                at=moment.at,
            )
        self._drop_empty(moment, touched.pairs)
        if news and touched.changes <= _LIVE:
            self._date(moment, touched.names, lambda name: History(self._book, name), touched.pairs)

    def score_all(
        self, moment: Moment, tables: Mapping[str, PairTable], fits: Fits, history: HistoryOf
    ) -> None:
        """Score whole tables (that of scores is empty), look at every rule, date every pair."""
        for dataset, table in tables.items():
            columns = live_scores(dataset, table, fits)
            scores.append_scores(
                moment.connection, self._rows(dataset, table, columns, moment, fits)
            )
            watched = _mask(product in self._watched for product in table.product)
            chosen = {name: values[watched] for name, values in columns.items()}
            self._screen(moment, dataset, table.rows(watched), chosen)
        self._date(moment, tables, history)

    def _rows(
        self,
        dataset: str,
        table: PairTable,
        columns: Mapping[str, Floats],
        moment: Moment,
        fits: Fits,
    ) -> Iterable[tuple[Any, ...]]:
        return scores.score_rows(
            dataset,
            table,
            columns,
            position=moment.position,
            fit=fits.position_of(dataset),
            watched=self._watched.__contains__,
        )

    def _screen(
        self, moment: Moment, dataset: str, table: PairTable, columns: Mapping[str, Floats]
    ) -> bool:
        """Look at the rules for each pair; whether one holds that never did."""
        held = holds(self._rules, table.counts | dict(columns))
        some = np.logical_or.reduce(list(held.values())) if held else np.zeros(len(table), bool)
        news = False
        # a whole product before its routes and settings, which it may cover
        for i in sorted(range(len(table)), key=lambda i: "@" in table.product[i]):
            pair = (dataset, table.product[i], table.event[i])
            if (some[i] or self._signals.id_of(SCREENING, pair)) and pair[2] not in self._context:
                now = {rule: bool(rows[i]) for rule, rows in held.items()}
                news |= self._signals.observe(moment, SCREENING, pair, now, int(table.n[i]))
        return news

    def _drop_empty(self, moment: Moment, pairs: Iterable[Pair]) -> None:
        """A pair whose last case was taken back has no score, and no rule holds for it."""
        for pair in pairs:
            if self._book.counts(*pair)[0] == 0:
                scores.drop_score(moment.connection, *pair)
                none = dict.fromkeys((rule.name for rule in self._rules), False)
                self._signals.observe(moment, SCREENING, pair, none, 0)

    def _date(
        self,
        moment: Moment,
        datasets: Iterable[str],
        history: HistoryOf,
        among: set[Pair] | None = None,
    ) -> None:
        """The data dates of watched pairs: of all, or of those among some."""
        for dataset in sorted(datasets):
            table = self._book.table(dataset, products=self._watched)
            n = {
                (product, event): int(count)
                for product, event, count in zip(table.product, table.event, table.n, strict=True)
                if count >= self._least
                and event not in self._context
                and (among is None or (dataset, product, event) in among)
            }
            pairs = sorted(n, key=lambda pair: "@" in pair[0])
            first = history(dataset).first_held(pairs, self._dated)
            for pair, held in zip(pairs, first, strict=True):
                self._signals.date(moment, SCREENING, (dataset, *pair), held, n[pair])


def _least_n(rule: Rule) -> float:
    """The n that a rule asks for."""
    floors = (c.value for c in rule.conditions if c.column == "n" and c.op in (">", ">="))
    return max(floors, default=0)


def _mask(values: Iterable[bool]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.fromiter(values, dtype=bool)
