"""Mantel-Haenszel and Breslow-Day against statsmodels, by bisection, and by their laws."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from detectors.disproportionality.mantel_haenszel import (
    COLUMNS,
    Parameters,
    breslow_day,
    mantel_haenszel,
    mh_or,
    mh_prr,
)
from detectors.disproportionality.method import from_json, to_json
from detectors.disproportionality.prr import prr
from detectors.disproportionality.ror import ror
from tests.detectors.tables import Counts, counts

Strata = tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]

STRATA = st.lists(counts(), min_size=1, max_size=6)

# n, n_product, n_event, n_total of each stratum; then what StratifiedTable of statsmodels 0.15.0
# gives: pooled OR, its limits, pooled RR, Breslow-Day, the same after Tarone, p after Tarone
THEIRS: list[tuple[Strata, list[float]]] = [
    (
        ([6, 12], [20, 60], [10, 30], [100, 120]),
        [
            1.1288659793814433,
            0.571479589650628,
            2.2298931098902193,
            1.1020408163265305,
            11.99735765490929,
            11.994653250324502,
            0.0005335340262963006,
        ],
    ),
    (
        ([256, 190], [2055, 1202], [484, 413], [3782, 2522]),
        [
            0.9301490715152791,
            0.8071587161770833,
            1.0718800130641515,
            0.9399310757316177,
            0.007858855043739755,
            0.007858832802528842,
            0.9293600240421442,
        ],
    ),
    (
        ([217, 150, 330], [414, 378, 1025], [699, 462, 922], [1405, 1156, 2894]),
        [
            1.0494202072442615,
            0.9331077866106355,
            1.1802310378019907,
            1.0295492434549978,
            1.1214267552022883,
            1.1214261970912793,
            0.5708018806942405,
        ],
    ),
    (
        (
            [71, 192, 135, 94, 42, 54, 35, 222],
            [165, 774, 334, 280, 104, 787, 139, 783],
            [470, 476, 889, 362, 758, 99, 289, 1047],
            [1064, 1799, 2085, 1109, 2017, 1554, 1035, 3973],
        ),
        [
            0.9979878462304865,
            0.9078596065576136,
            1.0970636142743282,
            0.9986265424630234,
            6.579828071170656,
            6.5798280476129625,
            0.47389696863256425,
        ],
    ),
]


@pytest.mark.parametrize(("strata", "theirs"), THEIRS)
def test_statsmodels(strata: Strata, theirs: list[float]) -> None:
    odds, test = mh_or(*strata), breslow_day(*strata)
    share = mh_prr(*strata).estimate
    ours = [*odds, share, test.statistic, test.corrected, test.p]
    np.testing.assert_allclose([float(x) for x in ours], theirs, rtol=1e-9)


def test_pooling_worked_out_by_hand() -> None:
    """Two strata of 10 2 / 5 13 (N 30) and 4 6 / 2 8 (N 20)."""
    strata = [10, 4], [12, 10], [15, 6], [30, 20]
    r, s = 130 / 30 + 32 / 20, 10 / 30 + 12 / 20
    assert float(mh_or(*strata).estimate) == pytest.approx(r / s)
    pr = (23 / 30) * (130 / 30) + (12 / 20) * (32 / 20)
    mixed = (23 / 30) * (10 / 30) + (7 / 30) * (130 / 30) + (12 / 20) ** 2 + (8 / 20) * (32 / 20)
    qs = (7 / 30) * (10 / 30) + (8 / 20) * (12 / 20)
    variance = pr / (2 * r * r) + mixed / (2 * r * s) + qs / (2 * s * s)
    z = 1.959963984540054
    assert float(mh_or(*strata).lower) == pytest.approx(r / s * np.exp(-z * np.sqrt(variance)))

    u, v = 10 * 18 / 30 + 4 * 10 / 20, 5 * 12 / 30 + 2 * 10 / 20
    assert float(mh_prr(*strata).estimate) == pytest.approx(u / v)
    top = (15 * 12 * 18 - 10 * 5 * 30) / 900 + (6 * 10 * 10 - 4 * 2 * 20) / 400
    upper = u / v * np.exp(z * np.sqrt(top / (u * v)))
    assert float(mh_prr(*strata).upper) == pytest.approx(upper)


def test_breslow_day_by_bisection() -> None:
    rng = np.random.default_rng(4)
    total = rng.integers(30, 60_000, (40, 4))
    product = (total * rng.uniform(0.02, 0.98, total.shape)).astype(int)
    event = (total * rng.uniform(0.02, 0.98, total.shape)).astype(int)
    n = rng.hypergeometric(product, total - product, event)
    ours = breslow_day(n, product, event, total)
    odds = mh_or(n, product, event, total).estimate
    for row in range(40):
        fitted, inverse = [], []
        for p, e, t in zip(product[row], event[row], total[row], strict=True):
            low, high = max(0, p + e - t), min(p, e)

            def off(
                a: float, p: int = p, e: int = e, t: int = t, theta: float = odds[row]
            ) -> float:
                return float(a * (t - p - e + a) - theta * (p - a) * (e - a))

            a = brentq(off, low, high, xtol=1e-13, rtol=1e-14)
            fitted.append(a)
            inverse.append(1 / a + 1 / (p - a) + 1 / (e - a) + 1 / (t - p - e + a))
        gap, variance = n[row] - np.array(fitted), 1 / np.array(inverse)
        statistic = (gap**2 / variance).sum()
        tarone = statistic - gap.sum() ** 2 / variance.sum()
        np.testing.assert_allclose(
            [ours.statistic[row], ours.corrected[row]], [statistic, tarone], rtol=1e-6, atol=1e-9
        )
    assert not np.isnan(ours.p).any()


def test_confounding_by_a_stratum_goes() -> None:
    """Within each age band the shares are equal; over both together they are not (Simpson)."""
    strata = [80, 2], [100, 20], [160, 20], [200, 200]
    assert float(ror(82, 120, 180, 400).estimate) > 3
    assert float(mh_or(*strata).estimate) == pytest.approx(1)
    assert float(breslow_day(*strata).p) == pytest.approx(1)


@settings(max_examples=150, deadline=None)
@given(row=counts())
def test_one_stratum_is_the_plain_ratio(row: Counts) -> None:
    n, product, event, total = row
    stratum = [n], [product], [event], [total]
    for ours, plain in ((mh_or(*stratum), ror(*row)), (mh_prr(*stratum), prr(*row))):
        for one, other in zip(ours, plain, strict=True):
            if float(plain.estimate) > 0 or np.isnan(plain.estimate):
                np.testing.assert_allclose(one, other, rtol=1e-9)
    assert np.isnan(breslow_day(*stratum).p)


Arrays = tuple[
    npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]
]


def arrays(strata: list[Counts]) -> Arrays:
    """One pair's strata, of shape (1, strata)."""
    n, product, event, total = (np.array([x], np.int64) for x in zip(*strata, strict=True))
    return n, product, event, total


@settings(max_examples=150, deadline=None)
@given(strata=STRATA, data=st.data())
def test_laws(strata: list[Counts], data: st.DataObject) -> None:
    plain = arrays(strata)
    for array in plain:
        array.flags.writeable = False
    columns = {name: values[0] for name, values in mantel_haenszel(*plain).items()}
    assert tuple(columns) == COLUMNS
    assert not np.isinf(list(columns.values())).any()
    order = data.draw(st.permutations(range(len(strata))))
    empty = [(0, 0, 0, 0), (0, 0, 3, 10), (0, 4, 0, 10)]
    for other in ([strata[i] for i in order], strata + empty):
        again = mantel_haenszel(*arrays(other))
        for name, values in again.items():
            np.testing.assert_allclose(values[0], columns[name], rtol=1e-6, atol=1e-6)
    n, product, event, total = (np.concatenate([x, x[:, ::-1]]) for x in plain)
    beside = mantel_haenszel(n, product, event, total)
    for name, values in beside.items():
        assert values[:1].tobytes() == columns[name].tobytes()
    if not np.isnan(columns["breslow_day_p"]):
        assert 0 <= columns["breslow_day_p"] <= 1
        assert columns["breslow_day"] >= 0
    if not np.isnan(columns["mh_or_lower"]):
        assert columns["mh_or_lower"] <= columns["mh_or"] <= columns["mh_or_upper"]


def test_what_cannot_be_computed_is_empty() -> None:
    nothing = mantel_haenszel(np.zeros((2, 3)), 0, 0, 0)
    assert all(np.isnan(values).all() for values in nothing.values())
    # no event with the product: a ratio of 0, no limits, no test
    zero = mantel_haenszel([[0, 0]], [[5, 9]], [[4, 4]], [[50, 60]])
    assert zero["mh_or"][0] == zero["mh_prr"][0] == 0
    assert np.isnan(
        [zero["mh_or_upper"][0], zero["mh_prr_lower"][0], zero["breslow_day_p"][0]]
    ).all()


def test_parameters_go_through_json() -> None:
    assert from_json(Parameters(), to_json(Parameters(0.9))) == Parameters(0.9)
    narrow = mantel_haenszel([[6, 12]], [[20, 60]], [[10, 30]], [[100, 120]], Parameters(0.5))
    assert narrow["mh_or_lower"][0] > 0.6
