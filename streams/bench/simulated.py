"""Weekly counts of one pair, simulated, and the week in which each rule or method first fires."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors import rules
from detectors.disproportionality import chi2, ebgm, ic, prr, ror
from detectors.disproportionality.method import Floats
from detectors.disproportionality.table import PairTable, score
from detectors.sequential import (
    change,
    cusum,
    edetector,
    eprocess,
    eprocess_background,
    maxsprt_binomial,
    maxsprt_conditional,
    maxsprt_poisson,
    two_sample,
    two_sample_late,
    two_sample_rates,
)
from detectors.sequential.special import log_upper_gamma

ALPHA = 0.05
BAR = float(np.log(1 / ALPHA))
# a week: reports to expect of the pair at a ratio of 1, of the product, of all its comparators
EXPECTED, PRODUCT, COMPARATORS = 0.3, 20.0, 2_000.0
# events that the background was estimated from, before the first week
COUNTED = 100.0
# matched controls of each exposed
CONTROLS = 3
# a known reaction: reports a week, and weeks of the past
KNOWN, PAST = 1.2, 52
# the prior of GPS, as DuMouchel's first example has it; a fit needs a whole table
PRIOR = (0.2041, 0.05816, 1.415, 1.838, 0.0969)


class Counts(NamedTuple):
    """What a week adds, each (weeks, runs): with the event and without, product and comparators.

    `background` is what the background is taken for, over what it is.
    """

    n: Floats
    other: Floats
    n_comparator: Floats
    other_comparator: Floats
    background: float
    counted: Floats
    n_control: Floats


# counts, margin, bar; and of a test that has its own bar counts and margin
Firing = Callable[[Counts, float, float], Floats]
Test = Callable[[Counts, float], Floats]


def simulate(
    rng: np.random.Generator,
    ratio: float,
    runs: int,
    *,
    weeks: int = 104,
    begin: int = 0,
    background: float = 1.0,
) -> Counts:
    """Poisson counts at a ratio of 1 until week `begin`, at `ratio` from then on.

    Rates, and the odds of the event within reports, have that very ratio to the background's.
    """
    shape = weeks, runs
    mean = np.where(np.arange(weeks) < begin, 1.0, ratio)[:, None] * EXPECTED
    share = EXPECTED / PRODUCT
    return Counts(
        rng.poisson(mean, shape).astype(float),
        rng.poisson(PRODUCT - EXPECTED, shape).astype(float),
        rng.poisson(background * share * COMPARATORS, shape).astype(float),
        rng.poisson((1 - share) * COMPARATORS, shape).astype(float),
        background,
        rng.poisson(background * COUNTED, runs).astype(float),
        rng.poisson(background * CONTROLS * EXPECTED, shape).astype(float),
    )


def first(fired: npt.NDArray[np.bool_]) -> Floats:
    """The week, from 1, in which each run first fired, of (weeks, runs); inf for never.

    >>> first(np.array([[False, False], [True, False], [False, False]])).tolist()
    [2.0, inf]
    """
    return np.where(fired.any(axis=0), fired.argmax(axis=0) + 1.0, np.inf)


def screening(counts: Counts) -> dict[str, Floats]:
    """Of every rule that ships: first week, on the 2x2 table of all reports so far."""
    n, other, n_comparator, rest = (
        np.cumsum(values, axis=0).astype(np.int64).ravel() for values in counts[:4]
    )
    blank = np.full(n.size, "", dtype=object)
    table = PairTable(blank, blank, n, n + other, n + n_comparator, n + other + n_comparator + rest)
    methods = (prr.METHOD, ror.METHOD, chi2.METHOD, ic.METHOD, ebgm.METHOD)
    columns = score(table, methods, {"ebgm": ebgm.Parameters(prior=PRIOR)})
    held = rules.holds(rules.read(), table.counts | columns)
    return {name: first(rows.reshape(counts.n.shape)) for name, rows in held.items()}


def of_eprocess(counts: Counts, margin: float, bar: float) -> Floats:
    """First week of the e-process against expected counts that are taken for known."""
    looks = eprocess.Look(counts.n, np.full_like(counts.n, EXPECTED * counts.background))
    found = eprocess.batch(counts.n.shape[1], looks, eprocess.Parameters(margin))
    return first(found.log_e_sup >= bar)


def of_edetector(counts: Counts, margin: float, bar: float) -> Floats:
    """First week of the e-process for harm that may begin late."""
    looks = edetector.Look(counts.n, np.full_like(counts.n, EXPECTED * counts.background))
    found = edetector.batch(counts.n.shape[1], looks, edetector.Parameters(margin))
    return first(found.log_e_sup >= bar)


def of_background(counts: Counts, margin: float, bar: float) -> Floats:
    """First week of the e-process whose background was counted once."""
    exposure = np.arange(1.0, len(counts.n) + 1) * EXPECTED
    total = np.cumsum(counts.n, axis=0)
    return counted_once(total, exposure, counts.counted, COUNTED, margin=margin, bar=bar)


def of_rates(counts: Counts, margin: float, bar: float) -> Floats:
    """First week of the two-sample e-process for rates: the background goes on beside."""
    looks = two_sample_rates.Look(
        counts.n,
        np.full_like(counts.n, PRODUCT),
        counts.n_comparator,
        np.full_like(counts.n, COMPARATORS),
    )
    found = two_sample_rates.batch(counts.n.shape[1], looks, two_sample_rates.Parameters(margin))
    return first(found.log_e_sup >= bar)


def of_reports(counts: Counts, margin: float, bar: float) -> Floats:
    """First week of the two-sample e-process for shares of reports."""
    looks = two_sample.Look(
        counts.n,
        counts.n + counts.other,
        counts.n_comparator,
        counts.n_comparator + counts.other_comparator,
    )
    found = two_sample.batch(counts.n.shape[1], looks, two_sample.Parameters(margin))
    return first(found.log_e_sup >= bar)


def of_reports_late(counts: Counts, margin: float, bar: float) -> Floats:
    """First week of the process that the live system confirms by: from any beginning."""
    looks = two_sample.Look(
        counts.n,
        counts.n + counts.other,
        counts.n_comparator,
        counts.n_comparator + counts.other_comparator,
    )
    parameters = two_sample_late.Parameters(margin)
    found = two_sample_late.batch(counts.n.shape[1], looks, parameters)
    return first(found.log_e_sup >= bar)


# those that may confirm: their false-alarm rate holds at every ratio up to the margin
CONFIRMING: dict[str, Firing] = {
    "eprocess": of_eprocess,
    "edetector": of_edetector,
    "eprocess_background": of_background,
    "two_sample_rates": of_rates,
    "two_sample": of_reports,
    "two_sample_late": of_reports_late,
}


def counted_once(
    total: Floats, exposure: Floats, counted: Floats, past: float, *, margin: float, bar: float
) -> Floats:
    """First week in which `eprocess_background` reaches the bar; `total` so far, (weeks, runs).

    The least over all rates is at most the value at any one, so only weeks in which that reaches
    the bar are worked out.
    """
    parameters = eprocess_background.Parameters(margin)
    k = parameters.calibrator
    rate = (counted + 1) / past
    fit = np.log(k) - (1 - k) * log_upper_gamma(counted + 1, rate * past)
    can = (
        fit + eprocess.eprocess(total, rate * exposure[:, None], parameters.given_background) >= bar
    )
    out = np.full(total.shape[1], np.inf)
    for week in range(len(total)):
        runs = np.flatnonzero(can[week] & np.isinf(out))
        if runs.size:
            log_e = eprocess_background.eprocess_background(
                total[week, runs], exposure[week], counted[runs], past, parameters
            )
            out[runs[log_e >= bar]] = week + 1
    return out


def doubled(
    rng: np.random.Generator,
    ratio: float,
    runs: int,
    weeks: int = 104,
    margin: float = change.DEFAULT.margin,
) -> Floats:
    """First week of the change test of a known reaction's rate, now `ratio` times its past."""
    counted = rng.poisson(KNOWN * PAST, runs).astype(float)
    total = np.cumsum(rng.poisson(ratio * KNOWN, (weeks, runs)).astype(float), axis=0)
    exposure = np.arange(1.0, weeks + 1)
    return counted_once(total, exposure, counted, PAST, margin=margin, bar=BAR)


def of_maxsprt(counts: Counts, margin: float) -> Floats:
    """First week of the Poisson maxSPRT, which would look all the time, background known."""
    weeks, runs = counts.n.shape
    looks = maxsprt_poisson.Look(counts.n, np.full_like(counts.n, EXPECTED * counts.background))
    # it ends with the weeks, whatever the background is taken for
    ends = maxsprt_poisson.Reference(np.full(runs, weeks * EXPECTED * counts.background))
    found = maxsprt_poisson.batch(ends, looks, maxsprt_poisson.Parameters(margin, ALPHA))
    return first(found.signal > 0)


def of_weekly(counts: Counts, margin: float) -> Floats:
    """First week of the Poisson maxSPRT that looks each week and no more, background known."""
    total = np.cumsum(counts.n, axis=0)
    taken = margin * EXPECTED * counts.background
    return first(total >= _fewest(len(total), taken)[:, None])


@lru_cache
def _fewest(weeks: int, a_week: float) -> npt.NDArray[np.int64]:
    looks = np.arange(1, weeks + 1) * a_week
    return maxsprt_poisson.critical_value_at_looks(looks, ALPHA)[1]


def of_conditional(counts: Counts, margin: float) -> Floats:
    """First week of the conditional maxSPRT, whose background was counted once."""
    weeks, runs = counts.n.shape
    one = np.ones(runs)
    ends = maxsprt_conditional.Reference(counts.counted, COUNTED * one, weeks * EXPECTED * one)
    looks = maxsprt_conditional.Look(counts.n, np.full_like(counts.n, EXPECTED))
    found = maxsprt_conditional.batch(ends, looks, maxsprt_conditional.Parameters(margin, ALPHA))
    return first(found.signal > 0)


def of_binomial(counts: Counts, margin: float) -> Floats:
    """First week of the binomial maxSPRT, three matched controls to each exposed."""
    weeks, runs = counts.n.shape
    one = np.ones(runs)
    events = np.floor(weeks * EXPECTED * (1 + CONTROLS))
    ends = maxsprt_binomial.Reference(events * one, CONTROLS * one)
    looks = maxsprt_binomial.Look(counts.n, counts.n_control)
    found = maxsprt_binomial.batch(ends, looks, maxsprt_binomial.Parameters(margin, ALPHA))
    return first(found.signal > 0)


# those that end at a horizon, their alpha spent by then
TESTS: dict[str, Test] = {
    "maxsprt": of_maxsprt,
    "maxsprt_weekly": of_weekly,
    "maxsprt_conditional": of_conditional,
    "maxsprt_binomial": of_binomial,
}


def of_cusum(counts: Counts) -> Floats:
    """First week of the CUSUM: ten years to a false alarm at the margin, on average."""
    expected = np.full_like(counts.n, EXPECTED * counts.background)
    found = cusum.batch(cusum.Reference(expected[0]), cusum.Look(counts.n, expected))
    return first(found.statistic >= found.threshold)
