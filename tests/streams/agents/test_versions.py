"""Which version of a case counts is a function of the set of versions, not of their order."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Change, CodedEvent, CodedProduct
from streams.agents.versions import Case, Version


def coded(day: int, products: str = "k", events: str = "x") -> Change:
    return Change(
        "case",
        products=tuple(CodedProduct(name, "suspect", day) for name in products),
        events=tuple(CodedEvent(name, day) for name in events),
    )


def version(
    number: int | None, day: int, content: bytes = b"c", *, status: str = "active", **names: str
) -> Version:
    key = date.fromordinal(730_000 + day).isoformat()
    hashed = content + status.encode() + "".join(sorted(names.values())).encode()
    return Version(0, number, key, hashed, status, coded(day, **names))


def case_of(versions: list[Version]) -> Case:
    case = Case(1)
    for one in versions:
        if one.order_key not in case.versions:
            case.add(one)
    return case


versions = st.builds(
    version,
    st.none() | st.integers(1, 3),
    st.integers(0, 4),
    st.sampled_from([b"a", b"b"]),
    status=st.sampled_from(["active", "active", "nullified"]),
    products=st.sampled_from(["k", "kp", "p"]),
    events=st.sampled_from(["x", "xy", "y"]),
)


@given(
    st.lists(versions, min_size=1, max_size=8).flatmap(
        lambda v: st.tuples(st.just(v), st.permutations(v + v[:2]))
    )
)
def test_any_order_with_repeats_says_the_same(drawn: tuple[list[Version], list[Version]]) -> None:
    in_order, shuffled = drawn
    one, other = case_of(in_order), case_of(shuffled)
    first = one.change(origin="push", taken_at=0.0)
    second = other.change(origin="push", taken_at=0.0)
    assert first.products == second.products
    assert first.events == second.events
    assert first.status == second.status
    assert one.revision == other.revision == len({v.order_key for v in in_order})


def test_the_greatest_version_number_counts_though_it_came_first() -> None:
    case = case_of([version(2, 0, events="y"), version(1, 3, events="x")])
    assert [e.name for e in case.change(origin="push", taken_at=0).events] == ["y"]


def test_without_numbers_the_later_information_counts() -> None:
    case = case_of([version(None, 3, events="y"), version(None, 1, events="x")])
    assert [e.name for e in case.change(origin="push", taken_at=0).events] == ["y"]


def test_a_nullification_empties_the_case_and_a_later_version_revives_it() -> None:
    case = case_of([version(1, 0), version(2, 1, status="nullified")])
    assert case.change(origin="push", taken_at=0).status == "nullified"
    assert case.change(origin="push", taken_at=0).products == ()
    case.add(version(3, 2))
    assert case.change(origin="push", taken_at=0).status == "active"


def test_a_name_keeps_the_day_of_the_first_active_version_that_held_it() -> None:
    case = case_of([version(1, 0, events="x"), version(2, 5, events="xy")])
    days = {e.name: e.day for e in case.change(origin="push", taken_at=0).events}
    assert days == {"x": 0, "y": 5}


def test_a_nullified_version_dates_nothing() -> None:
    case = case_of([version(1, 0, status="nullified"), version(2, 5)])
    assert [e.day for e in case.change(origin="push", taken_at=0).events] == [5]


def test_the_same_number_with_other_content_is_a_conflict_on_both() -> None:
    case = Case(1)
    assert case.add(version(1, 0, b"a")) == []
    assert len(case.add(version(1, 0, b"b"))) == 2
    assert [v.conflict for v in case.versions.values()] == [True, True]


def test_unnumbered_versions_of_different_days_are_no_conflict() -> None:
    case = case_of([version(None, 0, b"a"), version(None, 1, b"b")])
    assert not any(v.conflict for v in case.versions.values())


def grave(number: int, day: int, *, fatal: bool, again: bool) -> Version:
    known = day if fatal else 0
    held = Change(
        "case",
        products=(CodedProduct("k", "suspect", day, rechallenge=day if again else 0),),
        events=(CodedEvent("x", day, fatal=known),),
    )
    hashed = f"{fatal}{again}".encode()
    return Version(0, number, str(day), hashed, "active", held)


def test_a_case_is_fatal_since_the_first_active_version_that_said_so() -> None:
    case = case_of(
        [
            grave(1, 10, fatal=False, again=False),
            grave(2, 20, fatal=True, again=True),
            grave(3, 30, fatal=True, again=True),
        ]
    )
    change = case.change(origin="push", taken_at=0)
    assert (change.events[0].day, change.events[0].fatal) == (10, 20)
    assert (change.products[0].day, change.products[0].rechallenge) == (10, 20)


def test_what_the_newest_version_no_longer_says_is_not_so() -> None:
    case = case_of([grave(1, 10, fatal=True, again=True), grave(2, 20, fatal=False, again=False)])
    change = case.change(origin="push", taken_at=0)
    assert (change.events[0].fatal, change.products[0].rechallenge) == (0, 0)
