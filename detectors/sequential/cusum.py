"""CUSUM of counts against expected counts, its threshold from the run length to a false alarm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.stats import poisson

from detectors.disproportionality.method import Floats
from detectors.sequential.method import Method, amounts, check_margin, replay
from schemas.errors import InputError

# width of a cell, in events (in standard deviations of a look's count where that is larger)
WIDTH = 0.02
LARGEST = 2_000


@dataclass(frozen=True, slots=True)
class Parameters:
    """`margin`: the rate ratio that is no harm; `ratio`: the one to detect soonest.

    `run_length`: looks to a false alarm on average, or more, at a ratio of the margin.
    """

    margin: float = 1.25
    ratio: float = 2.5
    run_length: float = 520.0


DEFAULT = Parameters()


class Reference(NamedTuple):
    """Reports to expect at a look, at a ratio of 1: what the threshold is computed for."""

    expected: Floats


class Look(NamedTuple):
    """What a look adds: reports, and how many to expect at a rate ratio of 1."""

    n: Floats
    expected: Floats


class State(NamedTuple):
    """The sum, and the threshold it must reach."""

    statistic: Floats
    threshold: Floats


class Finding(NamedTuple):
    """An alarm where `statistic` >= `threshold`; both in events. No e-value, no error rate."""

    statistic: Floats
    threshold: Floats


def cusum(
    statistic: Floats, n: Floats, expected: Floats, parameters: Parameters = DEFAULT
) -> Floats:
    """The sum after one look.

        S = max(0, S + n - k),   k = mu (r - m) / log(r / m)

    mu expected, m margin, r ratio to detect: S log(r / m) is the log likelihood ratio of r against
    m since its last zero. Source: Page, Biometrika 1954;41:100-15; Lucas, Technometrics
    1985;27:129-44. Arrays of one shape; events. One-sided: a protective pair stays near 0.
    Verified against `threshold`'s run length, by hand and by simulation:
    `tests/detectors/sequential/test_cusum.py`.

    >>> cusum(np.array([1.0]), np.array([3.0]), np.array([1.0]), Parameters(1.0, np.e)).round(3)
    array([2.282])
    """
    out: Floats = np.maximum(0, statistic + n - expected * allowance(parameters))
    return out


def allowance(parameters: Parameters) -> float:
    """k for one expected event. InputError `bad_parameter`."""
    check_margin(parameters.margin)
    if not parameters.margin < parameters.ratio < np.inf:
        raise InputError("bad_parameter", "the ratio to detect must be above the margin")
    excess = parameters.ratio - parameters.margin
    return float(excess / np.log(parameters.ratio / parameters.margin))


def run_length(mean: float, k: float, width: float, cells: int) -> float:
    """Looks to the first S >= `cells` * `width`, on average, from S = 0, counts Poisson(`mean`).

    A Markov chain over cells of that width (Brook and Evans, Biometrika 1972;59:539-49): the mean
    times L solve (I - Q) L = 1. Counts that do not end on a cell are rounded up, so the true run
    length is never shorter.

    >>> import math
    >>> p = [math.exp(-0.2), 0.2 * math.exp(-0.2)]  # k = 1/2, alarm at 1: by hand
    >>> by_hand = (1 + p[1]) / (1 - p[0] * (1 + p[1]))
    >>> abs(run_length(0.2, 0.5, 0.5, 2) - by_hand) < 1e-9
    True
    """
    counts = np.arange(int((cells * width + k) / 1) + 2)
    jumps = np.ceil((counts - k) / width - 1e-9).astype(np.int64)
    stay = np.zeros((cells, cells))
    place = np.arange(cells)
    for probability, jump in zip(poisson.pmf(counts, mean), jumps, strict=True):
        to = np.maximum(place + jump, 0)
        inside = to < cells
        stay[place[inside], to[inside]] += probability
    return float(np.linalg.solve(np.eye(cells) - stay, np.ones(cells))[0])


@lru_cache(maxsize=4096)
def threshold(expected: float, parameters: Parameters = DEFAULT) -> float:
    """The least S, on the grid of cells, whose run length at the margin is long enough.

    `expected` reports a look. InputError `bad_parameter`; `expected_too_small` where so little is
    expected at a look that the chain would need more than 2,000 cells: look less often.

    >>> round(threshold(1.0), 3)
    6.234
    """
    if not 0 < expected < np.inf or not 1 < parameters.run_length < np.inf:
        raise InputError("bad_parameter", "expected must be above 0, the run length above 1")
    k, mean = expected * allowance(parameters), expected * parameters.margin
    width = k / np.ceil(k / (WIDTH * max(1.0, np.sqrt(mean))))
    low, high = 0, 16
    while run_length(mean, k, width, high) < parameters.run_length:
        low, high = high, 2 * high
        if high > LARGEST:
            raise InputError(
                "expected_too_small",
                f"{expected:g} expected at a look is too little: look less often",
            )
    while high - low > 1:
        middle = (low + high) // 2
        if run_length(mean, k, width, middle) < parameters.run_length:
            low = middle
        else:
            high = middle
    return float(high * width)


def start(reference: Reference, parameters: Parameters = DEFAULT) -> State:
    """Before the first look: thresholds, one for each expected count that differs.

    InputError as `threshold`.
    """
    (expected,) = amounts(**reference._asdict())
    thresholds = np.array([threshold(float(mean), parameters) for mean in expected])
    return State(np.zeros(len(expected)), thresholds)


def step(state: State, look: Look, parameters: Parameters = DEFAULT) -> tuple[State, Finding]:
    """One look. The allowance follows what this look expects; the threshold stays.

    So the run length is as promised while looks expect what the reference says. An alarm does not
    start the sum anew: that is a person's decision. Where nothing is expected, the look says
    nothing.

    >>> state = start(Reference(np.array([1.0])))
    >>> state, finding = step(state, Look(np.array([9.0]), np.array([1.0])))
    >>> bool(finding.statistic[0] >= finding.threshold[0])
    True
    """
    n, expected = amounts(**look._asdict())
    after = cusum(state.statistic, np.where(expected > 0, n, 0), expected, parameters)
    return State(after, state.threshold), Finding(after, state.threshold)


def batch(reference: Reference, looks: Look, parameters: Parameters = DEFAULT) -> Finding:
    """All looks, arrays of shape (looks, pairs), as the steps give them."""
    found: Finding = replay(step, start(reference, parameters), looks, parameters)
    return found


METHOD = Method(
    name="cusum",
    look=Look,
    finding=Finding,
    start=start,
    step=step,
    batch=batch,
    parameters=DEFAULT,
    reference=Reference,
    rising=("statistic",),
)
