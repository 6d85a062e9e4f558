"""What becomes of records: a batch of envelopes in, one transaction of the store out.

The same for reports and follow-up records, and for what is pushed, imported or replayed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from schemas.envelope import CANARY, VERSION, Change, Changes, encode
from schemas.envelope import MAX_RECORDS as MAX_CHANGES
from schemas.errors import Fault
from schemas.quality import QualityResult
from schemas.record import Stream
from schemas.vocabulary import Vocabulary
from streams.agents.cases import load_cases
from streams.agents.courses import Courses
from streams.agents.erased import refuse_erased
from streams.agents.items import Item, Taken, moved_by, version_of, version_row
from streams.agents.judging import Judging
from streams.agents.outbox import owner
from streams.agents.quality import (
    count_coding,
    count_judged,
    count_unmatched,
    held_row,
    write_quality,
)
from streams.agents.versions import Case
from streams.settings import CHANGES, CONSUMERS
from streams.store import tables
from streams.store.retrying import retried
from streams.store.store import Store, allocate, move_position, stored_positions
from streams.store.writing import insert_rows

_log = logging.getLogger("ketavigil.worker")


class Disposal:
    """Disposes of the records of one stream.

    `kept`, for a rebuild: what erased records count as, by their sealed hash.
    """

    def __init__(
        self,
        stream: Stream,
        store: Store,
        vocabulary: Vocabulary,
        log_id: str,
        kept: Mapping[bytes, Change] | None = None,
    ) -> None:
        self.stream: Stream = stream
        self.consumer = CONSUMERS[stream]
        self._store = store
        self._log_id = log_id
        self._judging = Judging(stream, store.sealer, vocabulary, {} if kept is None else kept)
        self.refused = False  # whether something came of an erased patient
        self._courses = Courses(vocabulary) if stream == "followups" else None

    def dispose(self, batch: Sequence[Taken]) -> None:
        """Write what becomes of a batch, and the position behind it, in one transaction.

        The batch holds whole envelopes, those of one partition in order without a gap. Raises
        `LostPartition` where another worker has moved the position; nothing is written then.
        """
        items = _items(batch)
        self._judging.read(items)
        quality = self._judging.check(items)
        self._commit(batch, items, quality)

    def hold(self, taken: Taken) -> None:
        """Put every record of an envelope that cannot be disposed of into quarantine.

        What was held before, and is sent again, stays held.
        """
        items = _items([taken])
        for item in items:
            item.stage = "worker"
            item.faults = (Fault("not_processed", "", "this program failed on its envelope"),)
        fresh = [item for item in items if item.entry.replay_of is None]
        self._commit([taken], fresh, QualityResult({}, [], set()))

    def _commit(
        self, batch: Sequence[Taken], items: Sequence[Item], quality: QualityResult
    ) -> None:
        moves: dict[tuple[str, int], tuple[int, int]] = {}
        for taken in batch:
            at = (self.stream, taken.partition)
            moves[at] = (moves[at][0] if at in moves else taken.offset, taken.offset + 1)
        records = [item for item in items if item.entry.origin != CANARY]
        canaries = [item for item in items if item.entry.origin == CANARY]
        newest = max((item.entry.taken_at for item in records), default=0.0)

        def write() -> None:
            with self._store.write() as connection:
                move_position(connection, self.consumer, self._log_id, moves)
                self.refused |= refuse_erased(connection, self.stream, records)
                self._write(connection, records)
                if canaries:
                    self._publish(connection, self._passed_on(canaries))
                if records or not canaries:
                    write_quality(connection, self.stream, quality, at=newest)
                    count_judged(connection, self.stream, records, quality, at=newest)

        def written() -> bool:
            with self._store.read() as connection:
                held = stored_positions(connection, self.consumer)
            return all(held[at] == end for at, (_, end) in moves.items())

        retried(write, done=written)

    def _passed_on(self, canaries: Iterable[Item]) -> dict[int, list[Change]]:
        """What is published of canaries: that they came, unless the suite did not let them pass."""
        published: dict[int, list[Change]] = {}
        for item in canaries:
            if item.faults:
                _log.warning("canary of %s held: %s", self.stream, item.faults[0].code)
                continue
            change = Change(CANARY, reason=self.stream, taken_at=item.entry.taken_at, origin=CANARY)
            published.setdefault(item.taken.partition, []).append(change)
        return published

    def _write(self, connection: Connection, items: Sequence[Item]) -> None:
        fresh = [item for item in items if item.entry.replay_of is None]
        numbers = allocate(connection, tables.records, len(fresh))
        for number, item in zip(numbers, fresh, strict=True):
            item.id = number
        items = fresh + self._replayed(connection, items)
        insert_rows(connection, tables.records, [self._record(item) for item in fresh])
        insert_rows(
            connection,
            tables.quarantine,
            [
                held_row(item.id, item.entry, item.stage, item.rule, item.faults)
                for item in items
                if item.faults
            ],
        )
        self._version(connection, [item for item in items if not item.faults])

    def _replayed(self, connection: Connection, items: Sequence[Item]) -> list[Item]:
        """Records that leave quarantine to be judged again; those that have left it are done."""
        again = {item.entry.replay_of: item for item in items if item.entry.replay_of is not None}
        if not again:
            return []
        table, records = tables.quarantine, tables.records
        held = connection.execute(
            select(table.c.id, records.c.sealed_hash)
            .join(records, records.c.id == table.c.id)
            .where(table.c.id.in_(again))
        )
        # a store that was restored may have given the number to another record
        waiting = [number for number, same in held if same == again[number].entry.sealed_hash]
        connection.execute(delete(table).where(table.c.id.in_(waiting)))
        for number in waiting:
            again[number].id = number
        return [again[number] for number in waiting]

    def _record(self, item: Item) -> dict[str, Any]:
        entry = item.entry
        return {
            "id": item.id,
            "stream": self.stream,
            "partition": item.taken.partition,
            "offset": item.taken.offset,
            "place": item.place,
            "request_index": entry.index,
            "sender": entry.sender,
            "origin": entry.origin,
            "taken_at": entry.taken_at,
            "sealed": entry.sealed,
            "wrapped_key": None if item.erased_by else entry.wrapped_key,
            "sealed_hash": entry.sealed_hash,
            "erased_by": item.erased_by,
        }

    def _version(self, connection: Connection, items: Sequence[Item]) -> None:
        """Put each record among the versions of its case, and publish what changed."""
        keys = [self._key(item) for item in items]
        known = load_cases(connection, set(keys))
        existing = set(known)
        numbers = iter(allocate(connection, tables.cases, len(set(keys) - existing)))
        new_cases: dict[str, dict[str, Any]] = {}
        new_versions: dict[int, dict[str, Any]] = {}
        duplicates: list[dict[str, Any]] = []
        changed: dict[str, Case] = {}
        conflicts: set[int] = set()
        accepted: list[Item] = []
        published: dict[int, list[Change]] = {}
        for item, key in zip(items, keys, strict=True):
            case = known.get(key)
            if case is None:
                case = known[key] = Case(next(numbers))
                new_cases[key] = {
                    "id": case.id,
                    "key": key,
                    "stream": self.stream,
                    "sender": item.entry.sender,
                    "report_id": item.entry.record_id,
                }
            version = version_of(item)
            if (same := case.versions.get(version.order_key)) is not None:
                duplicates.append({"id": item.id, "version_id": same.id})
                continue
            accepted.append(item)
            conflicts.update(v.id for v in case.add(version))
            new_versions[version.id] = version_row(case, version, item)
            changed[key] = case
            if self.stream == "reports":
                published.setdefault(item.taken.partition, []).append(
                    case.change(origin=item.entry.origin, taken_at=item.entry.taken_at)
                )
        for number in conflicts & set(new_versions):
            new_versions[number]["version_conflict"] = True
        for key, case in changed.items():
            if key in new_cases:
                new_cases[key] |= {"newest": case.newest().id, "revision": case.revision}
        table = tables.cases
        insert_rows(connection, table, list(new_cases.values()))
        for key in changed.keys() & existing:
            case = changed[key]
            connection.execute(
                update(table)
                .where(table.c.id == case.id)
                .values(newest=case.newest().id, revision=case.revision)
            )
        insert_rows(connection, tables.versions, list(new_versions.values()))
        if older := conflicts - set(new_versions):
            connection.execute(
                update(tables.versions)
                .where(tables.versions.c.id.in_(older))
                .values(version_conflict=True)
            )
        insert_rows(connection, tables.duplicates, duplicates)
        if self._courses is not None:
            newest = {case.newest().id: case for case in changed.values()}
            moved = [
                moved_by(item, newest[item.id], known=self._key(item) in existing)
                for item in accepted
                if item.id in newest
            ]
            for course in self._courses.move(connection, moved):
                published.setdefault(course.partition, []).append(course.change())
        self._publish(connection, published)
        count_unmatched(connection, [item.coded for item in accepted])
        count_coding(
            connection, [(item.entry.sender, item.coded) for item in accepted if item.coded.events]
        )

    def _key(self, item: Item) -> str:
        return f"{self.stream}\x1f{item.entry.sender}\x1f{item.entry.record_id}"

    def _publish(self, connection: Connection, published: dict[int, list[Change]]) -> None:
        rows = [
            {
                "owner": owner(self.consumer, self.stream, partition),
                "topic": CHANGES,
                "key": b"",
                "value": encode(Changes(VERSION, tuple(changes[start : start + MAX_CHANGES]))),
            }
            for partition, changes in published.items()
            for start in range(0, len(changes), MAX_CHANGES)
        ]
        if rows:
            connection.execute(insert(tables.outbox), rows)


def _items(batch: Sequence[Taken]) -> list[Item]:
    return [
        Item(taken, place, entry)
        for taken in batch
        for place, entry in enumerate(taken.envelope.records)
    ]
