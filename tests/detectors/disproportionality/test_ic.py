"""The information component: levels, shapes, and counts far apart."""

from __future__ import annotations

import numpy as np
from scipy.stats import gamma

from detectors.disproportionality.ic import ic
from detectors.disproportionality.ic0005 import ic0005


def test_limits_are_quantiles_of_a_gamma() -> None:
    n, expected = np.array([0, 3, 70_000]), np.array([0.2, 4.0, 80_000.0])
    for level in (0.95, 0.999):
        result = ic(n, expected, level)
        for limit, p in ((result.lower, (1 - level) / 2), (result.upper, (1 + level) / 2)):
            theirs = np.log2(gamma.ppf(p, n + 0.5, scale=1 / (expected + 0.5)))
            np.testing.assert_allclose(limit, theirs, rtol=1e-10)


def test_one_high_count_changes_nothing_of_the_others() -> None:
    n, expected = np.array([[1, 2], [3, 2]]), np.full((2, 2), 1.5)
    alone = ic(n, expected)
    beside = ic(np.stack([n, np.full((2, 2), 10**6)]), np.stack([expected, expected]))
    for one, two in zip(alone, beside, strict=True):
        assert one.tobytes() == two[0].tobytes()


def test_the_wide_limits_are_those_of_one_in_two_thousand() -> None:
    n, expected = np.array([0, 3, 40]), np.array([0.2, 1.0, 9.0])
    wide, usual = ic0005(n, expected), ic(n, expected)
    for limit, p in ((wide.lower, 0.0005), (wide.upper, 0.9995)):
        theirs = np.log2(gamma.ppf(p, n + 0.5, scale=1 / (expected + 0.5)))
        np.testing.assert_allclose(limit, theirs, rtol=1e-10)
    assert (wide.lower < usual.lower).all()
    assert (wide.upper > usual.upper).all()
