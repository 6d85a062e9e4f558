"""E-process for a Poisson rate against expected counts that are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.disproportionality.method import Floats
from detectors.sequential.method import Evidence, Method, amounts, check_margin
from detectors.sequential.special import log_scaled_gamma
from schemas.errors import InputError


@dataclass(frozen=True, slots=True)
class Parameters:
    """`margin`: the largest rate ratio that is no harm; `shape`, `rate`: the gamma mixture.

    At shape 1 the ratio's excess over the margin is exponential with mean 1 / rate, and the
    evidence never rises with the margin.
    """

    margin: float = 1.25
    shape: float = 1.0
    rate: float = 0.5


DEFAULT = Parameters()


class Look(NamedTuple):
    """What a look adds: reports, and how many to expect at a rate ratio of 1.

    `expected` must not depend on the reports of its own look, or of later ones.
    """

    n: Floats
    expected: Floats


class State(NamedTuple):
    """Sums so far; `n_unexposed` are reports that came where none could be expected."""

    n: Floats
    expected: Floats
    n_unexposed: Floats
    log_e_sup: Floats


def eprocess(n: npt.ArrayLike, expected: npt.ArrayLike, parameters: Parameters = DEFAULT) -> Floats:
    """Log e-value of `n` events so far where `expected` were, for a rate ratio above the margin.

        E = integral over r > m of (r/m)^n exp(-(r - m) mu) g(r) dr
        g = gamma(a, b) cut to r > m
        log E = log G(a + n, (b + mu) m) - log G(a, b m),  G(s, x) = e^x x^-s Gamma(s, x)

    H0: the ratio never exceeds the margin m, at any look; E is a supermartingale under all of H0,
    so P(E ever reaches 1/alpha) <= alpha. One-sided: with n <= m mu it tends to 0. Source:
    mixture martingales, Robbins, Ann Math Stat 1970;41:1397-409; Howard et al., Ann Stat
    2021;49:1055-80. Arrays of one shape (or broadcast); counts and expected counts; a log e-value.
    InputError `bad_count`, `bad_parameter`. Verified against adaptive quadrature and simulation:
    `tests/detectors/sequential/test_eprocess.py`.

    >>> [round(float(x), 3) for x in eprocess([0, 3, 12], [3.0, 3.0, 3.0])]
    [-1.946, -1.218, 4.705]
    """
    check_margin(parameters.margin, shape=parameters.shape, rate=parameters.rate)
    count, mean = amounts(n=n, expected=expected)
    return log_e(count, mean, parameters)


def log_e(n: Floats, expected: Floats, parameters: Parameters) -> Floats:
    """`eprocess` for arrays already checked."""
    m, a, b = parameters.margin, parameters.shape, parameters.rate
    out: Floats = log_scaled_gamma(a + n, (b + expected) * m) - log_scaled_gamma(a, b * m)
    return out


def start(pairs: int, parameters: Parameters = DEFAULT) -> State:
    """Before the first look. InputError `bad_parameter`."""
    check_margin(parameters.margin, shape=parameters.shape, rate=parameters.rate)
    zero = np.zeros(pairs)
    return State(zero, zero, zero, zero)


def step(state: State, look: Look, parameters: Parameters = DEFAULT) -> tuple[State, Evidence]:
    """One look; where `expected` is 0 it says nothing, and its reports are only counted.

    >>> state, finding = step(start(1), Look(np.array([12.0]), np.array([3.0])))
    >>> finding.log_e.round(3).tolist(), state.n.tolist()
    ([4.705], [12.0])
    """
    n, expected = amounts(**look._asdict())
    exposed = expected > 0
    total, mean = state.n + np.where(exposed, n, 0), state.expected + expected
    now = log_e(total, mean, parameters)
    highest = np.maximum(state.log_e_sup, now)
    unexposed = state.n_unexposed + np.where(exposed, 0, n)
    return State(total, mean, unexposed, highest), Evidence(now, highest)


def batch(pairs: int, looks: Look, parameters: Parameters = DEFAULT) -> Evidence:
    """All looks at once, as the steps would give them. InputError also `bad_shape`."""
    check_margin(parameters.margin, shape=parameters.shape, rate=parameters.rate)
    n, expected = amounts(**looks._asdict())
    if n.ndim != 2 or n.shape[1] != pairs:
        raise InputError("bad_shape", f"looks are arrays of shape (looks, {pairs})")
    total = np.cumsum(np.where(expected > 0, n, 0), axis=0)
    now = log_e(total, np.cumsum(expected, axis=0), parameters)
    return Evidence(now, np.maximum.accumulate(np.maximum(now, 0), axis=0))


METHOD = Method(
    name="eprocess",
    look=Look,
    finding=Evidence,
    start=start,
    step=step,
    batch=batch,
    parameters=DEFAULT,
    rising=("log_e", "log_e_sup"),
)
