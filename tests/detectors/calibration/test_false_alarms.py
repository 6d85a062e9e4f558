"""Exact limits of a false-alarm rate, by the binomial distribution itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from detectors.calibration.false_alarms import false_alarms
from schemas.errors import InputError


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_each_limit_leaves_one_half_of_the_error_in_its_tail(counts: tuple[int, int]) -> None:
    alarms, controls = counts
    found = false_alarms(alarms, controls)
    assert found.lower <= found.rate <= found.upper
    if alarms:
        assert binom.sf(alarms - 1, controls, found.lower) == pytest.approx(0.025, rel=1e-6)
    else:
        assert found.lower == 0
    if alarms < controls:
        assert binom.cdf(alarms, controls, found.upper) == pytest.approx(0.025, rel=1e-6)
    else:
        assert found.upper == 1


def test_a_wider_level_gives_wider_limits() -> None:
    assert false_alarms(3, 40, 0.99).upper > false_alarms(3, 40).upper


def test_without_controls_there_is_no_rate() -> None:
    found = false_alarms(0, 0)
    assert math.isnan(found.rate)
    assert math.isnan(found.lower)
    assert math.isnan(found.upper)


@pytest.mark.parametrize(("alarms", "controls", "level"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1)])
def test_impossible_numbers_are_refused(alarms: int, controls: int, level: float) -> None:
    with pytest.raises(InputError) as told:
        false_alarms(alarms, controls, level)
    assert told.value.code == "bad_parameter"
