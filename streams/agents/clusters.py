"""Cases of several senders that are one, in the live system: what each counts as from a change on.

A case for which another one counts keeps its own content in its change, under the status `linked`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, select

from detectors.linking import Linker, member
from schemas.envelope import LINKED, Change, decode_change
from streams.agents.moment import Moment
from streams.store import tables
from streams.store.writing import upsert


class Clusters:
    """Which cases are linked now; `write` stores what of it has changed since."""

    def __init__(self) -> None:
        self._linker = Linker()
        self._extra: dict[int, int] = {}
        self._counted: dict[int, Change] = {}  # in the transaction that is open
        self._moved: dict[int, int] = {}

    def load(self, change: Change) -> None:
        """Take up a case as it was left."""
        self._linker.take_up(change.case_id, member(change), change.counted_by)
        if change.extra:
            self._extra[change.case_id] = change.extra

    def take(self, connection: Connection, change: Change, held: int) -> Sequence[Change]:
        """The changes to count because of one; `held`: the revision that is counted (0: none).

        First those of cases that others count for from now on, so that these know what they held.
        """
        case_id = change.case_id
        extra = self._extra.get(case_id, 0)
        if change.revision + extra <= held:
            return ()
        moved = self._linker.apply(case_id, member(change))
        self._moved.update(moved)
        if extra:
            change = msgspec.structs.replace(change, revision=change.revision + extra, extra=extra)
        found = [_spoken(change, self._linker.counted_by(case_id))]
        found += [
            self._again(connection, other, counted_by)
            for other, counted_by in moved.items()
            if other != case_id
        ]
        found.sort(key=lambda one: (not one.counted_by, one.case_id))
        self._counted.update({one.case_id: one for one in found})
        return found

    def write(self, moment: Moment) -> None:
        """Store which cases are linked, where that has changed."""
        table = tables.linked_cases
        if self._moved:
            gone = [case_id for case_id, counted_by in self._moved.items() if not counted_by]
            moment.connection.execute(delete(table).where(table.c.case_id.in_(gone)))
            rows = [
                {"case_id": case_id, "counted_by": counted_by}
                for case_id, counted_by in sorted(self._moved.items())
                if counted_by
            ]
            upsert(moment.connection, table, rows)
        self._moved.clear()
        self._counted.clear()

    def _again(self, connection: Connection, case_id: int, counted_by: int) -> Change:
        """A case that has not changed itself, with a change of its own."""
        newest = self._counted.get(case_id)
        if newest is None:
            table = tables.changes
            query = (
                select(table.c.body)
                .where(table.c.case_id == case_id, table.c.kind == "case")
                .order_by(table.c.revision.desc())
                .limit(1)
            )
            newest = decode_change(connection.execute(query).scalar_one())
        self._extra[case_id] = newest.extra + 1
        # what counts now was not pushed now: it is no fresh record, but keeps its day
        moved = msgspec.structs.replace(
            newest,
            revision=newest.revision + 1,
            extra=newest.extra + 1,
            status="active",
            reason=LINKED,
        )
        return _spoken(moved, counted_by)


def _spoken(change: Change, counted_by: int) -> Change:
    if counted_by:
        return msgspec.structs.replace(change, status=LINKED, counted_by=counted_by)
    return msgspec.structs.replace(change, counted_by=0) if change.counted_by else change
