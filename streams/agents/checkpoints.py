"""Checkpoints: positions at which everything is scored anew, a function of the changes alone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from sqlalchemy import Connection, and_, func, select

from schemas.envelope import Change, decode_change
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


def changes_between(
    connection: Connection, after: int, up_to: int, kind: str = "course"
) -> Iterable[Change]:
    """The changes behind one position up to another (inclusive), in their order."""
    table = tables.changes
    query = (
        select(table.c.body)
        .where(table.c.kind == kind, table.c.position > after, table.c.position <= up_to)
        .order_by(table.c.position, table.c.place)
    )
    for (body,) in connection.execute(query.execution_options(yield_per=10_000)):
        yield decode_change(body)


def newest_changes(
    connection: Connection, up_to: int | None = None, kind: str = "case"
) -> Iterable[Change]:
    """The newest change of every case (or course), as of a position (inclusive) or now."""
    table = tables.changes
    fold = select(table.c.case_id, func.max(table.c.revision).label("revision")).where(
        table.c.kind == kind
    )
    if up_to is not None:
        fold = fold.where(table.c.position <= up_to)
    newest = fold.group_by(table.c.case_id).subquery()
    same = and_(table.c.case_id == newest.c.case_id, table.c.revision == newest.c.revision)
    query = select(table.c.body).join(newest, same).where(table.c.kind == kind)
    for (body,) in connection.execute(query.execution_options(yield_per=10_000)):
        yield decode_change(body)
