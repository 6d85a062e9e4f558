"""Looks at a cohort: what has entered stays, and without corrections they are the batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.followup import arms as two_arms
from detectors.followup.looks import Against, Between, against, between, sides
from detectors.sequential import eprocess_background
from detectors.sequential.two_sample_rates import Look

BACKGROUND = (40.0, 100.0)
counts = st.lists(st.tuples(st.integers(0, 6), st.floats(0.1, 5)), min_size=1, max_size=12)


@settings(deadline=None)
@given(counts)
def test_against_a_background_looks_are_the_batch(days: list[tuple[int, float]]) -> None:
    n, years = (np.array(column, dtype=float) for column in zip(*days, strict=True))
    reference = eprocess_background.Reference(*(np.array([x]) for x in BACKGROUND))
    look = eprocess_background.Look(n[:, None], years[:, None])
    batch = eprocess_background.batch(reference, look)
    state = Against()
    for i in range(len(days)):
        state = against(state, n[: i + 1].sum(), years[: i + 1].sum(), BACKGROUND)
        assert state.log_e == pytest.approx(batch.log_e[i, 0], abs=1e-9)
        assert state.log_e_sup == pytest.approx(batch.log_e_sup[i, 0], abs=1e-9)


looks = st.lists(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(0.5, 4), st.integers(0, 5), st.floats(0.5, 4)),
        min_size=2,
        max_size=2,
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None)
@given(looks)
def test_between_two_arms_looks_are_the_batch(drawn: list[list[tuple[float, ...]]]) -> None:
    cube = np.array(drawn, dtype=float)  # looks, strata, sides
    look = Look(*(cube[:, :, i, None] for i in range(4)))
    both = two_arms.Arms(("sex",), (("female",), ("male",)), ("x",), look)
    batch = two_arms.between(both)
    state = Between()
    for i in range(len(cube)):
        until = two_arms.Arms(both.by, both.strata, both.events, Look(*(c[: i + 1] for c in look)))
        state = between(state, sides(until, 0))
        assert state.log_e == pytest.approx(batch.log_e[i, 0], abs=1e-7)
        assert state.log_e_sup == pytest.approx(batch.log_e_sup[i, 0], abs=1e-7)
    assert state.total == pytest.approx(tuple(cube.sum(axis=(0, 1))))


def test_a_correction_takes_nothing_back_and_what_comes_again_is_not_counted_twice() -> None:
    first = against(Against(), 5, 2.0, BACKGROUND)
    less = against(first, 3, 1.5, BACKGROUND)
    assert less == first
    again = against(less, 5, 2.0, BACKGROUND)
    assert again == first
    more = against(again, 6, 2.5, BACKGROUND)
    assert (more.n, more.years) == (6, 2.5)


def test_events_without_time_wait_for_it() -> None:
    assert against(Against(), 3, 0.0, BACKGROUND) == Against()
    early = between(Between(), {"": (3.0, 0.0, 1.0, 2.0)})
    assert early.entered == {}
    assert early.log_e == 0.0
    later = between(early, {"": (3.0, 1.0, 1.0, 2.0)})
    assert later.entered == {"": (3.0, 1.0, 1.0, 2.0)}


def test_a_stratum_that_appears_late_enters_with_all_it_has() -> None:
    one = between(Between(), {"a": (2.0, 1.0, 1.0, 1.0)})
    both = between(one, {"a": (2.0, 1.0, 1.0, 1.0), "b": (1.0, 1.0, 0.0, 1.0)})
    assert both.total == (3.0, 2.0, 1.0, 2.0)
