"""The versions of a case: which one counts, and what the case says because of it.

A pure function of the set of versions: order of arrival and repeats cannot change it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from schemas.envelope import Change, CodedEvent, CodedProduct

OrderKey = tuple[int, str, bytes]


@dataclass(slots=True)
class Version:
    """One stored version; `coded` says what it alone holds, each name with its own day."""

    id: int
    number: int | None
    sort_key: str
    content_hash: bytes
    status: str
    coded: Change
    conflict: bool = False

    @property
    def order_key(self) -> OrderKey:
        """The greatest one counts."""
        return self.number or 0, self.sort_key, self.content_hash


@dataclass(slots=True)
class Case:
    """All versions of a case that are stored, and how many changes it has had."""

    id: int
    revision: int = 0
    versions: dict[OrderKey, Version] = field(default_factory=dict)

    def newest(self) -> Version:
        """The version that counts."""
        return self.versions[max(self.versions)]

    def add(self, version: Version) -> list[Version]:
        """Take a version that is not held yet; the versions now in conflict come back.

        Two versions conflict where number and date are equal, or a stated number alone, and the
        content is not.
        """
        conflicting = [
            held
            for held in self.versions.values()
            if held.number == version.number
            and (version.number is not None or held.sort_key == version.sort_key)
        ]
        if conflicting:
            conflicting = [v for v in (*conflicting, version) if not v.conflict]
        for one in conflicting:
            one.conflict = True
        self.versions[version.order_key] = version
        self.revision += 1
        return conflicting

    def change(self, *, origin: str, taken_at: float) -> Change:
        """What the case says now, each name from the day an active version first held it."""
        newest = self.newest()
        changed = msgspec.structs.replace(
            newest.coded,
            case_id=self.id,
            revision=self.revision,
            status=newest.status,
            origin=origin,
            taken_at=taken_at,
            told=newest.sort_key,
        )
        if newest.status == "nullified":
            return msgspec.structs.replace(changed, products=(), events=())
        active = [v.coded for v in self.versions.values() if v.status == "active"]
        if len(active) == 1:
            return changed
        return msgspec.structs.replace(
            changed,
            products=tuple(_earliest(p, active) for p in changed.products),
            events=tuple(_earliest_event(e, active) for e in changed.events),
        )


def _earliest(product: CodedProduct, versions: list[Change]) -> CodedProduct:
    same = [p for v in versions for p in v.products if p.name == product.name]
    again = min((p.rechallenge for p in same if p.rechallenge), default=0)
    return msgspec.structs.replace(
        product,
        day=min(p.day for p in same),
        rechallenge=again if product.rechallenge else 0,
    )


def _earliest_event(event: CodedEvent, versions: list[Change]) -> CodedEvent:
    same = [e for v in versions for e in v.events if e.name == event.name]
    fatal = min((e.fatal for e in same if e.fatal), default=0)
    return msgspec.structs.replace(
        event, day=min(e.day for e in same), fatal=fatal if event.fatal else 0
    )
