"""A record on its way through disposal, and what it becomes in the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from schemas import times
from schemas.envelope import Change, Entry, Envelope, encode
from schemas.errors import Fault
from streams.agents.courses import Moved
from streams.agents.versions import Case, Version

_NO_CHANGE = Change("case")


@dataclass(frozen=True, slots=True)
class Taken:
    """An envelope with its place in the log and its size there."""

    partition: int
    offset: int
    envelope: Envelope


@dataclass(slots=True)
class Item:
    """A record on its way: where it stands, and what is found out about it.

    `erased`: in a rebuild, only what it counts as is left. `erased_by`: the erasure of its patient,
    for which it is not taken any more. `judged`: the rules of the quality suite that it fails; None
    where the suite has not seen it.
    """

    taken: Taken
    place: int
    entry: Entry
    plain: bytes = b""
    body: dict[str, Any] = field(default_factory=dict)
    coded: Change = _NO_CHANGE
    stage: str = ""
    rule: str | None = None
    faults: tuple[Fault, ...] = ()
    judged: tuple[str, ...] | None = None
    id: int = 0
    erased: bool = False
    erased_by: int | None = None


def moved_by(item: Item, case: Case, *, known: bool) -> Moved:
    """What the record, the newest of its case, does to a course."""
    entry = item.entry
    body = item.plain if entry.status == "active" and not item.erased else None
    return Moved(case.id, body, known, entry.taken_at, entry.origin, item.taken.partition)


def version_of(item: Item) -> Version:
    """The version of a case that a record is."""
    entry = item.entry
    return Version(
        item.id,
        entry.version,
        times.sort_key(entry.information_date),
        entry.content_hash,
        entry.status,
        item.coded,
    )


def version_row(case: Case, version: Version, item: Item) -> dict[str, Any]:
    """Its row of `versions`."""
    return {
        "id": version.id,
        "case_id": case.id,
        "version": version.number,
        "information_date": item.entry.information_date,
        "sort_key": version.sort_key,
        "content_hash": version.content_hash,
        "status": version.status,
        "version_conflict": version.conflict,
        "body": item.entry.body,
        "coded": encode(version.coded),
    }
