"""Trend over bands: by hand, by enumeration, by its error, and over a cohort."""

from __future__ import annotations

from itertools import product as crossed

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial

from detectors.cohort import Cohort
from detectors.followup.content import CourseContent, Event
from detectors.followup.dose_response import dose_response, poisson_trend
from detectors.followup.exposure import Stratum
from detectors.followup.rates import rate_ratio
from detectors.followup.spells import Spell
from detectors.scope import Scope
from schemas.errors import InputError
from tests.detectors.cohort_days import FIRST, deltas


def test_a_trend_by_hand() -> None:
    """Events 1, 2, 6 over equal time: S 14, E 9, V 9 (5/3 - 1) = 6, z = 5 / sqrt 6."""
    found = poisson_trend([1, 2, 6], [10, 10, 10])
    assert found.z == pytest.approx(5 / np.sqrt(6))
    # time in proportion to the events has no trend
    assert poisson_trend([1, 2, 6], [1, 2, 6]).z == pytest.approx(0)


@settings(max_examples=25, deadline=None)
@given(
    n=st.lists(st.integers(0, 3), min_size=3, max_size=3),
    time=st.lists(st.floats(0.1, 9), min_size=3, max_size=3),
    scores=st.sampled_from([[0, 1, 2], [0, 1, 4], [3, 4, 4]]),
)
def test_the_exact_p_is_that_of_all_tables(
    n: list[int], time: list[float], scores: list[int]
) -> None:
    found = poisson_trend(n, time, scores)
    if sum(n) == 0:
        assert np.isnan(found).all()
        return
    share = np.array(time) / sum(time)
    observed = float(np.dot(n, scores))
    p = sum(
        multinomial.pmf(table, sum(n), share)
        for table in crossed(range(sum(n) + 1), repeat=3)
        if sum(table) == sum(n) and np.dot(table, scores) >= observed
    )
    assert found.p_exact == pytest.approx(p, abs=1e-9)


def test_strata_of_one_rate_each_have_no_trend_however_unlike() -> None:
    """Crude rates 6 and 50 over 10.1; within the strata 5 over 10 and 50 over 10."""
    n, time = [[5, 0], [1, 50]], [[10, 0.1], [0.1, 10]]
    crude = poisson_trend(np.sum(n, axis=0), np.sum(time, axis=0))
    assert crude.p_exact < 1e-6
    assert poisson_trend(n, time).p_exact > 0.3


@settings(max_examples=25, deadline=None)
@given(data=st.lists(st.tuples(st.integers(0, 5), st.floats(0.1, 9)), min_size=4, max_size=4),
       shift=st.integers(0, 5), unit=st.floats(0.01, 100))  # fmt: skip
def test_a_shift_of_scores_and_the_unit_of_time_change_nothing(
    data: list[tuple[int, float]], shift: int, unit: float
) -> None:
    n, time = (np.array(x) for x in zip(*data, strict=True))
    scores = np.arange(4) + shift
    np.testing.assert_allclose(
        poisson_trend(n, time), poisson_trend(n, time * unit, scores.tolist()), atol=1e-9
    )


def test_no_trend_is_found_no_more_often_than_alpha() -> None:
    rng = np.random.default_rng(8)
    time = np.array([[30.0, 20.0, 5.0, 1.0], [3.0, 4.0, 20.0, 40.0]])
    n = rng.poisson(time * [[0.2], [0.8]], (1_000, 2, 4))
    found = np.array([poisson_trend(table, time) for table in n])
    assert (found[:, 2] <= 0.05).mean() <= 0.05 + 2.33 * np.sqrt(0.05 * 0.95 / 1_000)
    assert abs((found[:, 1] <= 0.05).mean() - 0.05) <= 0.02
    harm = rng.poisson(time * [[0.2], [0.8]] * np.array([1, 2, 3, 4]), (200, 2, 4))
    assert np.mean([poisson_trend(table, time).p_exact <= 0.05 for table in harm]) > 0.7


def test_many_events_have_the_score_test_alone() -> None:
    found = poisson_trend([9_000, 9_400], [10, 10])
    assert np.isnan(found.p_exact)
    assert found.p == pytest.approx(0.00159, abs=1e-4)


def test_events_without_time_and_a_single_band_say_nothing() -> None:
    assert np.isnan(poisson_trend([3, 4], [1, 0])).all()
    assert np.isnan(poisson_trend([3], [1])).all()


@pytest.mark.parametrize("scores", [[0], [0, 0.5], [1, 0], [[0, 1]]])
def test_what_are_no_scores_is_refused(scores: list[int]) -> None:
    with pytest.raises(InputError) as error:
        poisson_trend([1, 2], [1, 2], scores)
    assert error.value.code == "bad_parameter"


def test_a_trend_over_more_than_strata_and_bands_is_refused() -> None:
    with pytest.raises(InputError) as error:
        poisson_trend(np.zeros((1, 1, 2)), np.ones((1, 1, 2)))
    assert error.value.code == "bad_shape"


def course(event: int | None, registry: str = "r") -> CourseContent:
    """10 days in the first band, 20 in the second, 30 in the third."""
    spells = (
        Spell(FIRST, FIRST + 10, 1, 0, 1),
        Spell(FIRST + 10, FIRST + 30, 1, 0, 2),
        Spell(FIRST + 30, FIRST + 60, 1, 0, 3),
    )
    events = () if event is None else (Event("Cystitis", FIRST + event, "session"),)
    doses = deltas([FIRST, FIRST + 10, FIRST + 30])
    return CourseContent(registry, contact=FIRST + 60, strata=(Stratum("ketamine"),),
                         spells=spells, events=events, days={"dose": doses})  # fmt: skip


def test_a_cohort_over_bands_of_sessions_by_hand() -> None:
    held = Cohort.of(
        (i, 1, content) for i, content in enumerate([course(3), course(12), course(40), course(55)])
    )
    found = dose_response(held, Scope(FIRST + 100, 0), "Cystitis", where={"product": "ketamine"})
    assert found.bands == ("1-8", "9-12", "13-49", "50-99", "100+")
    assert found.n.tolist() == [1, 1, 2, 0, 0]
    # 4 + 10 + 10 + 10; 3 + 20 + 20; 11 + 26; the event's day counts
    np.testing.assert_allclose(found.time * 365.25, [34, 43, 37, 0, 0])
    np.testing.assert_allclose(found.rate.estimate[:3], found.n[:3] / found.time[:3])
    assert np.isnan(found.rate.estimate[3:]).all()
    assert found.reference == "1-8"
    expected = rate_ratio(2, 37, 1, 34)
    assert found.ratio.estimate[2] == pytest.approx(float(expected.estimate))
    assert found.ratio.estimate[0] == pytest.approx(1)
    assert np.isnan(found.ratio.lower[0])
    assert found.trend == poisson_trend(found.n, found.time)
    by_session = dose_response(held, Scope(FIRST + 100, 0), "Cystitis",
                               where={"product": "ketamine"}, sessions=True)  # fmt: skip
    assert by_session.time.tolist() == [4, 3, 2, 0, 0]


def test_a_cohort_within_strata() -> None:
    """Registry b tells of ten times as much and has courses that are early in it."""
    contents = [course(None) for _ in range(20)] + [course(5, "b") for _ in range(8)]
    held = Cohort.of((i, 1, content) for i, content in enumerate(contents))
    scope, where = Scope(FIRST + 100, 0), {"product": "ketamine"}
    crude = dose_response(held, scope, "Cystitis", where=where)
    within = dose_response(held, scope, "Cystitis", where=where, strata=("registry",))
    assert crude.n.tolist() == within.n.tolist()
    assert crude.trend.z < -3
    assert np.isnan(within.trend.z)  # the stratum with events has one band
    nowhere = dose_response(held, scope, "Cystitis", where={"product": "x"})
    assert nowhere.n.sum() == 0
    assert np.isnan(nowhere.trend).all()
