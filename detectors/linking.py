"""Cases of several senders that are one: each cluster counts once, as one of its cases says.

Two cases of different senders are linked where both name the same id, or one names the other's
own; a cluster is what hangs together by such links. The case that was told last speaks for it. An
id that more than `MOST` cases hold identifies nobody. Nullified cases are in no cluster. All of it
is a function of the set of cases: the order in which they came changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from schemas.envelope import Change, Ids

MOST = 50


class Member(NamedTuple):
    """What of a case links it: its ids, and the moment by which it is compared (sortable)."""

    ids: Ids
    told: str

    @property
    def order(self) -> tuple[str, int, int]:
        """The greatest speaks for its cluster."""
        return self.told, self.ids.sender, self.ids.own


def member(change: Change) -> Member | None:
    """What links a case as it is now; None where it is nullified or was coded without ids."""
    if change.ids is None or change.status == "nullified":
        return None
    return Member(change.ids, change.told)


class Linker:
    """Clusters of the cases that are known, kept as they change.

    >>> linker = Linker()
    >>> linker.apply(1, Member(Ids(100, 7, True), "2025-01"))
    {}
    >>> naming_it = Member(Ids(200, 8, True, (7,)), "2025-02")  # of another sender
    >>> linker.apply(2, naming_it)
    {1: 2}
    >>> linker.apply(2, None)
    {1: 0}
    """

    def __init__(self) -> None:
        self._members: dict[int, Member] = {}
        self._naming: dict[int, set[int]] = {}
        self._owning: dict[int, set[int]] = {}
        self._counted_by: dict[int, int] = {}

    def counted_by(self, case_id: int) -> int:
        """The case that counts for this one; 0 where it counts itself."""
        return self._counted_by.get(case_id, 0)

    @property
    def linked(self) -> Mapping[int, int]:
        """Every case that another one counts for, with that one."""
        return self._counted_by

    def take_up(self, case_id: int, now: Member | None, counted_by: int) -> None:
        """Take a case as it was left; once all are taken, what follows is as it was."""
        if now is not None:
            self._add(case_id, now)
        if counted_by:
            self._counted_by[case_id] = counted_by

    def apply(self, case_id: int, now: Member | None) -> dict[int, int]:
        """A case has changed: who counts for whom (0: itself), where it is not as before."""
        before = self._members.get(case_id)
        if before == now:
            return {}
        near = self._near(case_id)
        if before is not None:
            self._remove(case_id, before)
        if now is not None:
            self._add(case_id, now)
            near |= self._near(case_id)
        moved: dict[int, int] = {}
        seen: set[int] = set()
        for one in near:
            if one in self._members and one not in seen:
                cluster = self._cluster(one)
                seen |= cluster
                speaker = max(cluster, key=lambda other: self._members[other].order)
                for other in cluster:
                    self._say(other, 0 if other == speaker else speaker, moved)
        if now is None:
            self._say(case_id, 0, moved)
        return moved

    def _say(self, case_id: int, counted_by: int, moved: dict[int, int]) -> None:
        if self._counted_by.get(case_id, 0) == counted_by:
            return
        moved[case_id] = counted_by
        if counted_by:
            self._counted_by[case_id] = counted_by
        else:
            del self._counted_by[case_id]

    def _add(self, case_id: int, now: Member) -> None:
        self._members[case_id] = now
        for name in now.ids.named:
            self._naming.setdefault(name, set()).add(case_id)
        if now.ids.nameable:
            self._owning.setdefault(now.ids.own, set()).add(case_id)

    def _remove(self, case_id: int, before: Member) -> None:
        del self._members[case_id]
        places = [(self._naming, name) for name in before.ids.named]
        if before.ids.nameable:
            places.append((self._owning, before.ids.own))
        for index, name in places:
            index[name].discard(case_id)
            if not index[name]:
                del index[name]

    def _near(self, case_id: int) -> set[int]:
        """A case's cluster, and who holds an id that may just have become too common, or not be."""
        if case_id not in self._members:
            return set()
        found = self._cluster(case_id)
        for name in self._names(case_id):
            holders = self._holders(name, MOST + 1)
            if len(holders) >= MOST:
                found |= holders
        return found

    def _cluster(self, case_id: int) -> set[int]:
        found, waiting = {case_id}, [case_id]
        while waiting:
            for other in self._neighbours(waiting.pop()):
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        return found

    def _neighbours(self, case_id: int) -> Iterator[int]:
        ids = self._members[case_id].ids
        for name in self._names(case_id):
            naming = self._naming.get(name, set())
            for other in self._holders(name, MOST):
                # two cases that have the same own id are not one by that alone
                tells = name in ids.named or other in naming
                if tells and self._members[other].ids.sender != ids.sender:
                    yield other

    def _holders(self, name: int, most: int) -> set[int]:
        """Who names an id or has it as their own; nobody where they are more than `most`."""
        naming, owning = self._naming.get(name, set()), self._owning.get(name, set())
        if len(naming) > most or len(owning) > most:
            return set()
        both = naming | owning
        return both if len(both) <= most else set()

    def _names(self, case_id: int) -> tuple[int, ...]:
        ids = self._members[case_id].ids
        return (*ids.named, ids.own) if ids.nameable else ids.named


def linked(members: Mapping[int, Member]) -> dict[int, int]:
    """All at once: every case that another one counts for, with that one.

    Made another way than `Linker`, which it verifies: the links of each id, joined by pairs.

    >>> linked({1: Member(Ids(1, 7, True), "2025"), 2: Member(Ids(2, 8, True, (7,)), "2024")})
    {2: 1}
    """
    of_name: dict[int, list[tuple[int, bool]]] = {}
    for case_id, one in members.items():
        for name in one.ids.named:
            of_name.setdefault(name, []).append((case_id, True))
        if one.ids.nameable:
            of_name.setdefault(one.ids.own, []).append((case_id, False))
    above = {case_id: case_id for case_id in members}

    def root(case_id: int) -> int:
        while above[case_id] != case_id:
            above[case_id] = case_id = above[above[case_id]]
        return case_id

    for holders in of_name.values():
        if not 2 <= len(holders) <= MOST:
            continue
        for i, (case_id, names_it) in enumerate(holders):
            for other, other_names_it in holders[:i]:
                strangers = members[case_id].ids.sender != members[other].ids.sender
                if strangers and (names_it or other_names_it):
                    above[root(case_id)] = root(other)
    clusters: dict[int, list[int]] = {}
    for case_id in members:
        clusters.setdefault(root(case_id), []).append(case_id)
    found: dict[int, int] = {}
    for cluster in clusters.values():
        speaker = max(cluster, key=lambda case_id: members[case_id].order)
        found.update({case_id: speaker for case_id in cluster if case_id != speaker})
    return found
