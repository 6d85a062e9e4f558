"""Cases of several senders that name each other, whatever the order in which they came."""

from __future__ import annotations

import json
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import linking
from detectors.linking import Linker, Member, linked, member
from schemas.envelope import Change, Ids
from schemas.linking import ids_of

members = st.builds(
    lambda sender, own, nameable, named, told: Member(
        Ids(sender, own, nameable, tuple(sorted(named - {own}))), told
    ),
    st.integers(1, 3),
    st.integers(1, 9),
    st.booleans(),
    st.sets(st.integers(1, 9), max_size=3),
    st.sampled_from(["2025-01", "2025-02", "2025-03"]),
)
steps = st.lists(st.tuples(st.integers(1, 8), st.none() | members), max_size=30)


def by_hand(known: dict[int, Member], most: int = linking.MOST) -> dict[int, int]:
    """Every two cases compared, and what hangs together walked through."""
    holders = {
        name: {
            c
            for c, m in known.items()
            if name in m.ids.named or (m.ids.nameable and name == m.ids.own)
        }
        for name in range(10)
    }
    edges = set()
    for (a, one), (b, other) in combinations(known.items(), 2):
        if one.ids.sender == other.ids.sender:
            continue
        named = set(one.ids.named) & set(other.ids.named)
        named |= {one.ids.own} & set(other.ids.named) if one.ids.nameable else set()
        named |= {other.ids.own} & set(one.ids.named) if other.ids.nameable else set()
        if any(len(holders[name]) <= most for name in named):
            edges |= {(a, b), (b, a)}
    found = {}
    for case in known:
        cluster = {case}
        while more := {b for a, b in edges if a in cluster} - cluster:
            cluster |= more
        speaker = max(cluster, key=lambda c: known[c].order)
        if speaker != case:
            found[case] = speaker
    return found


@settings(deadline=None, max_examples=300)
@given(steps, st.sampled_from([2, 3, linking.MOST]))
def test_clusters_are_those_of_the_set_of_cases(
    changes: list[tuple[int, Member | None]], most: int
) -> None:
    """Also where an id becomes too common, or no longer is; and after a restart in between."""
    before, linking.MOST = linking.MOST, most
    try:
        linker, known = Linker(), dict[int, Member]()
        # no two cases are of one sender and id
        unique = dict[tuple[int, int], int]()
        for number, (case, now) in enumerate(changes):
            if now is not None and unique.setdefault(now.order[1:], case) != case:
                continue
            was = dict(linker.linked)
            moved = linker.apply(case, now)
            if now is None:
                known.pop(case, None)
            else:
                known[case] = now
            assert linker.linked == linked(known) == by_hand(known, most)
            assert moved == {
                c: linker.counted_by(c)
                for c in was.keys() | linker.linked.keys()
                if was.get(c, 0) != linker.counted_by(c)
            }
            if number % 5 == 4:
                again = Linker()
                for one in sorted(known, reverse=True):
                    again.take_up(one, known[one], linker.counted_by(one))
                linker = again
    finally:
        linking.MOST = before


def case(sender: str, report_id: str, *external: str, told: str = "2025-07-03") -> Member:
    found = ids_of(sender, report_id, {"external_ids": external})
    made = member(Change("case", ids=found, told=told))
    assert made is not None
    return made


def test_a_common_id_or_the_name_of_the_other_links_cases_of_two_senders() -> None:
    assert linked({1: case("a", "A-0001", "WW-2025-1"), 2: case("b", "B-0001", "WW-2025-1")})
    assert linked({1: case("a", "A-0001"), 2: case("b", "B-0001", "a-0001 ")})
    assert not linked({1: case("a", "A-0001"), 2: case("b", "A-0001")}), "numbers of their own"
    assert not linked({1: case("a", "A-0001", "WW-2025-1"), 2: case("a", "A-0002", "WW-2025-1")})


def test_an_id_that_is_missing_links_nobody() -> None:
    for text in ("NONE", "unknown", "N/A", "12345", "not available", ""):
        assert not linked({1: case("a", "A-0001", text), 2: case("b", "B-0001", text)})
    assert not linked({1: case("a", "17"), 2: case("b", "B-0001", "17")})


def test_what_many_cases_name_identifies_none_of_them() -> None:
    known = {i: case(f"s{i}", f"A-{i:05}", "WW-2025-1") for i in range(linking.MOST)}
    assert len(linked(known)) == linking.MOST - 1
    known[linking.MOST] = case("one more", "A-99999", "WW-2025-1")
    assert linked(known) == {}


def test_the_case_that_was_told_last_speaks() -> None:
    late = case("b", "B-0001", "WW-2025-1", told="2025-09")
    assert linked({1: late, 2: case("a", "A-0001", "WW-2025-1")}) == {2: 1}
    assert linked({1: case("a", "A-0001", "WW-2025-1"), 2: late}) == {1: 2}


def test_a_case_that_is_void_is_in_no_cluster() -> None:
    assert member(Change("case", ids=ids_of("a", "A-0001", {}), status="nullified")) is None
    assert member(Change("case")) is None


def test_no_id_can_be_read_back_from_a_change() -> None:
    found = ids_of("clinic-a", "A-0001", {"external_ids": ["WW-2025-1"]})
    assert "WW" not in json.dumps([*found.named, found.own, found.sender])
