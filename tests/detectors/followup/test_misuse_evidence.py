"""Evidence: what is kept decides as all of it would, on any later day."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.followup.misuse_evidence import Evidence, Fading

FADING = Fading(90, 180)
EVIDENCE = st.lists(
    st.builds(
        Evidence,
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([1.0, 2.0, 4.0]),
        st.integers(1000, 1300),
        st.just(("r",)),
        st.just("seen"),
    ),
    max_size=20,
)


def by_hand(held: list[Evidence], day: int) -> float:
    """The sum over markers of the most that an occurrence gives, written out."""
    total = 0.0
    for marker in {one.marker for one in held}:
        left = [0.0]
        for one in held:
            if one.marker == marker:
                age = day - one.day
                left.append(one.points if age <= 90 else one.points / 2 if age <= 180 else 0)
        total += max(left)
    return total


@given(EVIDENCE, st.integers(0, 400))
def test_the_total_is_the_sum_of_the_strongest_and_what_is_kept_has_the_same(
    held: list[Evidence], later: int
) -> None:
    now = max((one.day for one in held), default=1000)
    kept = FADING.kept(held, now)
    assert FADING.total(held, now + later) == by_hand(held, now + later)
    assert FADING.total(kept, now + later) == by_hand(held, now + later)
    assert len(kept) <= 9  # three markers with three different points
    assert FADING.kept(kept, now) == kept
    assert all(one.day >= now - 180 for one in kept)
    strongest = FADING.strongest(held, now + later)
    assert all(one.day >= now + later - 180 for one in strongest)
    assert len({one.marker for one in strongest}) == len(strongest)


def test_what_is_gone_is_neither_kept_nor_a_reason() -> None:
    gone, last = (Evidence("m", 2.0, 1000 - age, ("r",), "seen") for age in (181, 180))
    assert FADING.kept([gone], 1000) == ()
    assert FADING.strongest([gone], 1000) == []
    assert FADING.kept([last], 1000) == (last,)


@given(EVIDENCE)
def test_kept_one_by_one_is_as_kept_at_once(held: list[Evidence]) -> None:
    held.sort(key=lambda one: one.day)
    state: tuple[Evidence, ...] = ()
    for one in held:
        state = FADING.kept((*state, one), one.day)
    assert state == FADING.kept(held, held[-1].day if held else 0)
