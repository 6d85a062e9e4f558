"""The strata of the cohort as rows of the store: what stands behind each rate of `rates`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import delete

from detectors.cohort import Cohort
from detectors.cohort_strata import EVERY
from detectors.cohort_strata import strata as counted
from detectors.followup.counted import scope_of
from streams.agents.configuration import Configuration
from streams.agents.moment import Moment
from streams.store import tables
from streams.store.writing import insert_tuples

COLUMNS = tuple(column.name for column in tables.strata.c)


def write(
    moment: Moment,
    book: Cohort,
    configuration: Configuration,
    lock_day: int,
    events: Collection[str] | None = None,
) -> None:
    """Count anew and replace: all events, or those of which some are terms, and their groups."""
    rows = strata(book, configuration, lock_day, events)
    table = tables.strata
    gone = delete(table)
    if events is not None:
        gone = gone.where(table.c.event.in_({*events, *(row[3] for row in rows)}))
    moment.connection.execute(gone)
    written = ((*row, lock_day, moment.position) for row in rows)
    insert_tuples(moment.connection, table, COLUMNS, written)


def strata(
    book: Cohort,
    configuration: Configuration,
    lock_day: int,
    events: Collection[str] | None = None,
) -> list[tuple[Any, ...]]:
    """Each watched product and all products together, whole and by stratum.

    Of all events that are counted (see `scope_of`), or of those given and the groups that have
    one of them; the columns are `COLUMNS` without the last two.
    """
    scope, every = scope_of(book, lock_day, configuration.vocabulary.groups_of)
    of = None if events is None else set(events)
    wanted = [name for name in every if of is None or not of.isdisjoint(scope.members(name))]
    if not wanted:
        return []
    found = counted(book, scope, wanted)
    within = found.clusters
    sums = within.courses, within.with_with, within.with_all, within.all_all
    columns = [column.tolist() for column in (*found[:-1], *sums)]
    watches = configuration.watchlist.watches
    return [row for row in zip(*columns, strict=True) if row[0] == EVERY or watches(row[0])]
