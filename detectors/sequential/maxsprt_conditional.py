"""Conditional maximized sequential probability ratio test: the background is a finite count."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import nbinom

from detectors.disproportionality.method import Floats, Integers, floats, ratio
from detectors.sequential.conditional import boundary, type1, type1_at_looks
from detectors.sequential.limits import Limit, check, check_looks, smallest, unattainable
from detectors.sequential.maxsprt import Finding, bar, check_horizon, find
from detectors.sequential.maxsprt_binomial import maxsprt_binomial
from detectors.sequential.method import Method, amounts, replay
from schemas.errors import InputError

# expected events up to which the law of the counts keeps its digits
LONGEST = 600
# counts that are less likely at a look do not decide about a critical value
RARE = 1e-6
STOPS, PERIODS = ("events", "exposure"), ("fixed", "event")


@dataclass(frozen=True, slots=True)
class Parameters:
    """`margin`: the largest rate ratio that is no harm; 1 is the published test.

    `alpha`: the error up to the horizon; `min_events`: needed for a signal; `period` of the
    background, as `critical_value` has it.
    """

    margin: float = 1.25
    alpha: float = 0.05
    min_events: int = 1
    period: str = "fixed"


DEFAULT = Parameters()


class Reference(NamedTuple):
    """The background, a count over person-time, and the person-time at which the test ends."""

    n: Floats
    exposure: Floats
    horizon: Floats


class Look(NamedTuple):
    """What a look adds: events, and person-time in the unit of the background's."""

    n: Floats
    exposure: Floats


class State(NamedTuple):
    """The background, sums so far, events without person-time, and how the test stands."""

    n_background: Floats
    exposure_background: Floats
    n: Floats
    exposure: Floats
    n_unexposed: Floats
    signal: Floats
    critical_value: Floats
    horizon: Floats


def maxsprt_conditional(
    n: npt.ArrayLike,
    exposure: npt.ArrayLike,
    n_background: npt.ArrayLike,
    exposure_background: npt.ArrayLike,
) -> Floats:
    """Log likelihood ratio of two rates against one rate for both.

        LLR = n log(n (V + P) / (P (c + n))) + c log(c (V + P) / (V (c + n)))
              where n / P > c / V, else 0
        n events in person-time P, c in V of the background

    Source: Li and Kulldorff, Stat Med 2010;29:284-95. Counts, person-time in any unit, of one shape
    (or broadcast); a log ratio, 0 where a side has no person-time. For a null with a margin give
    the exposure times the margin. Verified, with its critical values, by hand, by quadrature, by
    simulation and against Sequential: `tests/detectors/sequential/test_maxsprt_conditional.py`.

    >>> round(float(maxsprt_conditional(12, 3, 100, 100)), 4)
    7.2533
    """
    count, time, c, past = np.broadcast_arrays(
        *(floats(x) for x in (n, exposure, n_background, exposure_background))
    )
    known = (time > 0) & (past > 0)
    controls = ratio(np.where(known, past, 1.0), np.where(known, time, 1.0))
    return np.where(known, maxsprt_binomial(count, count + c, controls), 0.0)


def critical_value(
    horizon: float,
    counted: int,
    alpha: float = 0.05,
    min_events: int = 1,
    *,
    stop: str = "exposure",
    period: str = "fixed",
) -> Limit:
    """The critical value of a continuous test against a background of `counted` events.

        stop    exposure: `horizon` is person-time, over that of the background
                events: `horizon` is the number of events at which the test ends
        period  event: the background's person-time ended with its last event, as Li and Kulldorff
                have it; the error is alpha
                fixed: it ended on a date, the next event still to come: its person-time is taken
                for that of one event more, and the error is at most alpha at every rate tried

    Exact but for rounding (1e-10): given the total, events of both sides fall alike, so the count
    is negative binomial and its law is carried from one crossing to the next. With `event` and a
    period that was fixed the error is above alpha: 0.058 where 20 are counted on average and 20 end
    the test. Where even a signal at any excess has a smaller error, there is none, and the reason
    is given. InputError `bad_parameter`, also for more than 600 events to expect. Source and
    verification as `maxsprt_conditional`.

    >>> round(critical_value(20, 20, min_events=2, stop="events", period="event").critical_value, 6)
    3.053029
    """
    _check(horizon, counted, alpha=alpha, min_events=min_events, stop=stop, period=period)

    def error(value: float) -> float:
        return type1(value, horizon, counted, min_events, stop=stop, period=period)

    lowest, highest = 1e-6, 10.0
    if (most := error(lowest)) <= alpha:
        return unattainable(most, f"with {min_events} events or more by then")
    while error(highest) > alpha:
        highest *= 2
    value = float(brentq(lambda value: error(value) - alpha, lowest, highest, xtol=1e-11))
    return Limit(value, error(value))


def critical_value_at_looks(
    looks: npt.ArrayLike,
    counted: int,
    alpha: float = 0.05,
    min_events: int = 1,
    *,
    period: str = "fixed",
) -> tuple[Limit, Integers]:
    """The smallest critical value of a test that looks at given times only, and its boundary.

    `looks` are person-time over the background's, rising; all else as `critical_value`, with what
    `maxsprt_poisson.critical_value_at_looks` says of discrete counts.

    >>> limit, counts = critical_value_at_looks([0.25, 0.5, 1], 20)
    >>> round(limit.type1, 6), counts.tolist()
    (0.04547, [12, 20, 35])
    """
    times = check_looks(looks)
    end = float(times[-1])
    _check(end, counted, alpha=alpha, min_events=min_events, stop="exposure", period=period)

    def error(value: float) -> float:
        limits = boundary(value, times, counted, min_events)
        return type1_at_looks(limits, times, counted, period=period)

    if (most := error(0)) <= alpha:
        what = f"with {min_events} events or more at {len(times)} looks"
        return unattainable(most, what), np.empty(0, dtype=np.int64)
    values = []
    for time in times.tolist():
        least = max(min_events, int(counted * time) + 1)
        likely = nbinom.isf(alpha * RARE, counted + 1, 1 / (1 + time))
        n = np.arange(least, max(least, int(likely)) + 1)
        values.append(maxsprt_conditional(n, time, counted, 1))
    value = smallest(np.unique(np.concatenate(values)), error, alpha)
    return Limit(value, error(value)), boundary(value, times, counted, min_events)


def _check(
    horizon: float, counted: int, *, alpha: float, min_events: int, stop: str, period: str
) -> None:
    if stop not in STOPS or period not in PERIODS:
        raise InputError("bad_parameter", f"stop {stop!r} or period {period!r} is not known")
    if counted < 1:
        raise InputError("bad_parameter", "the background must have an event")
    if stop == "events" and (horizon < min_events or horizon != int(horizon)):
        raise InputError("bad_parameter", "the horizon is a whole number, min-events or more")
    unit = 1 + 1 / counted if stop == "events" else counted + 1
    check(alpha=alpha, min_events=min_events, horizon=horizon, longest=LONGEST / unit)


@lru_cache(maxsize=4096)
def _bar(horizon: float, counted: int, alpha: float, min_events: int, period: str) -> float:
    if counted < 1:
        return np.inf
    return bar(critical_value(horizon, counted, alpha, min_events, period=period))


def start(reference: Reference, parameters: Parameters = DEFAULT) -> State:
    """Before the first look; a critical value for each pair. InputError `bad_parameter`.

    A background without an event, or without person-time, gives no test.
    """
    c, past, horizon = amounts(**reference._asdict())
    check_horizon(parameters.margin, horizon)
    end = np.where(past > 0, parameters.margin * horizon / np.where(past > 0, past, 1), 1.0)
    bars = [
        _bar(at, int(n), parameters.alpha, parameters.min_events, parameters.period)
        for at, n in zip(end.tolist(), np.where(past > 0, c, 0).tolist(), strict=True)
    ]
    zero = np.zeros_like(c)
    return State(c, past, zero, zero, zero, zero, np.array(bars), horizon)


def step(state: State, look: Look, parameters: Parameters = DEFAULT) -> tuple[State, Finding]:
    """One look; where `exposure` is 0 it says nothing, and its events are only counted.

    >>> before = start(Reference(*(np.array([x]) for x in (100.0, 100.0, 20.0))))
    >>> state, finding = step(before, Look(np.array([14.0]), np.array([3.0])))
    >>> finding.llr.round(3).tolist(), finding.signal.tolist(), finding.open.tolist()
    ([7.702], [1.0], [0.0])
    """
    n, exposure = amounts(**look._asdict())
    exposed = exposure > 0
    after = state._replace(
        n=state.n + np.where(exposed, n, 0),
        exposure=state.exposure + exposure,
        n_unexposed=state.n_unexposed + np.where(exposed, 0, n),
    )
    llr = maxsprt_conditional(
        after.n,
        parameters.margin * after.exposure,
        state.n_background,
        state.exposure_background,
    )
    counted = np.where(after.n >= parameters.min_events, llr, 0.0)
    time = after.exposure / state.horizon
    finding = find(llr, counted, state.critical_value, state.signal, time)
    return after._replace(signal=finding.signal), finding


def batch(reference: Reference, looks: Look, parameters: Parameters = DEFAULT) -> Finding:
    """All looks, arrays of shape (looks, pairs), as the steps give them."""
    found: Finding = replay(step, start(reference, parameters), looks, parameters)
    return found


METHOD = Method(
    name="maxsprt_conditional",
    look=Look,
    finding=Finding,
    start=start,
    step=step,
    batch=batch,
    parameters=DEFAULT,
    reference=Reference,
    rising=("llr", "signal"),
)
