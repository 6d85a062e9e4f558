"""The detector: changes in, scores and signals out; its counts are rebuilt from the store.

Everything that one batch of changes does is one transaction of the store.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from sqlalchemy import Connection, and_, delete, func, select

from detectors.casebook import Casebook, CaseContent
from detectors.coding import base, content
from detectors.dating import History
from detectors.disproportionality import METHODS
from detectors.disproportionality.table import PairTable, score
from detectors.rules import Rule, holds
from schemas.envelope import Change, Changes, decode_change, encode
from schemas.vocabulary import Vocabulary, Watchlist, designated_events
from streams.agents.freshness import record_freshness
from streams.agents.signals import Look, Pair, Signals
from streams.settings import CHANGES, DETECT
from streams.store import scores, tables
from streams.store.store import Store, move_position
from streams.store.writing import insert_tuples, upsert

LIVE_METHODS = tuple(method for method in METHODS if not method.whole_table)
CHECKPOINT_AFTER = 2_000  # changes; from then on whenever their number has doubled
_LIVE = 200  # changes of a batch; above it data dates wait for the checkpoint
_CHANGE_COLUMNS = ("position", "place", "kind", "case_id", "revision", "body", "applied_at")


@dataclass(slots=True)
class _Touched:
    """What changes have moved since the last look: watched pairs, and names by dataset."""

    pairs: set[Pair] = field(default_factory=set)
    names: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)
    changes: int = 0


class Detector:
    """Casebook, scores and signals of one deployment."""

    def __init__(
        self,
        store: Store,
        vocabulary: Vocabulary,
        watchlist: Watchlist,
        rules: Sequence[Rule],
        log_id: str,
    ) -> None:
        self._store = store
        self._watchlist = watchlist
        computed = [*scores.COUNTS, "expected", *(c for m in LIVE_METHODS for c in m.columns)]
        self._rules = tuple(rule for rule in rules if rule.available(computed))
        # n grows from day to day, so that a pair below every rule's n needs no dating
        self._least = min((_least_n(rule) for rule in self._rules), default=0)
        self._log_id = log_id
        self._context = vocabulary.context()
        self._signals = Signals(designated_events())
        self.configuration = configuration(vocabulary, watchlist, rules)
        self.load()

    def load(self) -> None:
        """Rebuild the casebook and what is raised from the store."""
        self._watched: set[str] = set()
        with self._store.read() as connection:
            self._changes, self._checkpointed, self._checkpoint_day = _progress(connection)
            self.book = Casebook.of(
                (change.case_id, change.revision, self._content(change))
                for change in newest_changes(connection)
            )
            self._signals.load(connection)

    def apply(self, batch: Sequence[tuple[int, Changes]]) -> None:
        """Apply messages of the topic `changes`, in order, with their positions.

        After an error the detector must be made anew: its counts may be ahead of the store.
        """
        first, last = batch[0][0], batch[-1][0]
        with self._store.write() as connection:
            moved = {(CHANGES, 0): (first, last + 1)}
            move_position(connection, DETECT, self._log_id, moved)
            at = time.time()
            rows: list[tuple[Any, ...]] = []
            touched = _Touched()
            taken: list[float] = []
            for position, changes in batch:
                reason = ""
                for place, change in enumerate(changes.changes):
                    if change.kind == "checkpoint":
                        reason = change.reason or "asked for"
                    elif change.revision <= (self.book.revision(change.case_id) or 0):
                        continue
                    else:
                        self._take(change, touched)
                        if change.origin == "push":
                            taken.append(change.taken_at)
                    key = (change.kind, change.case_id, change.revision)
                    rows.append((position, place, *key, encode(change), at))
                    self._changes += 1
                if reason := reason or self._checkpoint_due(at):
                    look = Look(connection, position, at)
                    self._rescore(look, touched)
                    self._checkpoint(look, reason)
                    touched = _Touched()
            self._rescore(Look(connection, last, at), touched)
            insert_tuples(connection, tables.changes, _CHANGE_COLUMNS, rows)
            record_freshness(connection, [time.time() - moment for moment in taken])
            upsert(connection, tables.meters, [{"name": "detect", "body": json.dumps({"at": at})}])

    def _content(self, change: Change) -> CaseContent | None:
        found = content(change, strata_of=self._watchlist.watches)
        if found is not None:
            self._watched.update(
                name for name, _ in found.products if self._watchlist.watches(base(name))
            )
        return found

    def _take(self, change: Change, touched: _Touched) -> None:
        touched.changes += 1
        found = self.book.apply(change.case_id, change.revision, self._content(change))
        for dataset, products, events in found.parts:
            names = touched.names.setdefault(dataset, (set(), set()))
            names[0].update(products)
            names[1].update(events)
            for product in self._watched.intersection(products):
                touched.pairs.update((dataset, product, event) for event in events)

    def _rescore(self, look: Look, touched: _Touched) -> None:
        """Score the watched pairs whose counts or margins moved; look at the rules."""
        news = False
        for dataset, (products, events) in touched.names.items():
            watched = self.book.table(dataset, products=self._watched)
            pairs = list(zip(watched.product, watched.event, strict=True))
            table = watched.rows(_mask(p in products or e in events for p, e in pairs))
            columns = score(table, LIVE_METHODS)
            rows = scores.score_rows(
                dataset, table, columns, look.position, self._watched.__contains__
            )
            scores.replace_scores(look.connection, rows)
            news |= self._screen(look, dataset, table, columns)
            counted = _mask(
                (dataset, p, e) in touched.pairs
                for p, e in zip(table.product, table.event, strict=True)
            )
            scores.write_points(
                look.connection,
                dataset,
                table.rows(counted),
                {name: values[counted] for name, values in columns.items()},
                position=look.position,
                at=look.at,
            )
        self._drop_empty(look, touched.pairs)
        if news and touched.changes <= _LIVE:
            self._date(look, touched.names, touched.pairs)

    def _screen(self, look: Look, dataset: str, table: PairTable, columns: dict[str, Any]) -> bool:
        """Look at the rules for each pair; whether one holds that never did."""
        held = holds(self._rules, table.counts | columns)
        news = False
        # a whole product before its routes and settings, which it may cover
        order = sorted(range(len(table)), key=lambda i: "@" in table.product[i])
        for i in order:
            product, event = table.product[i], table.event[i]
            if event not in self._context:
                now = {rule: bool(rows[i]) for rule, rows in held.items()}
                pair = (dataset, product, event)
                news |= self._signals.observe(look, pair, now, int(table.n[i]))
        return news

    def _drop_empty(self, look: Look, pairs: Iterable[Pair]) -> None:
        """A pair whose last case was taken back has no score, and no rule holds for it."""
        for pair in pairs:
            if self.book.counts(*pair)[0] == 0:
                scores.drop_score(look.connection, *pair)
                none = dict.fromkeys((rule.name for rule in self._rules), False)
                self._signals.observe(look, pair, none, 0)

    def _date(self, look: Look, datasets: Iterable[str], among: set[Pair] | None = None) -> None:
        """The data dates of watched pairs: of all, or of those among some."""
        for dataset in sorted(datasets):
            table = self.book.table(dataset, products=self._watched)
            n = {
                (product, event): int(count)
                for product, event, count in zip(table.product, table.event, table.n, strict=True)
                if count >= self._least
                and event not in self._context
                and (among is None or (dataset, product, event) in among)
            }
            pairs = sorted(n, key=lambda pair: "@" in pair[0])
            first = History(self.book, dataset).first_held(pairs, self._rules)
            for pair, held in zip(pairs, first, strict=True):
                self._signals.date(look, (dataset, *pair), held, n[pair])

    def _checkpoint_due(self, at: float) -> str:
        """Why a checkpoint is due, or nothing: a function of the table of changes alone."""
        since = self._changes - self._checkpointed
        if since and self._checkpoint_day and _day(at) > self._checkpoint_day:
            return "a day is over"
        if since >= max(CHECKPOINT_AFTER, self._checkpointed):
            return "the changes have doubled"
        return ""

    def _checkpoint(self, look: Look, reason: str) -> None:
        """Score the whole table, and date every watched pair."""
        began = time.monotonic()
        pairs = 0
        look.connection.execute(delete(tables.scores))
        for dataset in self.book.datasets:
            table = self.book.table(dataset)
            pairs += len(table)
            rows = scores.score_rows(
                dataset,
                table,
                score(table, LIVE_METHODS),
                look.position,
                self._watched.__contains__,
            )
            scores.append_scores(look.connection, rows)
        self._date(look, self.book.datasets)
        self._checkpointed, self._checkpoint_day = self._changes, _day(look.at)
        checkpoint = {
            "position": look.position,
            "at": look.at,
            "reason": reason,
            "changes": self._changes,
            "cases": sum(self.book.n_total(dataset) for dataset in self.book.datasets),
            "pairs": pairs,
            "configuration": self.configuration,
            "code_version": version("ketavigil"),
            "seconds": time.monotonic() - began,
        }
        upsert(look.connection, tables.checkpoints, [checkpoint])


def configuration(vocabulary: Vocabulary, watchlist: Watchlist, rules: Iterable[Rule]) -> str:
    """A hash of everything that decides what is counted and raised."""
    parts = (vocabulary.digest(), watchlist.digest(), repr(tuple(rules)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def newest_changes(connection: Connection, up_to: int | None = None) -> Iterable[Change]:
    """The newest change of every case, as of a position (inclusive) or now."""
    table = tables.changes
    fold = select(table.c.case_id, func.max(table.c.revision).label("revision")).where(
        table.c.kind == "case"
    )
    if up_to is not None:
        fold = fold.where(table.c.position <= up_to)
    newest = fold.group_by(table.c.case_id).subquery()
    same = and_(table.c.case_id == newest.c.case_id, table.c.revision == newest.c.revision)
    query = select(table.c.body).join(newest, same).where(table.c.kind == "case")
    for (body,) in connection.execution_options(yield_per=10_000).execute(query):
        yield decode_change(body)


def _progress(connection: Connection) -> tuple[int, int, str]:
    """Changes in all, changes at the newest checkpoint, and its day."""
    count = connection.scalar(select(func.count()).select_from(tables.changes)) or 0
    table = tables.checkpoints
    row = connection.execute(select(table).order_by(table.c.position.desc()).limit(1)).first()
    return (count, row.changes, _day(row.at)) if row else (count, 0, "")


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _least_n(rule: Rule) -> float:
    """The n that a rule asks for."""
    floors = (c.value for c in rule.conditions if c.column == "n" and c.op in (">", ">="))
    return max(floors, default=0)


def _mask(values: Iterable[bool]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.fromiter(values, dtype=bool)
