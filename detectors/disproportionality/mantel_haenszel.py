"""Mantel-Haenszel ratios over strata, and the Breslow-Day test of whether they may be pooled.

Takes counts with an axis of strata: sex, age band, period, region.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, ndtri

from detectors.disproportionality.method import (
    Columns,
    Floats,
    Integers,
    Method,
    floats,
    ratio,
)


class Strata(NamedTuple):
    """Counts of pairs by stratum, each of shape (pairs, strata)."""

    n: Integers
    n_product: Integers
    n_event: Integers
    n_total: Integers


class Pooled(NamedTuple):
    """A ratio pooled over strata and its limits, one a pair."""

    estimate: Floats
    lower: Floats
    upper: Floats


class Homogeneity(NamedTuple):
    """Test that the odds ratio is the same in all strata, one a pair.

    Breslow-Day `statistic`, the same less Tarone's correction, its degrees of freedom (strata that
    can tell, less one) and p-value of the corrected statistic.
    """

    statistic: Floats
    corrected: Floats
    degrees: Floats
    p: Floats


def mh_or(
    n: npt.ArrayLike,
    n_product: npt.ArrayLike,
    n_event: npt.ArrayLike,
    n_total: npt.ArrayLike,
    level: float = 0.95,
) -> Pooled:
    """Reporting odds ratio pooled over the strata, which are the last axis.

        OR = sum R / sum S,  R = a d / N,  S = b c / N,  P = (a + d) / N,  Q = (b + c) / N
        Var log OR = sum PR / 2(sum R)^2 + sum(PS + QR) / 2(sum R)(sum S) + sum QS / 2(sum S)^2

    with a, b, c, d of each stratum as in `ror` and N its reports. Source: Mantel, Haenszel, J Natl
    Cancer Inst 1959;22:719-48; variance Robins, Breslow, Greenland, Biometrics 1986;42:311-23,
    which holds for few large strata and for many sparse ones. Counts are reports, of one shape (or
    broadcast); the result is a ratio without unit, of their shape without the last axis. NaN where
    sum S is 0, and in the limits where sum R is 0 too. A stratum with an empty margin adds nothing.
    With one stratum it is `ror` and its limits.
    Verified against statsmodels 0.15: `tests/detectors/disproportionality/test_mantel_haenszel.py`.

    >>> [round(float(x), 4) for x in mh_or([6, 12], [20, 60], [10, 30], [100, 120])]
    [1.1289, 0.5715, 2.2299]
    """
    a, b, c, d, total = _cells(n, n_product, n_event, n_total)
    r, s = ratio(a * d, total), ratio(b * c, total)
    p, q = ratio(a + d, total), ratio(b + c, total)
    sum_r, sum_s = np.nansum(r, axis=-1), np.nansum(s, axis=-1)
    variance = (
        ratio(np.nansum(p * r, axis=-1), 2 * sum_r**2)
        + ratio(np.nansum(p * s + q * r, axis=-1), 2 * sum_r * sum_s)
        + ratio(np.nansum(q * s, axis=-1), 2 * sum_s**2)
    )
    return _limits(ratio(sum_r, sum_s), variance, level)


def mh_prr(
    n: npt.ArrayLike,
    n_product: npt.ArrayLike,
    n_event: npt.ArrayLike,
    n_total: npt.ArrayLike,
    level: float = 0.95,
) -> Pooled:
    """Proportional reporting ratio pooled over the strata, which are the last axis.

        PRR = sum U / sum V,  U = a (N - n_product) / N,  V = c n_product / N
        Var log PRR = sum (n_event n_product (N - n_product) / N^2 - a c / N) / (sum U sum V)

    with a = n, c = n_event - n and N the stratum's reports. Source: Greenland, Robins, Biometrics
    1985;41:55-68 (the weights are Mantel and Haenszel's, the variance for a ratio of shares what
    Robins, Breslow and Greenland's is for odds). Shapes, units and NaN as `mh_or`. With one
    stratum it is `prr` and its limits.
    Verified against statsmodels 0.15: `tests/detectors/disproportionality/test_mantel_haenszel.py`.

    >>> [round(float(x), 4) for x in mh_prr([6, 12], [20, 60], [10, 30], [100, 120])]
    [1.102, 0.6643, 1.8283]
    """
    a, b, c, d, total = _cells(n, n_product, n_event, n_total)
    with_product, without = a + b, c + d
    u = np.nansum(ratio(a * without, total), axis=-1)
    v = np.nansum(ratio(c * with_product, total), axis=-1)
    # n_event n_product without / N^2 - a c / N, in a form that no rounding makes negative
    spread = ratio(a * with_product * d + c * without * b, total * total)
    return _limits(ratio(u, v), ratio(np.nansum(spread, axis=-1), u * v), level)


def breslow_day(
    n: npt.ArrayLike, n_product: npt.ArrayLike, n_event: npt.ArrayLike, n_total: npt.ArrayLike
) -> Homogeneity:
    """Is the odds ratio the same in every stratum (the last axis)?

        BD = sum (a - A)^2 / V,  corrected = BD - (sum (a - A))^2 / sum V
        1/V = 1/A + 1/(n_product - A) + 1/(n_event - A) + 1/(N - n_product - n_event + A)

    where A is the count that gives the stratum the pooled odds ratio at its margins. Chi-squared
    with one degree of freedom less than there are strata with four margins above 0. Source:
    Breslow, Day, Statistical Methods in Cancer Research I, IARC 1980, 4.4; correction Tarone,
    Biometrika 1985;72:91-5. A small p says that a pooled ratio hides a difference; in sparse strata
    the test has little power. NaN where fewer than two strata can tell, or the pooled odds ratio
    is 0 or has no value.
    Verified against statsmodels 0.15: `tests/detectors/disproportionality/test_mantel_haenszel.py`.

    >>> [round(float(x), 4) for x in breslow_day([6, 12], [20, 60], [10, 30], [100, 120])]
    [11.9974, 11.9947, 1.0, 0.0005]
    """
    a, b, c, d, total = _cells(n, n_product, n_event, n_total)
    odds = mh_or(n, n_product, n_event, n_total).estimate
    product, event = a + b, a + c
    tells = (product > 0) & (event > 0) & (c + d > 0) & (b + d > 0)
    degrees = tells.sum(axis=-1) - 1.0
    known = (degrees >= 1) & (odds > 0)
    counted = tells & known[..., None]
    theta = np.where(known, odds, 1.0)[..., None]
    fitted = _fitted(product, event, total, theta)
    inverse = sum(
        ratio(np.ones_like(cell), np.maximum(cell, 0))
        for cell in (fitted, product - fitted, event - fitted, total - product - event + fitted)
    )
    variance = np.where(counted, ratio(np.ones_like(a), np.asarray(inverse)), 0.0)
    # a cell fitted as 0 by rounding leaves no variance to judge by
    known &= ~np.isnan(variance).any(axis=-1)
    off = np.where(counted, a - fitted, 0.0)
    statistic = np.sum(ratio(off**2, np.where(counted, variance, 1.0)), axis=-1)
    corrected = statistic - ratio(off.sum(axis=-1) ** 2, variance.sum(axis=-1))
    corrected = np.maximum(corrected, 0)
    p = chdtrc(np.where(known, degrees, 1.0), np.where(known, corrected, 0.0))
    return Homogeneity(*(np.where(known, x, np.nan) for x in (statistic, corrected, degrees, p)))


@dataclass(frozen=True, slots=True)
class Parameters:
    """`level`: coverage of the two-sided intervals."""

    level: float = 0.95


COLUMNS = (
    "mh_or",
    "mh_or_lower",
    "mh_or_upper",
    "mh_prr",
    "mh_prr_lower",
    "mh_prr_upper",
    "breslow_day",
    "breslow_day_p",
)


def mantel_haenszel(
    n: npt.ArrayLike,
    n_product: npt.ArrayLike,
    n_event: npt.ArrayLike,
    n_total: npt.ArrayLike,
    parameters: Parameters | None = None,
) -> Columns:
    """Both ratios over the strata and their test, as columns, `COLUMNS`, of shape (pairs,).

    Counts are of shape (pairs, strata); `breslow_day` is the corrected statistic. Source: as
    `mh_or`, `mh_prr` and `breslow_day` have it. Verified against statsmodels 0.15:
    `tests/detectors/disproportionality/test_mantel_haenszel.py`.

    >>> columns = mantel_haenszel([[6, 12]], [[20, 60]], [[10, 30]], [[100, 120]])
    >>> tuple(columns) == COLUMNS, round(float(columns["breslow_day_p"][0]), 4)
    (True, 0.0005)
    """
    level = (parameters or Parameters()).level
    odds = mh_or(n, n_product, n_event, n_total, level)
    share = mh_prr(n, n_product, n_event, n_total, level)
    test = breslow_day(n, n_product, n_event, n_total)
    return dict(zip(COLUMNS, (*odds, *share, test.corrected, test.p), strict=True))


def _cells(
    n: npt.ArrayLike, n_product: npt.ArrayLike, n_event: npt.ArrayLike, n_total: npt.ArrayLike
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    a, product, event, total = np.broadcast_arrays(
        floats(n), floats(n_product), floats(n_event), floats(n_total)
    )
    return a, product - a, event - a, total - product - event + a, total


def _fitted(product: Floats, event: Floats, total: Floats, theta: Floats) -> Floats:
    """The count at which a table of these margins has the odds ratio theta.

    The root of (1 - theta) A^2 + B A - theta n_product n_event = 0 between the bounds of A, each
    of its two forms where it does not cancel.
    """
    b = total + (theta - 1) * (product + event)
    square = np.maximum(b**2 + 4 * (1 - theta) * theta * product * event, 0)
    root = np.sqrt(square)
    away = ratio(2 * theta * product * event, b + root)
    other = ratio(root - b, 2 * (1 - theta))
    fitted: Floats = np.clip(
        np.where(b >= 0, away, other),
        np.maximum(product + event - total, 0),
        np.minimum(product, event),
    )
    return fitted


def _limits(estimate: Floats, variance: Floats, level: float) -> Pooled:
    spread = np.where(estimate > 0, np.maximum(variance, 0), np.nan)
    factor = np.exp(float(ndtri(0.5 + level / 2)) * np.sqrt(spread))
    return Pooled(estimate, estimate / factor, estimate * factor)


def _score(strata: Strata, parameters: Parameters) -> Columns:
    return mantel_haenszel(*strata, parameters)


METHOD = Method(
    name="mantel_haenszel",
    columns=COLUMNS,
    function=_score,
    parameters=Parameters(),
    rising=("mh_or", "mh_prr"),
    takes="strata",
)
