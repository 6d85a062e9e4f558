"""The detector: changes in, scores and signals out; its counts are rebuilt from the store.

Everything that one batch of changes does is one transaction of the store.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from schemas.envelope import CANARY, Change, Changes, encode
from streams.agents.book import Book
from streams.agents.canaries import record_canaries
from streams.agents.checkpoints import Checkpoints
from streams.agents.configuration import Configuration
from streams.agents.followed import Followed
from streams.agents.freshness import record_freshness
from streams.agents.moment import Moment
from streams.agents.reports import Reports
from streams.agents.signals import Signals
from streams.settings import CHANGES, DETECT
from streams.store import tables
from streams.store.store import LostPartition, Store, move_position, stored_positions
from streams.store.writing import insert_tuples, upsert

_CHANGE_COLUMNS = ("position", "place", "kind", "case_id", "revision", "body", "applied_at")


class Detector:
    """The books of one deployment, each with the kinds of change that it takes."""

    def __init__(self, store: Store, configuration: Configuration, log_id: str) -> None:
        self._store = store
        self._log_id = log_id
        self._signals = Signals()
        self._checkpoints = Checkpoints(configuration.digest())
        self.reports = Reports(configuration, self._signals)
        self.followed = Followed(configuration, self._signals)
        self._books: tuple[Book, ...] = (self.reports, self.followed)
        self._book_of = {kind: book for book in self._books for kind in book.kinds}
        self.load()

    def load(self) -> None:
        """Rebuild the books and what is raised from the store."""
        self._begun = False
        with self._store.read() as connection:
            self._position = stored_positions(connection, DETECT).get((CHANGES, 0), 0)
            self._signals.load(connection)
            self._checkpoints.load(connection)
            for book in self._books:
                book.load(connection)

    @property
    def position(self) -> int:
        """Of `changes`, up to which the books have read."""
        return self._position

    def lines(self) -> list[str]:
        """What a worker says when it starts: each family with its size."""
        return [line for book in self._books for line in book.lines()]

    def apply(self, batch: Sequence[tuple[int, Changes]]) -> None:
        """Apply messages of the topic `changes`, in order, with their positions.

        After an error the detector must be made anew: its counts may be ahead of the store.
        """
        first, last = batch[0][0], batch[-1][0]
        if first != self._position:
            # the store has gone on without these books: another detector was active meanwhile
            raise LostPartition(
                "lost_partition", f"the books stand at {self._position} of changes, not at {first}"
            )
        with self._store.write() as connection:
            moved = {(CHANGES, 0): (first, last + 1)}
            move_position(connection, DETECT, self._log_id, moved)
            at = time.time()
            rows: list[tuple[Any, ...]] = []
            taken: list[tuple[int, float]] = []
            canaries: list[Change] = []
            if not self._begun:
                for book in self._books:
                    book.begin(Moment(connection, first - 1, at))
                self._begun = True
            for position, changes in batch:
                reason = ""
                before = len(rows)
                for change in changes.changes:
                    counted: Sequence[Change] = (change,)
                    if change.kind == CANARY:
                        canaries.append(change)
                        continue
                    if change.kind == "checkpoint":
                        reason = change.reason or "asked for"
                    else:
                        counted = self._book_of[change.kind].take(connection, change)
                        if counted and change.origin == "push":
                            taken.append((position, change.taken_at))
                    for one in counted:
                        key = (one.kind, one.case_id, one.revision)
                        rows.append((position, len(rows) - before, *key, encode(one), at))
                        self._checkpoints.changes += 1
                for book in self._books:
                    book.read(Moment(connection, position, at))
                # checkpoints are a function of the table of changes: none where nothing is in it
                if len(rows) > before and (reason := reason or self._checkpoints.due(at)):
                    self._checkpoint(Moment(connection, position, at), reason)
            for book in self._books:
                book.rescore(Moment(connection, last, at))
                book.write(Moment(connection, last, at))
            insert_tuples(connection, tables.changes, _CHANGE_COLUMNS, rows)
            now = time.time()
            record_freshness(connection, [(position, now - moment) for position, moment in taken])
            record_canaries(connection, canaries)
            upsert(connection, tables.meters, [{"name": "detect", "body": json.dumps({"at": at})}])
        self._position = last + 1

    def _checkpoint(self, moment: Moment, reason: str) -> None:
        began = time.monotonic()
        found = []
        for book in self._books:
            book.rescore(moment)
            found.append(book.checkpoint(moment, reason))
        self._checkpoints.write(moment, reason, found, began=began)
