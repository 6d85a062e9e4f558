"""Time to onset: scipy's fit, likelihoods worked out another way, and simulated onsets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import weibull_min

from detectors.disproportionality.method import from_json, to_json
from detectors.onset import Onset, Parameters, onset
from schemas.errors import InputError

EXACT = Parameters(resolution=0)
Floats = npt.NDArray[np.float64]


def simulated(
    rng: np.random.Generator, shape: float, scale: float, size: int
) -> tuple[Floats, Floats]:
    """Onsets that could be told of, in days, and how long each could have been."""
    bound = rng.uniform(20, 300, 40 * size)
    times = weibull_min.rvs(shape, scale=scale, size=len(bound), random_state=rng)
    seen = np.flatnonzero(times <= bound)[:size]
    return times[seen], bound[seen]


def log_likelihood(
    shape: float, scale: float, times: Floats, bound: Floats, resolution: float = 0
) -> float:
    law = weibull_min(shape, scale=scale)
    if resolution == 0:
        return float((law.logpdf(times) - law.logcdf(bound)).sum())
    inside = law.sf(times) - law.sf(times + resolution)
    return float((np.log(inside) - law.logcdf(bound + resolution)).sum())


def test_scipy_without_truncation() -> None:
    times = weibull_min.rvs(1.7, scale=30, size=200, random_state=np.random.default_rng(1))
    shape, _, scale = weibull_min.fit(times, floc=0)
    ours = onset(times, parameters=EXACT)
    assert ours.shape == pytest.approx(shape, rel=1e-4)
    assert ours.scale == pytest.approx(scale, rel=1e-4)
    theirs = weibull_min.logpdf(times, shape, 0, scale).sum()
    assert theirs <= ours.log_likelihood <= theirs + 1e-6


@pytest.mark.parametrize("resolution", [0.0, 1.0])
@pytest.mark.parametrize("shape", [0.6, 2.0])
def test_maximum_and_limits_by_another_way(shape: float, resolution: float) -> None:
    """A two-dimensional search of the plain likelihood, and each limit 1.92 below its top."""
    times, bound = simulated(np.random.default_rng(2), shape, 60, 300)
    if resolution:
        times, bound = np.floor(times), np.floor(bound)
    ours = onset(times, bound, Parameters(resolution=resolution))

    def lost(x: npt.NDArray[np.float64]) -> float:
        return -log_likelihood(np.exp(x[0]), np.exp(x[1]), times, bound, resolution)

    found = minimize(lost, [0.0, 4.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-9})
    np.testing.assert_allclose(np.exp(found.x), [ours.shape, ours.scale], rtol=1e-5)
    assert ours.log_likelihood == pytest.approx(-found.fun, abs=1e-6)
    for i, limits in enumerate(
        [(ours.shape_lower, ours.shape_upper), (ours.scale_lower, ours.scale_upper)]
    ):
        for limit in limits:

            def along(x: npt.NDArray[np.float64], i: int = i, at: float = limit) -> float:
                return lost(np.insert(x, i, np.log(at)))

            profile = minimize(along, [found.x[1 - i]], method="Nelder-Mead")
            assert ours.log_likelihood + profile.fun == pytest.approx(1.920729, abs=1e-4)


@pytest.mark.parametrize(
    ("shape", "reading"), [(0.6, "early failure"), (1.0, "random"), (1.8, "wear-out")]
)
def test_simulated_shapes_are_recovered(shape: float, reading: str) -> None:
    """The 95 % limits of shape and scale hold the truth, and the reading is the right one."""
    rng = np.random.default_rng(3)
    fits = [onset(*simulated(rng, shape, 60, 120), EXACT) for _ in range(40)]
    held = sum(fit.shape_lower <= shape <= fit.shape_upper for fit in fits)
    # 38 expected of 40; the binomial's 99.9 % range
    assert 33 <= held <= 40
    right = sum(fit.reading == reading for fit in fits)
    assert right >= 33
    # a limit that is not there is beyond everything
    scale = sum(fit.scale_lower <= 60 <= np.nan_to_num(fit.scale_upper, nan=np.inf) for fit in fits)
    assert 33 <= scale <= 40
    assert np.median([fit.shape for fit in fits]) == pytest.approx(shape, rel=0.08)


def test_without_truncation_a_constant_hazard_seems_to_rise() -> None:
    times, bound = simulated(np.random.default_rng(4), 1, 120, 400)
    assert onset(times, bound, EXACT).reading == "random"
    assert onset(times, parameters=EXACT).reading == "wear-out"
    assert onset(times, parameters=EXACT).scale < 90


def test_a_scale_that_the_data_leave_open_is_empty() -> None:
    """Some early onsets, and ever more towards the end of what could be seen."""
    t = np.concatenate([np.arange(1.0, 60, 3), np.linspace(80, 100, 40)])
    ours = onset(t, 100, EXACT)
    assert np.isnan([ours.scale, ours.scale_upper]).all()
    assert ours.reading == "wear-out"
    assert ours.scale_lower > 50
    # the limiting density: shape t^(shape - 1) / bound^shape
    flat = (np.log(ours.shape) + (ours.shape - 1) * np.log(t) - ours.shape * np.log(100)).sum()
    assert ours.log_likelihood == pytest.approx(flat)


ONSETS = st.lists(st.integers(0, 400), min_size=0, max_size=25)


def numbers(fit: Onset) -> list[float]:
    """All that a fit estimates."""
    return [
        *(fit.shape, fit.shape_lower, fit.shape_upper),
        *(fit.scale, fit.scale_lower, fit.scale_upper, fit.log_likelihood),
    ]


@settings(max_examples=25, deadline=None)
@given(times=ONSETS, longer=st.integers(0, 200), data=st.data())
def test_laws(times: list[int], longer: int, data: st.DataObject) -> None:
    given_times = np.array(times, dtype=float)
    given_times.flags.writeable = False
    bound = given_times.max(initial=0) + longer
    ours = onset(given_times, bound)
    assert not np.isinf(numbers(ours)).any()
    assert (ours.reading == "not estimable") or not np.isnan(ours.shape)
    for estimate, lower, upper in (
        (ours.shape, ours.shape_lower, ours.shape_upper),
        (ours.scale, ours.scale_lower, ours.scale_upper),
    ):
        assert not lower > estimate
        assert not upper < estimate
    order = data.draw(st.permutations(range(len(times))))
    again = onset(given_times[order], np.full(len(times), bound))
    weeks = onset(given_times * 7, bound * 7, Parameters(resolution=7))
    assert ours.reading == again.reading
    np.testing.assert_allclose(numbers(again), numbers(ours), rtol=1e-5)
    np.testing.assert_allclose(numbers(weeks)[:3], numbers(ours)[:3], rtol=1e-5)
    np.testing.assert_allclose(numbers(weeks)[3:6], 7 * np.array(numbers(ours)[3:6]), rtol=1e-4)


@pytest.mark.parametrize("times", [[], [4], [4, 4, 4], [0, 0]])
def test_too_little_is_not_estimable(times: list[float]) -> None:
    ours = onset(times, 365)
    assert ours.n == len(times)
    assert ours.reading == "not estimable"
    assert np.isnan(numbers(ours)).all()


def test_onsets_all_but_equal_are_not_estimable() -> None:
    """Their hazard would rise steeper than any shape that is searched."""
    for ours in (onset([100, 100.001, 100.002], parameters=EXACT), onset([0] * 9 + [10**6], 10**9)):
        assert ours.reading == "not estimable"
        assert np.isnan(numbers(ours)).all()


@pytest.mark.parametrize(
    ("times", "bound", "resolution"),
    [
        ([-1.0], 9, 1),
        ([np.nan], 9, 1),
        ([np.inf], 9, 1),
        ([10], 9, 1),
        ([0.0], 9, 0),
        ([1], np.nan, 1),
    ],
)
def test_impossible_onsets_are_refused(times: list[float], bound: float, resolution: float) -> None:
    with pytest.raises(InputError, match="onset 2") as error:
        onset([3, *times], [4, bound], Parameters(resolution=resolution))
    assert error.value.code == "bad_onset"


def test_parameters_go_through_json() -> None:
    assert from_json(Parameters(), to_json(Parameters(0.9, 7))) == Parameters(0.9, 7)
    times = [1, 4, 9, 30, 31]
    wide, narrow = (onset(times, 90, Parameters(level)) for level in (0.99, 0.5))
    assert wide.shape_lower < narrow.shape_lower < narrow.shape_upper < wide.shape_upper
