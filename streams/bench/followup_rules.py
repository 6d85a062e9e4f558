"""The day on which a rule first holds, of many surveillances that are looked at every day.

All take what a day adds, events and person-time, each of shape (days, runs), and the same of those
compared with: counted before, (runs,), or beside, (days, runs). Days count from 1; inf for never.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import betainc

from detectors.disproportionality.method import Floats
from detectors.followup.arms import Arms, between
from detectors.sequential import eprocess, eprocess_background
from detectors.sequential.special import log_upper_gamma
from detectors.sequential.two_sample_rates import Look
from streams.bench.simulated import BAR, first

FEWEST = 3
BLOCK = 250  # runs at once
Statistic = Callable[[Floats, Floats, Floats, Floats], Floats]


def sequential(
    n: Floats,
    time: Floats,
    counted: Floats,
    past: Floats,
    parameters: eprocess_background.Parameters = eprocess_background.DEFAULT,
) -> Floats:
    """The day on which the e-process against a counted background reaches 1 / alpha.

    Exact: it can rise only on a day with an event, and the least over all rates is at most the
    value at any one, so only days on which that one reaches the bar are worked out.

    >>> n = np.array([[5.0], [7.0], [0.0]])
    >>> sequential(n, np.array([[1.0], [2.0], [9.0]]), np.array([100.0]), np.array([100.0]))
    array([2.])
    """
    total, elapsed = np.cumsum(n, axis=0), np.cumsum(time, axis=0)
    k, known = parameters.calibrator, parameters.given_background
    rate = (counted + 1) / past
    fit = np.log(k) - (1 - k) * log_upper_gamma(counted + 1, rate * past)
    run, day = np.nonzero((n > 0).T)
    bound = fit[run] + eprocess.log_e(total[day, run], rate[run] * elapsed[day, run], known)
    run, day = run[bound >= BAR], day[bound >= BAR]
    out = np.full(n.shape[1], np.inf)
    # the first day of each run that may be it, then the next one of those that were not
    while len(run):
        head = np.flatnonzero(np.diff(run, prepend=-1))
        at, on = run[head], day[head]
        value = eprocess_background.log_e(
            total[on, at], elapsed[on, at], counted[at], past[at], parameters
        )
        reached = value >= BAR
        out[at[reached]] = on[reached] + 1
        left = np.isinf(out[run])
        left[head] = False
        run, day = run[left], day[left]
    return out


def concurrent(n: Floats, time: Floats, n_other: Floats, time_other: Floats) -> Floats:
    """The day on which the two-sample e-process between arms reaches 1 / alpha.

    >>> concurrent(*(np.array([[x]]) for x in (30.0, 10.0, 3.0, 10.0)))
    array([1.])
    """
    out = np.full(n.shape[1], np.inf)
    for start in range(0, n.shape[1], BLOCK):
        runs = slice(start, start + BLOCK)
        look = Look(*(x[:, None, runs] for x in (n, time, n_other, time_other)))
        names = tuple(map(str, range(look.n.shape[2])))
        out[runs] = first(between(Arms((), ((),), names, look)).log_e_sup >= BAR)
    return out


def observed_to_expected(n: Floats, time: Floats, counted: Floats, past: Floats) -> Floats:
    """Events over those expected of the others, all so far; 0 below three events.

    >>> observed_to_expected(*(np.array(x) for x in ([[4.0]], [[2.0]], [9.5], [10.0])))
    array([[2.]])
    """
    total, elapsed = np.cumsum(n, axis=0), np.cumsum(time, axis=0)
    expected = elapsed * (counted + 0.5) / np.where(past > 0, past, np.inf)
    return np.where(total >= FEWEST, total / np.where(expected > 0, expected, np.inf), 0.0)


def surprise(n: Floats, time: Floats, counted: Floats, past: Floats) -> Floats:
    """-log of the exact p-value of one look, on days with an event; 0 below three events.

        p = P(binomial(n + c, t / (t + s)) >= n)

    n in t of the cohort, c in s of the others: what would be right if it were looked at once.

    >>> surprise(*(np.array(x) for x in ([[3.0]], [[1.0]], [0.0], [1.0]))).round(3)
    array([[2.079]])
    """
    total, elapsed = np.cumsum(n, axis=0), np.cumsum(time, axis=0)
    day, run = np.nonzero((n > 0) & (total >= FEWEST))
    out = np.zeros_like(total)
    c, past = (np.broadcast_to(x, total.shape)[day, run] for x in (counted, past))
    t, events = elapsed[day, run], total[day, run]
    p = betainc(events, c + 1, t / (t + past))
    out[day, run] = -np.log(np.maximum(p, 1e-300))
    return out


# what a fixed threshold may be put on
FIXED: dict[str, Statistic] = {"ratio": observed_to_expected, "p_value": surprise}


def tuned(statistic: Floats, alarms: int) -> float:
    """The least threshold above which no more than so many of the runs ever are.

    >>> tuned(np.array([[1.0, 5.0, 2.0], [3.0, 4.0, 0.0]]), 1)
    3.0
    """
    highest = np.sort(statistic.max(axis=0))[::-1]
    return float(highest[alarms]) if alarms < len(highest) else -np.inf


def fixed(statistic: Floats, threshold: float) -> Floats:
    """The day on which a statistic is first above its threshold."""
    return first(statistic > threshold)
