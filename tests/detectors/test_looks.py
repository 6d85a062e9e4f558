"""Looks of a day: what a report adds to them, and when they close."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.casebook import CaseContent
from detectors.looks import ALL, SILENT, Entry, Looks, Names, entries

TOLD = {"d": (frozenset("AB"), frozenset("xy"))}


def content(products: str, events: str, day: int = 1, dataset: str = "d") -> CaseContent:
    return CaseContent(
        dataset, tuple((name, day) for name in products), tuple((name, day) for name in events)
    )


def news(*revisions: CaseContent) -> list[Entry]:
    """What the last of some revisions brings."""
    return entries(revisions[-1], [Names.of(one) for one in revisions[:-1]])


def test_the_first_revision_enters_as_it_is() -> None:
    assert news(content("AB", "xy")) == [Entry(("A", "B"), ("x", "y"), 1)]
    assert news(content("", "x")) == [Entry((), ("x",), 1)]
    assert news(content("", "")) == [Entry((), (), 0)]


def test_a_later_one_brings_only_pairs_that_none_before_it_held() -> None:
    assert news(content("A", "x"), content("A", "xy", 4)) == [Entry(("A",), ("y",), 4)]
    assert news(content("A", "x"), content("AB", "x", 4)) == [Entry(("B",), ("x",), 4)]
    assert news(content("A", "xy"), content("A", "x")) == []
    assert news(content("A", "x"), content("B", "y"), content("A", "x")) == []
    assert news(content("A", "x"), content("A", "x", 4, "other")) == [Entry(("A",), ("x",), 4)]


def test_strata_of_a_product_are_the_product() -> None:
    held = CaseContent("d", (("A", 1), ("A @home", 1)), (("x", 2),))
    assert news(held) == [Entry(("A",), ("x",), 2)]
    later = CaseContent("d", (("A", 1), ("A @oral", 3)), (("x", 2),))
    assert news(held, later) == []


CONTENTS = st.lists(
    st.builds(
        content,
        st.sampled_from(["", "A", "B", "AB", "ABC"]),
        st.sampled_from(["", "x", "xy", "xyz"]),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=5,
)


@given(st.lists(CONTENTS, min_size=1, max_size=6))
def test_each_pair_of_a_case_enters_once_and_every_four_counts_are_a_table(
    cases: list[list[CaseContent]],
) -> None:
    looks = Looks(TOLD)
    pairs: Counter[tuple[str, str]] = Counter()
    for revisions in cases:
        ever = set()
        for i in range(len(revisions)):
            ever |= {(p, e) for p, _ in revisions[i].products for e, _ in revisions[i].events}
            for entry in news(*revisions[: i + 1]):
                looks.report("d", entry.products, entry.events, entry.day)
        pairs.update(pair for pair in ever if pair[0] in "AB" and pair[1] in "xy")
    found: Counter[tuple[str, str]] = Counter()
    for look in looks.open.values():
        for product in "AB":
            for event in "xy":
                n = look.counts.get((product, event), 0)
                own, other = look.counts.get((product, ALL), 0), look.counts.get((ALL, event), 0)
                total = look.counts[ALL, ALL]
                cells = np.array([n, own - n, other - n, total - own - other + n])
                assert (cells >= 0).all()
                found[product, event] += n
    assert +found == pairs


@given(st.lists(CONTENTS, min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_cases_is_irrelevant(
    cases: list[list[CaseContent]], chance: random.Random
) -> None:
    def counted(mixed: list[tuple[int, int]]) -> dict[int, dict[tuple[str, str], int]]:
        looks = Looks(TOLD)
        for case, i in mixed:
            for entry in news(*cases[case][: i + 1]):
                looks.report("d", entry.products, entry.events, entry.day)
        return {day: look.counts for (_, day), look in looks.open.items()}

    straight = [(case, i) for case, listed in enumerate(cases) for i in range(len(listed))]
    turns = [case for case, _ in straight]
    chance.shuffle(turns)
    seen: Counter[int] = Counter()
    mixed = []
    for case in turns:  # revisions of one case stay in order
        mixed.append((case, seen[case]))
        seen[case] += 1
    assert counted(mixed) == counted(straight)


def test_only_days_that_are_over_close_and_never_open_again() -> None:
    looks = Looks(TOLD)
    for day in (5, 3, 7):
        looks.report("d", ("A",), ("x",), day)
    assert looks.closing(today=7, at=0.0, import_ended=False) == [("d", 3), ("d", 5)]
    assert looks.close("d", 3)["A", "x"] == 1
    looks.closed("d", 4)
    looks.report("d", ("A",), ("x",), 3)
    assert looks.open["d", 5].counts["A", "x"] == 2


def test_an_import_holds_its_days_open_until_it_has_ended() -> None:
    looks = Looks(TOLD)
    looks.report("d", ("A",), ("x",), 3, imported_at=1000.0)
    looks.report("d", ("A",), ("x",), 4)
    assert looks.closing(today=9, at=1000.0 + SILENT, import_ended=False) == [("d", 4)]
    looks.report("d", ("A",), ("x",), 3, imported_at=500.0)  # an older record moves nothing
    assert looks.open["d", 3].imported_at == 1000.0
    assert looks.closing(today=9, at=1000.0, import_ended=True) == [("d", 3), ("d", 4)]


def test_an_import_of_today_has_ended_though_its_day_is_not_over() -> None:
    looks = Looks(TOLD)
    looks.report("d", ("A",), ("x",), 9, imported_at=1000.0)
    assert looks.closing(today=9, at=1000.0, import_ended=True) == []
    assert looks.closing(today=10, at=1001.0, import_ended=False) == [("d", 9)]


def test_an_import_that_was_broken_off_is_over_after_a_silent_day() -> None:
    looks = Looks(TOLD)
    looks.report("d", ("A",), ("x",), 3, imported_at=1000.0)
    assert looks.closing(today=9, at=1000.0 + SILENT + 1, import_ended=False) == [("d", 3)]


def test_what_is_stored_is_what_has_changed_since() -> None:
    looks = Looks(TOLD)
    looks.report("d", ("A",), ("z",), 3)
    look = looks.open["d", 3]
    assert (look.changed, look.moved) == ({(ALL, ALL), ("A", ALL)}, True)


@pytest.mark.parametrize("dataset", ["solicited", ""])
def test_a_dataset_that_is_not_looked_at_has_no_look(dataset: str) -> None:
    looks = Looks(TOLD)
    looks.report(dataset, ("A",), ("x",), 3)
    assert looks.open == {}


@given(st.lists(CONTENTS, min_size=1, max_size=6), st.none() | st.integers(1, 5))
def test_what_enters_is_what_the_entries_say(
    cases: list[list[CaseContent]], pushed: int | None
) -> None:
    straight, written_out = Looks(TOLD), Looks(TOLD)
    for revisions in cases:
        for i in range(len(revisions)):
            earlier = [Names.of(one) for one in revisions[:i]]
            straight.enter(revisions[i], earlier, pushed=pushed, imported_at=7.0)
            for entry in entries(revisions[i], earlier):
                day = entry.day if pushed is None else pushed
                written_out.report("d", entry.products, entry.events, day, 7.0)
    assert straight.open == written_out.open
