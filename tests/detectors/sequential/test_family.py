"""False discovery rate over a family fixed beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta, false_discovery_control

from detectors.disproportionality.method import Floats
from detectors.sequential import eprocess
from detectors.sequential.family import Family, adjusted, e_bh, harmonic, latched, needed
from schemas.errors import InputError
from tests.detectors.sequential.alarms import ALPHA

SUPS = st.lists(st.floats(-5, 20), min_size=1, max_size=12)


def test_e_bh_by_hand() -> None:
    # four pairs, alpha .05: the first needs 80, two 40 each, three 26.7, four 20
    assert e_bh(np.log([79.0, 1.0, 1.0, 1.0]), ALPHA, 4).tolist() == [False] * 4
    assert e_bh(np.log([41.0, 2.0, 40.0, 3.0]), ALPHA, 4).tolist() == [True, False, True, False]
    assert e_bh(np.log([20.0, 20.0, 20.0, 20.0]), ALPHA, 4).tolist() == [True] * 4


@settings(max_examples=60, deadline=None)
@given(sups=SUPS)
def test_latched_is_benjamini_yekutieli(sups: list[float]) -> None:
    p = np.minimum(1, np.exp(-np.array(sups)))
    published = false_discovery_control(p, method="by")
    clear = np.abs(published - ALPHA) > 1e-9
    found = latched(sups, ALPHA, len(sups))
    assert (found == (published <= ALPHA))[clear].all()


@pytest.mark.parametrize("by", ["by", "adjuster"])
@settings(max_examples=40, deadline=None)
@given(sups=SUPS, data=st.data())
def test_what_is_found_stays_found(by: str, sups: list[float], data: st.DataObject) -> None:
    more = data.draw(st.lists(st.floats(0, 5), min_size=len(sups), max_size=len(sups)))
    before = latched(sups, ALPHA, 20, by)
    after = latched(np.array(sups) + more, ALPHA, 20, by)
    assert (after | ~before).all()


def test_pairs_not_seen_count_in_the_family() -> None:
    assert e_bh(np.log([50.0]), ALPHA, 2).tolist() == [True]
    assert e_bh(np.log([50.0]), ALPHA, 3).tolist() == [False]


def test_an_adjusted_maximum_is_an_e_value() -> None:
    # of a process with P(sup >= x) = 1/x, the worst there is
    def weighed(log_x: float, size: int) -> float:
        return float(np.exp(adjusted(np.array([log_x]), ALPHA, size)[0] - log_x))

    for size in (3, 200):
        assert quad(weighed, 0, 700, args=(size,))[0] == pytest.approx(1, abs=1e-6)


def test_the_adjuster_is_the_best_of_its_kind_for_one_find() -> None:
    size = 200
    target = np.log(size / ALPHA)
    sup = np.linspace(0, 40, 4_001)
    own = sup[adjusted(sup, ALPHA, size) >= target][0]
    for k in (0.02, 0.05, 0.2, 0.5):
        other = sup[np.log(k) + (1 - k) * sup >= target][0]
        assert own <= other + 0.35
    assert needed(1, ALPHA, size) < own  # and BY asks for less


def maxima(seed: int, runs: int) -> tuple[Floats, Floats]:
    """Two e-processes without any effect, (looks, runs, 2), martingales of one history, and alpha.

    Look 1: (1/a, 1/2a) with probability a, (0, 2/a) with a/4, else (0, 0); look 2, from the first:
    (2/a, 0) or (0, 1/a), each with 1/2.
    """
    rng, a = np.random.default_rng(seed), 0.2
    u, coin = rng.random(runs), rng.random(runs) < 0.5
    climb, jump = u < a, (u >= a) & (u < a + a / 4)
    first = np.stack([np.where(climb, 1 / a, 0), np.where(climb, 0.5 / a, jump * 2 / a)], axis=1)
    second = np.stack(
        [np.where(climb, coin * 2 / a, first[:, 0]), np.where(climb, ~coin / a, first[:, 1])],
        axis=1,
    )
    return np.stack([np.ones((runs, 2)), first, second]), np.array(a)


def test_e_bh_on_running_maxima_breaks_its_promise_and_the_latched_list_keeps_it() -> None:
    e, alpha = maxima(81, 40_000)
    a = float(alpha)
    # each is a martingale: look 2 given look 1, and look 1 given the start
    np.testing.assert_allclose(e.mean(axis=1), 1, atol=0.05)
    with np.errstate(divide="ignore"):
        now = np.log(e)
    sup = np.maximum.accumulate(now, axis=0)[-1]

    def any_found(rows: Floats, test: str) -> Floats:
        # both are null: a find is a false one, and the FDR its probability
        kinds, place = np.unique(rows, axis=0, return_inverse=True)
        found = [
            (e_bh(row, a, 2) if test == "e_bh" else latched(row, a, 2, test)).any() for row in kinds
        ]
        out: Floats = np.array(found, dtype=float)[place.ravel()]
        return out

    false = {test: any_found(sup, test) for test in ("e_bh", "by", "adjuster")}
    k, runs = int(false["e_bh"].sum()), len(sup)
    assert beta.ppf(0.01, k, runs - k + 1) > a  # beyond doubt above alpha: 1.25 alpha
    assert k / runs == pytest.approx(1.25 * a, abs=0.01)
    for latch in ("by", "adjuster"):
        assert false[latch].mean() <= a
    for look in now[1:]:  # at one look it holds
        assert any_found(look, "e_bh").mean() <= a


def test_a_family_of_poisson_pairs() -> None:
    """200 pairs, 10 of them harmful at ratio 3, at the end of 104 looks, 100 times over."""
    rng = np.random.default_rng(82)
    runs, size, harmful = 100, 200, 10
    ratio = np.where(np.arange(size) < harmful, 3.0, 1.25)
    expected = np.full((104, runs * size), 0.3)
    n = rng.poisson(expected * np.tile(ratio, runs)).astype(float)
    # only looks at which something came can raise a maximum: every 4th will do for speed
    n, expected = n.reshape(26, 4, -1).sum(axis=1), expected.reshape(26, 4, -1).sum(axis=1)
    sup = eprocess.batch(runs * size, eprocess.Look(n, expected)).log_e_sup[-1]
    found = np.array([latched(row, ALPHA, size) for row in sup.reshape(runs, size)])
    false = found[:, harmful:].sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    assert false.mean() <= ALPHA
    assert found[:, :harmful].mean() > 0.9


def test_a_family_says_its_size() -> None:
    family = Family("w", ("a", "b"), ("x", "y", "z"))
    assert family.size == 6
    assert family.pairs[:2] == (("a", "x"), ("a", "y"))
    assert "= 6 pairs" in str(family)
    assert harmonic(3) == pytest.approx(11 / 6)


def test_what_is_no_family_is_refused() -> None:
    for products, events in (((), ("x",)), (("a", "a"), ("x",))):
        with pytest.raises(InputError) as error:
            Family("w", products, events)
        assert error.value.code == "bad_family"
    for values in ([1.0, 2.0], [np.nan]):
        with pytest.raises(InputError) as error:
            e_bh(values, ALPHA, 1)
        assert error.value.code == "bad_family"
    for alpha, by in ((1.0, "by"), (ALPHA, "neither"), (0.9, "adjuster")):
        with pytest.raises(InputError) as error:
            latched([1.0], alpha, 1, by)
        assert error.value.code == "bad_parameter"
