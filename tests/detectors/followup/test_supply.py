"""Supplies, doses and providers: the little that is kept answers as the whole history would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.followup.beginning import Mark
from detectors.followup.supply import Fill, Stock, latest, seen, still_matter, with_dose

FILLS = st.lists(
    st.tuples(
        st.sampled_from(["k", "e"]), st.integers(1000, 1100), st.sampled_from([1, 7, 30, 90])
    ),
    max_size=15,
)


@given(FILLS)
def test_of_the_fills_two_a_product_are_enough(given_fills: list[tuple[str, int, int]]) -> None:
    fills = [
        Fill(product, day, float(supply), str(n))
        for n, (product, day, supply) in enumerate(sorted(given_fills, key=lambda one: one[1]))
    ]
    kept: tuple[Fill, ...] = ()
    for n, fill in enumerate(fills):
        whole = [f for f in fills[:n] if f.product == fill.product and f.day < fill.day]
        if not any(f.day == fill.day for f in fills[:n]):
            for share in (0.85, 1):
                found = latest(kept, fill.product, fill.day, share)
                longest = max((f.until(share) for f in whole), default=0)
                assert (found.until(share) if found else None) == (
                    longest if longest > fill.day else None
                )
        kept = still_matter((*kept, fill), fill.day, 0.85)
        assert len(kept) <= 4


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from([28, 56, 84, 112])), max_size=30))
def test_the_first_of_the_kept_doses_is_the_lowest_of_the_window(
    doses: list[tuple[int, int]],
) -> None:
    kept: tuple[Mark, ...] = ()
    doses.sort(key=lambda one: one[0])
    for n, (day, mg) in enumerate(doses):
        kept = with_dose(kept, Mark(float(mg), day, str(n)), 90)
        assert kept[0].value == min(other for at, other in doses[: n + 1] if day - at <= 90)
        assert kept[-1].record == str(n)


def test_of_too_many_different_doses_the_lowest_and_the_newest_are_kept() -> None:
    kept: tuple[Mark, ...] = ()
    for n in range(50):
        kept = with_dose(kept, Mark(100.0 + n, n, str(n)), 90)
    assert [mark.value for mark in kept] == [100, 101, 102, 103, 104, 105, 106, 149]


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("abcdef")), max_size=40))
def test_providers_of_a_window_are_counted_up_to_the_most(visits: list[tuple[int, str]]) -> None:
    kept: dict[str, Mark] = {}
    visits.sort(key=lambda one: one[0])
    for n, (day, name) in enumerate(visits):
        kept = seen(kept, name, Mark(0.0, day, str(n)), 180, 5)
        different = {other for at, other in visits[: n + 1] if day - at <= 180}
        assert len(kept) == min(5, len(different))
        assert set(kept) <= different


def test_of_many_providers_the_newest_are_kept() -> None:
    kept: dict[str, Mark] = {}
    for n, name in enumerate("abcdef"):
        kept = seen(kept, name, Mark(0.0, n, str(n)), 180, 5)
    assert list(kept) == ["f", "e", "d", "c", "b"]
    assert list(seen(kept, None, Mark(0.0, 6, "6"), 180, 5)) == ["f", "e", "d", "c", "b"]


def test_what_is_in_hand_is_used_by_the_plan_and_never_less_than_none() -> None:
    stock = Stock().more(8, "a")
    assert stock.on(14, 3.5).doses == 4
    assert (stock.on(28, 3.5), stock.on(40, 3.5)) == (Stock(0.0, 28), Stock(0.0, 40))
    assert stock.less(9) == Stock(0.0, 0)
    assert len(Stock().more(1, "a").more(1, "b").more(1, "c", most=2).records) == 2
