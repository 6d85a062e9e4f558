"""Checkpoints: positions at which everything is scored anew, a function of the changes alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.metadata import version

from sqlalchemy import Connection, func, select

from streams.agents.book import Figures
from streams.agents.moment import Moment, day
from streams.store import tables
from streams.store.fits import Fits
from streams.store.writing import upsert

DOUBLED = "the changes have doubled"
CHECKPOINT_AFTER = 2_000  # changes; from then on whenever their number has doubled


class Checkpoints:
    """How many changes there have been, and how many at the newest checkpoint."""

    def __init__(self, configuration: str) -> None:
        self._configuration = configuration
        self.changes = 0
        self._last, self._last_day = 0, ""

    def load(self, connection: Connection) -> None:
        """Stand where the store does."""
        count = select(func.count()).select_from(tables.changes)
        self.changes = connection.scalar(count) or 0
        table = tables.checkpoints
        row = connection.execute(select(table).order_by(table.c.position.desc()).limit(1)).first()
        began = connection.scalar(select(func.min(tables.changes.c.applied_at)))
        self._last, self._last_day = (row.changes, day(row.at)) if row else (0, "")
        if not self._last_day and began is not None:
            self._last_day = day(began)

    def due(self, at: float) -> str:
        """Why one is due, or nothing."""
        since = self.changes - self._last
        if since and not self._last_day:
            self._last_day = day(at)  # that of the first change
        if since and day(at) > self._last_day:
            return "a day is over"
        if since >= max(CHECKPOINT_AFTER, self._last):
            return DOUBLED
        return ""

    def write(self, moment: Moment, reason: str, found: Sequence[Figures], *, began: float) -> None:
        """Record one with what each book found; `began`: by the monotonic clock."""
        fits = {name: fit for one in found for name, fit in one.fits.by_dataset.items()}
        self._last, self._last_day = self.changes, moment.day
        row = {
            "position": moment.position,
            "at": moment.at,
            "reason": reason,
            "changes": self.changes,
            "cases": sum(one.cases for one in found),
            "pairs": sum(one.pairs for one in found),
            "fits": Fits(moment.position, fits).to_json(),
            "configuration": self._configuration,
            "code_version": version("ketavigil"),
            "seconds": time.monotonic() - began,
        }
        upsert(moment.connection, tables.checkpoints, [row])
