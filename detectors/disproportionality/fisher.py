"""Fisher's exact test, one-sided (greater): p and mid-p."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from detectors.disproportionality.method import Columns, Floats, Method, floats

if TYPE_CHECKING:
    from detectors.disproportionality.table import PairTable

HALF_LOG_TWO_PI = 0.9189385332046727
NEGLIGIBLE = 1e-17
# log x! less Stirling's formula, of 1 to 15 (there is none of 0)
STIRLING_ERRORS = np.array(
    [np.nan, *(gammaln(x + 1) - (x + 0.5) * np.log(x) + x - HALF_LOG_TWO_PI for x in range(1, 16))]
)

# elements worked on at a time where there are so many, and terms of one row
AT_ONCE, MOST_TERMS = 8_192, 128


class Fisher(NamedTuple):
    """Probabilities, one a pair."""

    p: Floats
    mid_p: Floats


def fisher(
    n: npt.ArrayLike, n_product: npt.ArrayLike, n_event: npt.ArrayLike, n_total: npt.ArrayLike
) -> Fisher:
    """Probability of a count as high as `n` if product and event were independent.

        p = P(X >= n),  mid-p = P(X > n) + P(X = n) / 2,  X ~ hypergeometric with these margins

    Source: Fisher 1935; Lancaster, J Am Stat Assoc 1961;56:223-34 (mid-p). Counts are reports, of
    one shape (or broadcast); the results are probabilities, 0 where they are under 1e-308. The
    sum runs over whichever tail does not hold the mode, so that small p keep their digits.
    Verified against PhViD and against exact fractions:
    `tests/detectors/disproportionality/test_oracles.py`, `test_fisher.py`.

    >>> [round(float(x), 6) for x in fisher(3, 4, 4, 8)]
    [0.242857, 0.128571]
    """
    counts = np.broadcast_arrays(floats(n), floats(n_product), floats(n_event), floats(n_total))
    a, product, event, total = (values.ravel() for values in counts)
    rest = total - product - event
    upper = (a + 1) * (total + 2) > (product + 1) * (event + 1)  # n at or past the mode
    point = np.exp(_log_point(a, product, event, total))
    tail = np.empty_like(a)
    tail[upper] = _sum(a[upper], product[upper], event[upper], rest[upper], 1.0)
    tail[~upper] = _sum(a[~upper], product[~upper], event[~upper], rest[~upper], -1.0)
    beyond = tail * point
    p = np.where(upper, point + beyond, 1 - beyond)
    mid_p = np.where(upper, point / 2 + beyond, 1 - beyond - point / 2)
    # margins that leave X no choice: P(X >= n) is 1 and no rounding may say otherwise
    shape = counts[0].shape
    return Fisher(np.clip(p, 0, 1).reshape(shape), np.clip(mid_p, 0, 1).reshape(shape))


def _sum(a: Floats, product: Floats, event: Floats, rest: Floats, step: float) -> Floats:
    """Sum of P(X = k) / P(X = a) over k beyond a, upwards or downwards, term by term.

    Several terms of a row are worked out at once where few rows are left: a large count has
    hundreds. Terms past the last that matters change no bit of a sum, and each product and sum
    runs in the order of its terms, so that a row's result does not depend on the others.
    """
    total, term = np.zeros_like(a), np.ones_like(a)
    left, k, sums = np.arange(a.size), a, total
    while left.size:
        terms = int(np.clip(AT_ONCE // left.size, 1, MOST_TERMS))
        at = k + step * np.arange(terms)[:, None]
        if step > 0:
            ratio = ((product - at) * (event - at)) / ((at + 1) * (rest + at + 1))
        else:
            ratio = (at * (rest + at)) / ((product - at + 1) * (event - at + 1))
        ratio[0] *= term
        np.cumprod(ratio, axis=0, out=ratio)
        term = ratio[-1].copy()
        ratio[0] += sums
        sums = np.cumsum(ratio, axis=0, out=ratio)[-1]
        total[left] = sums
        k = at[-1] + step
        going = term > NEGLIGIBLE * sums
        left, term, k, sums = left[going], term[going], k[going], sums[going]
        product, event, rest = product[going], event[going], rest[going]
    return total


def _log_point(a: Floats, product: Floats, event: Floats, total: Floats) -> Floats:
    """log P(X = a), as three binomials of one rate, so that no large terms cancel.

    Differences of log-gammas lose nine digits at a million reports; Loader's deviance form
    (Fast and accurate computation of binomial probabilities, 2000) does not.
    """
    rate = event / np.maximum(total, 1)
    return (
        _log_binomial(a, product, rate)
        + _log_binomial(event - a, total - product, rate)
        - _log_binomial(event, total, rate)
    )


def _log_binomial(x: Floats, trials: Floats, rate: Floats) -> Floats:
    other = trials - x
    inside = (x > 0) & (other > 0)
    x_, other_ = np.where(inside, x, 1.0), np.where(inside, other, 1.0)
    trials_ = x_ + other_
    middle = (
        _stirling_error(trials_)
        - _stirling_error(x_)
        - _stirling_error(other_)
        - _deviance(x_, trials_ * np.where(inside, rate, 0.5))
        - _deviance(other_, trials_ * np.where(inside, 1 - rate, 0.5))
        + 0.5 * np.log(trials_ / (x_ * other_))
        - HALF_LOG_TWO_PI
    )
    # at x = 0 or x = trials the probability is a power
    sure = np.where(x > 0, rate, 1 - rate)
    edge = trials * np.log(np.where(trials > 0, np.maximum(sure, 1e-300), 1.0))
    return np.where(inside, middle, edge)


def _deviance(x: Floats, mean: Floats) -> Floats:
    """x log(x / mean) + mean - x, without the loss of digits where x is close to the mean."""
    v = (x - mean) / (x + mean)
    square = v * v
    # log(x / mean) = 2 (v + v^3/3 + ...); for |v| < 0.1 nine terms leave less than 1e-17
    series = np.zeros_like(v)
    for power in range(19, 1, -2):
        series = (series + 1 / power) * square
    near = (x - mean) * v + 2 * x * v * series
    return np.where(np.abs(v) < 0.1, near, x * np.log(x / mean) + mean - x)


def _stirling_error(x: Floats) -> Floats:
    """log x! less Stirling's formula for it; x are whole numbers above 0."""
    inverse = 1 / (x * x)
    series = np.zeros_like(x)
    for term in (1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12):
        series = series * inverse + term
    exact = STIRLING_ERRORS[np.minimum(x, 15).astype(np.int64)]
    return np.where(x < 16, exact, series / x)


@dataclass(frozen=True, slots=True)
class Parameters:
    """None: one-sided, greater."""


def _score(table: PairTable, parameters: Parameters) -> Columns:
    result = fisher(table.n, table.n_product, table.n_event, table.n_total)
    return {"fisher_p": result.p, "fisher_mid_p": result.mid_p}


METHOD = Method(
    name="fisher",
    columns=("fisher_p", "fisher_mid_p"),
    function=_score,
    parameters=Parameters(),
    falling=("fisher_p", "fisher_mid_p"),
)
