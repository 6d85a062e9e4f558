"""Looks counted again from the table of changes: what a new family needs, and what verifies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, func, select

from detectors.casebook import CaseContent
from detectors.coding import content
from detectors.looks import Looks, Names
from schemas.envelope import IMPORT_ENDED, Change, decode_change
from streams.agents.moment import ordinal
from streams.store import tables
from streams.store.looks import Closed


class Earlier:
    """What earlier revisions of a case held, of cases that have had more than one; and of a case
    that counts for others, what those had counted as until then: a pair enters once a cluster.
    """

    def __init__(self) -> None:
        self._held: dict[int, tuple[Names, ...]] = {}

    def add(self, change: Change, held: CaseContent | None) -> tuple[Names, ...]:
        """Remember what a case counted as until this change; all that it ever held."""
        known = self._held.get(change.case_id, ())
        if held is not None and (names := Names.of(held)) not in known:
            known = self._held[change.case_id] = (*known, names)
        if known and (speaker := change.counted_by):
            theirs = self._held.get(speaker, ())
            self._held[speaker] = (*theirs, *(names for names in known if names not in theirs))
        return known

    @classmethod
    def load(cls, connection: Connection) -> Earlier:
        """Of all changes but each case's newest."""
        earlier = cls()
        table = tables.changes
        query = select(table.c.case_id, table.c.body).where(
            table.c.kind == "case", table.c.case_id.in_(_more_than_once())
        )
        held: dict[int, CaseContent | None] = {}
        for case_id, body in connection.execute(query.order_by(table.c.position, table.c.place)):
            change = decode_change(body)
            earlier.add(change, held.get(case_id))
            held[case_id] = content(change)
        return earlier


def enter(
    looks: Looks, change: Change, counted: CaseContent | None, earlier: Sequence[Names]
) -> None:
    """Let a revision enter the look of the day on which it became known.

    A pushed one: the day the gateway took it. An imported one: the data's own day of receipt.
    """
    if counted is None:
        return
    imported = change.origin != "push"
    dated = imported and (counted.products or counted.events)
    looks.enter(
        counted,
        earlier,
        pushed=None if dated else ordinal(change.taken_at),
        imported_at=change.taken_at if imported else None,
    )


def recount(connection: Connection, looks: Looks) -> list[Closed]:
    """Let every change enter empty looks, and close them at the checkpoints; the closed ones."""
    table, checkpoints = tables.changes, tables.checkpoints
    at = {row.position: row for row in connection.execute(select(checkpoints))}
    again = set(connection.scalars(_more_than_once()))
    held: dict[int, CaseContent | None] = {}
    earlier = Earlier()
    closed: list[Closed] = []
    query = select(table.c.position, table.c.kind, table.c.body)
    rows = connection.execute(
        query.order_by(table.c.position, table.c.place).execution_options(yield_per=10_000)
    )
    for position, group in groupby(rows, key=lambda row: row.position):
        for row in group:
            if row.kind != "case":
                continue
            change = decode_change(row.body)
            counted = content(change)
            known = earlier.add(change, held.get(change.case_id))
            if change.case_id in again:
                held[change.case_id] = counted
            enter(looks, change, counted, known)
        if (checkpoint := at.get(position)) is not None:
            closed += close(looks, position, checkpoint.at, checkpoint.reason)
    return closed


def close(looks: Looks, position: int, at: float, reason: str) -> list[Closed]:
    """Close what a checkpoint closes."""
    places = looks.closing(today=ordinal(at), at=at, import_ended=reason == IMPORT_ENDED)
    return [Closed(position, dataset, day, looks.close(dataset, day)) for dataset, day in places]


def _more_than_once() -> Select[Any]:
    """Cases that have had more than one change."""
    table = tables.changes
    return (
        select(table.c.case_id)
        .where(table.c.kind == "case")
        .group_by(table.c.case_id)
        .having(func.count() > 1)
    )
