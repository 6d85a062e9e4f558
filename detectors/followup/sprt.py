"""Runs of a maximized sequential probability ratio test: one after the other, each to its horizon.

A run looks at the end of each day. It ends with a signal, or at the last look before its horizon as
"no signal"; then the next one opens, with the same alpha again. After a signal none opens: what
becomes of it is for people to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from detectors.disproportionality.method import Floats
from detectors.sequential import maxsprt_binomial, maxsprt_poisson
from detectors.sequential.method import amounts
from schemas.errors import InputError

# the same few tests are asked for at every look
_poisson_limit = cache(maxsprt_poisson.critical_value)
_binomial_limit = cache(maxsprt_binomial.critical_value)

End = Literal["running", "signal", "no signal", "impossible"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run, from the look `first` to the look `last` (places in the days given, both included).

    `n` are its events (of the binomial test those in the risk windows), `expected` those to expect
    of them, `horizon` in the unit of the test: expected events, or events in all. `llr` is the
    statistic at its last look. Where no critical value exists the run is impossible and says why.
    """

    first: int
    last: int
    end: End
    n: float
    expected: float
    horizon: float
    llr: float
    critical_value: float | None
    reason: str = ""


def poisson(
    n: npt.ArrayLike, expected: npt.ArrayLike, *, horizon: float, alpha: float, min_events: int
) -> tuple[Run, ...]:
    """Runs against a known expectation; `n` and `expected` are what each day adds.

    The expectation is taken as known: where it rests on a small count the error rate is not alpha,
    and `eprocess_background` is the evidence to go by. `expected` at the largest ratio that is no
    harm. Source: Kulldorff et al., Sequential Analysis 2011;30:58-78. InputError `bad_count`,
    `bad_parameter`, `bad_shape`. Verified by hand and by simulation of its error:
    `tests/detectors/followup/test_sprt.py`.

    >>> [(run.first, run.last, run.end) for run in poisson([0, 5, 0], [0.5, 0.5, 0.5],
    ...     horizon=10, alpha=0.05, min_events=1)]
    [(0, 1, 'signal')]
    """
    count, mean = _days(n=n, expected=expected)
    limit = _poisson_limit(horizon, alpha, min_events)
    if limit.critical_value is None:
        return (_impossible(count, mean.sum(), horizon, limit.reason),)
    value = limit.critical_value
    runs = []
    for stretch in _stretches(mean, horizon):
        first, last, _ = stretch
        total, time = np.cumsum(count[first : last + 1]), np.cumsum(mean[first : last + 1])
        some = (time > 0) & (time <= horizon)
        llr = np.where(some, maxsprt_poisson.maxsprt_poisson(total, np.where(some, time, 1)), 0.0)
        reached = some & (llr >= value) & (total >= min_events)
        runs.append(_run(stretch, reached, (total, time, llr), horizon, value))
        if runs[-1].end == "signal":
            break
    return tuple(runs)


def binomial(
    cases: npt.ArrayLike,
    controls: npt.ArrayLike,
    *,
    ratio: float,
    horizon: int,
    alpha: float,
    min_events: int,
) -> tuple[Run, ...]:
    """Runs of events in risk windows against those in control windows, as each day adds them.

    `ratio` is the length of the control windows over that of the risk windows; the horizon is in
    events of both. Source as `poisson`. InputError `bad_count`, `bad_parameter`, `bad_shape`.
    Verified by hand and by simulation of its error: `tests/detectors/followup/test_sprt.py`.

    >>> [(run.end, run.n, run.expected) for run in binomial([2, 3], [0, 0], ratio=1, horizon=10,
    ...     alpha=0.05, min_events=1)]
    [('signal', 5.0, 2.5)]
    """
    inside, outside = _days(cases=cases, controls=controls)
    both = inside + outside
    limit, fewest = _binomial_limit(horizon, ratio, alpha, min_events)
    share = 1 / (1 + ratio)
    if limit.critical_value is None:
        return (_impossible(inside, both.sum() * share, horizon, limit.reason),)
    needed = np.concatenate([[np.inf], fewest.astype(np.float64)])
    runs = []
    for stretch in _stretches(both, horizon):
        first, last, _ = stretch
        total, every = np.cumsum(inside[first : last + 1]), np.cumsum(both[first : last + 1])
        known = every <= horizon
        reached = known & (total >= needed[np.where(known, every, 0).astype(np.int64)])
        columns = total, every * share, maxsprt_binomial.maxsprt_binomial(total, every, ratio)
        runs.append(_run(stretch, reached, columns, horizon, limit.critical_value))
        if runs[-1].end == "signal":
            break
    return tuple(runs)


def _days(**values: npt.ArrayLike) -> tuple[Floats, ...]:
    columns = amounts(**values)
    if columns[0].ndim != 1:
        raise InputError("bad_shape", "the days of a run are arrays of one dimension")
    return columns


def _stretches(time: Floats, horizon: float) -> list[tuple[int, int, bool]]:
    """Looks from the first to the last that lie within one horizon, and whether it is used up.

    A look that passes the horizon would be one look too late: it opens the next stretch, and stands
    alone where it is longer than a horizon by itself.
    """
    out = []
    first = 0
    while first < len(time):
        total = np.cumsum(time[first:])
        over = bool(total[-1] >= horizon)
        last = first + (int(np.argmax(total >= horizon)) if over else len(total) - 1)
        if over and total[last - first] > horizon and last > first:
            last -= 1
        out.append((first, last, over))
        first = last + 1
    return out


def _run(
    stretch: tuple[int, int, bool],
    reached: npt.NDArray[np.bool_],
    columns: tuple[Floats, Floats, Floats],
    horizon: float,
    value: float,
) -> Run:
    first, last, over = stretch
    signal = bool(reached.any())
    at = int(reached.argmax()) if signal else last - first
    end: End = "signal" if signal else "no signal" if over else "running"
    n, expected, llr = (float(column[at]) for column in columns)
    return Run(first, first + at, end, n, expected, horizon, llr, value)


def _impossible(n: Floats, expected: float, horizon: float, reason: str | None) -> Run:
    last = len(n) - 1
    return Run(
        0, last, "impossible", float(n.sum()), float(expected), horizon, 0.0, None, reason or ""
    )
