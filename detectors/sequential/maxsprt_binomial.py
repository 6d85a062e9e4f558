"""Maximized sequential probability ratio test for cases among exposed against controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

from detectors.disproportionality.method import Floats, Integers, floats
from detectors.sequential.limits import (
    SAME,
    Limit,
    check,
    check_looks,
    smallest,
    unattainable,
)
from detectors.sequential.maxsprt import Finding, bar, check_horizon, find
from detectors.sequential.method import Method, amounts, check_margin, replay
from schemas.errors import InputError

LONGEST = 2_000
NOTHING: Integers = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Parameters:
    """`margin`: the largest rate ratio that is no harm; 1 is the published test.

    `alpha`: the error up to the horizon; `min_events`: cases needed for a signal.
    """

    margin: float = 1.25
    alpha: float = 0.05
    min_events: int = 1


DEFAULT = Parameters()


class Reference(NamedTuple):
    """Where the test ends, in events of both sides, and controls for each exposed."""

    horizon: Floats
    ratio: Floats


class Look(NamedTuple):
    """What a look adds: events among the exposed (cases) and among the controls."""

    n: Floats
    n_control: Floats


class State(NamedTuple):
    """Sums so far, and how the test stands."""

    n: Floats
    n_control: Floats
    signal: Floats
    critical_value: Floats
    horizon: Floats
    ratio: Floats


def maxsprt_binomial(cases: npt.ArrayLike, n: npt.ArrayLike, ratio: npt.ArrayLike) -> Floats:
    """Log likelihood ratio of the share seen against the share under the null hypothesis.

        LLR = x log(x / (n p0)) + (n - x) log((n - x) / (n (1 - p0))) where x / n > p0, else 0
        p0 = 1 / (1 + ratio)

    Source: Kulldorff et al., Sequential Analysis 2011;30:58-78. `cases` x are events among the
    exposed, `n` events in all, of one shape (or broadcast); `ratio` controls for each exposed. For
    a null with a margin divide the ratio by it. Verified, with its critical values, against
    Sequential 4.5.1: `tests/detectors/sequential/test_maxsprt_binomial.py`.

    >>> round(float(maxsprt_binomial(5, 5, 1)), 6)
    3.465736
    """
    x, total = floats(cases), floats(n)
    null = total / (1 + floats(ratio))
    value = rel_entr(x, null) + rel_entr(total - x, total - null)
    return np.where(x > null, np.maximum(value, 0), 0.0)


def boundary(
    critical_value: float,
    horizon: int,
    ratio: float,
    min_events: int = 1,
    looks: Sequence[int] | None = None,
) -> Integers:
    """For n = 1 .. horizon events, the fewest cases that signal; n + 1 where none do.

    A signal needs an LLR above the critical value, `min_events` cases and, where `looks` are
    given, one of these numbers of events.

    >>> boundary(2.7726, 10, 1).tolist()
    [2, 3, 4, 5, 5, 6, 7, 8, 8, 9]
    """
    n = np.arange(1, horizon + 1)
    cases = np.arange(horizon + 2)
    signals = maxsprt_binomial(cases, n[:, None], ratio) > critical_value + SAME
    signals &= (cases >= min_events) & (cases <= n[:, None])
    if looks is not None:
        signals &= np.isin(n, looks)[:, None]
    return np.where(signals.any(axis=1), signals.argmax(axis=1), n + 1)


def type1(limits: Integers, ratio: float) -> float:
    """Probability, nothing being wrong, that the cases ever reach the boundary.

    >>> round(type1(boundary(2.7726, 10, 1), 1), 9)
    0.041015625
    """
    p = 1 / (1 + ratio)
    silent = np.zeros(len(limits) + 2)
    silent[0] = 1
    for limit in limits.tolist():
        silent[1:] = silent[1:] * (1 - p) + silent[:-1] * p
        silent[0] *= 1 - p
        silent[limit:] = 0
    return float(1 - silent.sum())


def critical_value(
    horizon: int,
    ratio: float,
    alpha: float = 0.05,
    min_events: int = 1,
    looks: Sequence[int] | None = None,
) -> tuple[Limit, Integers]:
    """The smallest critical value with type I error of at most alpha, and its boundary.

    `horizon` is the number of events at which the test ends; `looks` are the numbers of events at
    which alone it looks, every one unless given, the last the horizon. The statistic is discrete:
    the value is one that it can take, a signal needs an LLR *above* it, and the error is below
    alpha. Where nothing can signal, there is no value, the reason is given, and the boundary is
    empty. InputError `bad_parameter`. Verified against Sequential 4.5.1:
    `tests/detectors/sequential/test_maxsprt_binomial.py`.

    >>> limit, cases = critical_value(10, 1)
    >>> round(limit.critical_value, 6), round(limit.type1, 9)
    (2.772589, 0.041015625)
    """
    check(alpha=alpha, min_events=min_events, horizon=horizon, longest=LONGEST)
    if not 0 < ratio < np.inf:
        raise InputError("bad_parameter", f"ratio must be above 0 and finite, not {ratio}")
    if looks is not None and check_looks(looks)[-1] != horizon:
        raise InputError("bad_parameter", "the last look must be at the horizon")

    def limits(value: float) -> Integers:
        return boundary(value, horizon, ratio, min_events, looks)

    most = type1(limits(0), ratio)
    if most <= alpha:
        return unattainable(most, f"with {min_events} cases or more of {horizon} events"), NOTHING
    at = np.arange(1, horizon + 1) if looks is None else np.array(looks)
    n, cases = np.meshgrid(at, np.arange(min_events, horizon + 1))
    values = np.unique(maxsprt_binomial(cases, n, ratio)[cases <= n])
    # from one value to the next the boundary rises and the error falls
    value = smallest(values, lambda value: type1(limits(value), ratio), alpha)
    error = type1(limits(value), ratio)
    if error <= 0:
        reason = "not even cases alone are improbable enough by then"
        return Limit(None, None, reason), NOTHING
    return Limit(value, error), limits(value)


@lru_cache(maxsize=4096)
def _bar(horizon: int, ratio: float, alpha: float, min_events: int) -> float:
    return bar(critical_value(horizon, ratio, alpha, min_events)[0])


def start(reference: Reference, parameters: Parameters = DEFAULT) -> State:
    """Before the first look; a critical value for each horizon. InputError `bad_parameter`."""
    horizon, ratio = amounts(**reference._asdict())
    check_horizon(parameters.margin, horizon)
    check_margin(1, ratio=float(ratio.min(initial=1)))
    bars = [
        _bar(int(end), controls / parameters.margin, parameters.alpha, parameters.min_events)
        for end, controls in zip(horizon.tolist(), ratio.tolist(), strict=True)
    ]
    zero = np.zeros_like(horizon)
    return State(zero, zero, zero, np.array(bars), np.floor(horizon), ratio)


def step(state: State, look: Look, parameters: Parameters = DEFAULT) -> tuple[State, Finding]:
    """One look, after any number of events.

    Where it passes the horizon, what came after that is not known from what came before: the cases
    by then are taken for as few as they can have been.

    >>> before = start(Reference(np.array([50.0]), np.array([1.0])))
    >>> state, finding = step(before, Look(np.array([14.0]), np.array([1.0])))
    >>> finding.llr.round(3).tolist(), finding.signal.tolist(), finding.open.tolist()
    ([5.366], [1.0], [0.0])
    """
    n, n_control = amounts(**look._asdict())
    cases, controls = state.n + n, state.n_control + n_control
    total, ratio = cases + controls, state.ratio / parameters.margin
    beyond = np.maximum(total - state.horizon, 0)
    fewest = np.maximum(cases - beyond, 0)
    by_then = maxsprt_binomial(fewest, np.minimum(total, state.horizon), ratio)
    # once past the horizon the test is over: nothing that comes later may signal
    over = state.n + state.n_control >= state.horizon
    counted = np.where((fewest >= parameters.min_events) & ~over, by_then, 0.0)
    time = np.minimum(total, state.horizon) / state.horizon
    llr = maxsprt_binomial(cases, total, ratio)
    finding = find(llr, counted, state.critical_value, state.signal, time)
    return state._replace(n=cases, n_control=controls, signal=finding.signal), finding


def batch(reference: Reference, looks: Look, parameters: Parameters = DEFAULT) -> Finding:
    """All looks, arrays of shape (looks, pairs), as the steps give them."""
    found: Finding = replay(step, start(reference, parameters), looks, parameters)
    return found


METHOD = Method(
    name="maxsprt_binomial",
    look=Look,
    finding=Finding,
    start=start,
    step=step,
    batch=batch,
    parameters=DEFAULT,
    reference=Reference,
    rising=("llr", "signal"),
)
