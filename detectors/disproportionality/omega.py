"""Omega: two products together and an event, against what either gives by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, ndtri

from detectors.disproportionality.ic import SHRINKAGE
from detectors.disproportionality.method import (
    Columns,
    Floats,
    Integers,
    Method,
    floats,
    ratio,
)

if TYPE_CHECKING:
    from detectors.cases import Cases
    from detectors.disproportionality.table import PairTable

# reports with the event, and all reports, of one group
Share = tuple[npt.ArrayLike, npt.ArrayLike]


class Omega(NamedTuple):
    """Expected count and estimate with two pairs of limits, in bits.

    `lower`, `upper` are the exact quantiles of the gamma posterior; `lower_normal`,
    `upper_normal` the approximation that the paper prints.
    """

    expected: Floats
    estimate: Floats
    lower: Floats
    upper: Floats
    lower_normal: Floats
    upper_normal: Floats


def omega(both: Share, first: Share, second: Share, neither: Share, level: float = 0.95) -> Omega:
    """Shrunk logarithm (base 2) of a combination's count over the one of an additive baseline.

        Omega = log2((n + 1/2) / (E + 1/2)),  n, N of both,  E = N g
        g = 1 - 1 / (max(o_first, o_neither) + max(o_second, o_neither) - o_neither + 1)
        o = n / (N - n) of the reports with the first product only, the second only, neither
        Omega_q = log2(G^-1(q; n + 1/2) / (E + 1/2)),  q = (1 - level)/2, (1 + level)/2
        normal: Omega +- z / (ln 2 sqrt(n))

    with G the gamma distribution function of unit scale. Source: Noren, Sundberg, Bate, Edwards,
    Stat Med 2008;27:3057-70. A lower limit above 0 says more than the sum of both, not that there
    is an interaction. Each group is (n, N): its reports with the event, and all of them, of one
    shape (or broadcast); the result is in bits. NaN where one of the three baselines has no
    report, and in the normal limits where n of both is 0. The gamma limits are the ones to use:
    the normal ones are too narrow below about 10 reports.
    Verified against a worked value: `tests/detectors/disproportionality/test_omega.py`.

    >>> result = omega((10, 100), (20, 1000), (30, 1000), (100, 10_000))
    >>> [round(float(x), 6) for x in result[:3]], round(float(result.lower_normal), 6)
    ([3.9602, 1.235209, 0.205067], 0.341034)
    """
    observed = floats(both[0])
    odds = [_odds(floats(n), floats(total)) for n, total in (first, second, neither)]
    certain = np.isinf(odds[0]) | np.isinf(odds[1]) | np.isinf(odds[2])
    known = ~(np.isnan(odds[0]) | np.isnan(odds[1]) | np.isnan(odds[2]))
    one, other, base = (np.where(np.isinf(o), 0.0, o) for o in odds)
    sum_odds = np.maximum(one, base) + np.maximum(other, base) - base
    # an event that every report of one side has is certain with both
    share = np.where(known, np.where(certain, 1.0, sum_odds / (1 + sum_odds)), np.nan)
    expected = floats(floats(both[1]) * share)

    tail = (1 - level) / 2
    prior = np.log2(expected + SHRINKAGE)
    estimate = np.log2(observed + SHRINKAGE) - prior
    lower, upper = (np.log2(gammaincinv(observed + SHRINKAGE, q)) - prior for q in (tail, 1 - tail))
    spread = float(ndtri(1 - tail)) / np.log(2) * np.sqrt(ratio(np.ones_like(observed), observed))
    return Omega(expected, estimate, lower, upper, estimate - spread, estimate + spread)


class Triples(NamedTuple):
    """Counts of a combination by event code, or row; `groups` are what `omega` takes."""

    event: Integers
    n_both: Integers
    total_both: Integers
    n_first: Integers
    total_first: Integers
    n_second: Integers
    total_second: Integers
    n_neither: Integers
    total_neither: Integers

    @property
    def groups(self) -> tuple[Share, Share, Share, Share]:
        """Both, the first only, the second only, neither: (n, total) of each."""
        return self[1:3], self[3:5], self[5:7], self[7:9]


def triples(cases: Cases, first: int, second: int | Integers) -> Triples:
    """Counts of two products together, for every event that a case with both has.

    `second` may be several products, such as all benzodiazepines: any of them counts.

    >>> from detectors.cases import Cases
    >>> found = triples(Cases.listed([[0, 1], [0], [1], [2]], [[5], [5], [6], [5]]), 0, 1)
    >>> [int(x[0]) for x in found]
    [5, 1, 1, 1, 1, 0, 1, 1, 1]
    """
    one, other = cases.having_product(first), cases.having_product(second)
    groups = (one & other, one & ~other, other & ~one, cases.counted & ~one & ~other)
    n = [cases.events_of(group) for group in groups]
    event = np.flatnonzero(n[0])
    columns = [
        column
        for count, group in zip(n, groups, strict=True)
        for column in (count[event], np.full(len(event), np.count_nonzero(group)))
    ]
    return Triples(event, *columns)


def together(table: PairTable, within: PairTable) -> Triples:
    """Counts of each pair of a table together with some other products; `event` is the row.

    `within` has the same pairs, counted only in the reports with any of those products. A product
    that is one of them has no report without, so that nothing can be said of it.
    """
    beside_n, beside = within.n_event - within.n, within.n_total - within.n_product
    return Triples(
        np.arange(len(table)),
        within.n,
        within.n_product,
        table.n - within.n,
        table.n_product - within.n_product,
        beside_n,
        beside,
        table.n_event - table.n - beside_n,
        table.n_total - table.n_product - beside,
    )


@dataclass(frozen=True, slots=True)
class Parameters:
    """`level`: coverage of the two-sided interval."""

    level: float = 0.95


COLUMNS = ("omega_expected", "omega", "omega025", "omega975")


def score(counts: Triples, parameters: Parameters | None = None) -> Columns:
    """Omega of each event of a combination as columns, `COLUMNS`, with gamma limits.

    >>> one = [np.array([x]) for x in (10, 100, 20, 1000, 30, 1000, 100, 10_000)]
    >>> {name: round(float(x[0]), 3) for name, x in score(Triples(np.array([7]), *one)).items()}
    {'omega_expected': 3.96, 'omega': 1.235, 'omega025': 0.205, 'omega975': 1.992}
    """
    result = omega(*counts.groups, level=(parameters or Parameters()).level)
    return dict(zip(COLUMNS, result[:4], strict=True))


def _odds(n: Floats, total: Floats) -> Floats:
    """n / (total - n): inf where all have the event, NaN where there is no report."""
    odds = ratio(n, total - n)
    return np.where((total > 0) & (n == total), np.inf, odds)


METHOD = Method(
    name="omega",
    columns=COLUMNS,
    function=score,
    parameters=Parameters(),
    rising=("omega", "omega025", "omega975"),
    takes="triples",
)
