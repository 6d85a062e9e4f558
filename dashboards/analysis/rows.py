"""Cases that have changed, each with what it counts as and what its newest version said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from dashboards.analysis.fold import FEW, versions_of
from detectors.casebook import CaseContent
from detectors.coding import content
from schemas.envelope import Change
from streams.store import tables
from streams.store.changes import positioned_newest
from streams.store.enclosed import ERASED, disclosed


class Row(NamedTuple):
    """The newest change of a case, its position, and the version it came of (`ERASED`: gone)."""

    position: int
    change: Change
    counted: CaseContent | None
    body: bytes


def rows(
    connection: Connection,
    after: int,
    up_to: int,
    strata_of: Callable[[str], bool],
    wanted: Callable[[Change], bool] | None = None,
) -> Iterator[Row]:
    """Of each case that has changed behind a position, up to another (inclusive), one.

    `strata_of`: products that also count by route and setting; `wanted`: cases that are left out.
    """
    found: Iterable[tuple[int, Change]] = positioned_newest(connection, up_to, after)
    if wanted is not None:
        found = ((position, change) for position, change in found if wanted(change))
    each = iter(found)
    while part := list(islice(each, FEW)):
        bodies = _bodies(connection, [change for _, change in part], up_to)
        for position, change in part:
            counted = content(change, strata_of=strata_of)
            yield Row(position, change, counted, bodies.get(change.case_id, ERASED))


def newest(connection: Connection) -> int:
    """The position of the newest change that is stored; -1 without any."""
    found = connection.scalar(select(func.max(tables.changes.c.position)))
    return -1 if found is None else int(found)


def _bodies(connection: Connection, changes: Iterable[Change], up_to: int) -> dict[int, bytes]:
    """The newest version of each case that was known at a position."""
    known = {change.case_id: change.versions for change in changes}
    cases, versions = tables.cases, tables.versions
    every = versions.alias()
    own = select(func.count()).where(every.c.case_id == cases.c.id).scalar_subquery()
    found = connection.execute(
        select(cases.c.id, versions.c.body, own)
        .join(versions, versions.c.id == cases.c.newest)
        .where(cases.c.id.in_(list(known)), cases.c.stream == "reports")
    )
    bodies, later = {}, {}
    for number, body, count in found:
        if count > known[number]:
            later[number] = known[number]
        else:
            bodies[number] = disclosed(connection, body)
    if later:
        for number, _, _, of_case in versions_of(connection, later, up_to):
            bodies[number] = of_case[-1].body
    return bodies
