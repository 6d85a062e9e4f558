"""The changes as the store keeps them: folded up to a position they are what counted there."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, and_, func, select

from schemas.envelope import Change, decode_change
from streams.store import tables


def newest_changes(
    connection: Connection, up_to: int | None = None, kind: str = "case"
) -> Iterable[Change]:
    """The newest change of every case (or course), as of a position (inclusive) or now."""
    for _, change in positioned_newest(connection, up_to, kind=kind):
        yield change


def positioned_newest(
    connection: Connection, up_to: int | None = None, after: int = -1, kind: str = "case"
) -> Iterable[tuple[int, Change]]:
    """The same, each with its position; of what has changed behind one where that is asked for."""
    table = tables.changes
    fold = select(table.c.case_id, func.max(table.c.revision).label("revision")).where(
        table.c.kind == kind
    )
    if up_to is not None:
        fold = fold.where(table.c.position <= up_to)
    if after >= 0:
        fold = fold.where(table.c.position > after)
    newest = fold.group_by(table.c.case_id).subquery()
    same = and_(table.c.case_id == newest.c.case_id, table.c.revision == newest.c.revision)
    query = select(table.c.position, table.c.body).join(newest, same).where(table.c.kind == kind)
    if after >= 0:
        query = query.where(table.c.position > after)
    for position, body in connection.execute(query.execution_options(yield_per=5_000)):
        yield position, decode_change(body)


def changes_between(
    connection: Connection, after: int, up_to: int, kind: str = "course"
) -> Iterable[Change]:
    """The changes behind one position up to another (inclusive), in their order."""
    for _, change in positioned_changes(connection, after, up_to, kind):
        yield change


def positioned_changes(
    connection: Connection, after: int, up_to: int | None = None, kind: str = "case"
) -> Iterable[tuple[int, Change]]:
    """The same, each with its position; of all that came since where there is no end."""
    table = tables.changes
    query = (
        select(table.c.position, table.c.body)
        .where(table.c.kind == kind, table.c.position > after)
        .order_by(table.c.position, table.c.place)
    )
    if up_to is not None:
        query = query.where(table.c.position <= up_to)
    for position, body in connection.execute(query.execution_options(yield_per=5_000)):
        yield position, decode_change(body)
