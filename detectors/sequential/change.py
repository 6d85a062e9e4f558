"""Change of a pair against its own past: its rate, its serious share, its fatal share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincc, betainccinv

from detectors.disproportionality.method import Floats
from detectors.sequential import eprocess_background
from detectors.sequential.eprocess_background import check_reference
from detectors.sequential.method import Method, amounts, at_most, replay
from detectors.sequential.mixture import EXCESS, log_mean_exp, nodes
from detectors.sequential.special import least

GRID = 48
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Parameters:
    """`margin`: the largest rate ratio, and odds ratio of a share, that is no change.

    `shape`, `rate`, `calibrator` as in `eprocess_background`; `excess`: the shares' mixture.
    """

    margin: float = 1.25
    shape: float = 1.0
    rate: float = 0.5
    calibrator: float = 0.4
    excess: tuple[float, ...] = EXCESS

    @property
    def of_rate(self) -> eprocess_background.Parameters:
        """Those of the rate's process."""
        return eprocess_background.Parameters(self.margin, self.shape, self.rate, self.calibrator)


DEFAULT = Parameters()


class Look(NamedTuple):
    """What a look adds: reports of the pair, exposure, serious and fatal ones among the reports.

    Exposure is person-time, or whatever stands for it (all reports of the product).
    """

    n: Floats
    exposure: Floats
    n_serious: Floats
    n_fatal: Floats


class Reference(NamedTuple):
    """The same of the past, up to a date fixed before the first look."""

    n: Floats
    exposure: Floats
    n_serious: Floats
    n_fatal: Floats


class State(NamedTuple):
    """The past, sums since, and the largest evidence of each."""

    past: Reference
    since: Look
    n_unexposed: Floats
    log_e_rate_sup: Floats
    log_e_serious_sup: Floats
    log_e_fatal_sup: Floats


class Finding(NamedTuple):
    """Log e-values now and at their largest; three tests of a pair, to count thrice in a family."""

    log_e_rate: Floats
    log_e_serious: Floats
    log_e_fatal: Floats
    log_e_rate_sup: Floats
    log_e_serious_sup: Floats
    log_e_fatal_sup: Floats


def change(
    y: npt.ArrayLike,
    n: npt.ArrayLike,
    y_past: npt.ArrayLike,
    n_past: npt.ArrayLike,
    parameters: Parameters = DEFAULT,
) -> Floats:
    """Log e-value of `y` of `n` reports being serious, or fatal, where `y_past` of `n_past` were.

        E = min over s of  k p(s)^(k-1) E(s),   p(s) = P(binomial(n_past, s) <= y_past)
        E(s) = mean over i of (1 + x_i)^y ((1 + m o) / (1 + m (1 + x_i) o))^n,   o = s / (1 - s)

    H0: the odds now are at most m times the odds of the past, s / (1 - s), for any s. The least
    over s is an e-process, as in `eprocess_background`, which is the test of the rate. Source:
    as there. Counts of one shape (or broadcast); a log e-value, 0 without a past. The minimum is
    sought on a grid of logits, then refined. InputError `bad_count`, `bad_parameter`. Verified
    against a fine grid and simulation: `tests/detectors/sequential/test_change.py`.

    >>> [round(float(x), 3) for x in change([4, 20], [20, 25], 40, 200)]
    [-1.938, 12.68]
    """
    check(parameters)
    values = amounts(y=y, n=n, y_past=y_past, n_past=n_past)
    at_most(values[0], values[1], "of a kind than reports")
    at_most(values[2], values[3], "of a kind than reports in the past")
    shape = values[0].shape
    flat = [value.ravel() for value in values]
    return log_e_share(flat[0], flat[1], flat[2], flat[3], parameters).reshape(shape)


def log_e_share(
    y: Floats, n: Floats, y_past: Floats, n_past: Floats, parameters: Parameters
) -> Floats:
    """`change` for arrays of shape (pairs,) already checked."""
    out = np.zeros_like(y)
    some = n_past > 0
    y, n, y_past, n_past = y[some], n[some], y_past[some], n_past[some]
    k, margin, excess = parameters.calibrator, parameters.margin, nodes(parameters.excess)
    gained, rest = y[:, None] * np.log1p(excess), n_past - y_past

    def of_logit(logit: Floats) -> Floats:
        share, odds = 1 / (1 + np.exp(-logit)), margin * np.exp(logit)[:, None]
        fit = np.where(rest > 0, betaincc(y_past + 1, np.maximum(rest, 1), share), 1.0)
        lost = n[:, None] * (np.log1p(odds * (1 + excess)) - np.log1p(odds))
        value: Floats = (
            np.log(k) - (1 - k) * np.log(np.maximum(fit, TINY)) + log_mean_exp(gained - lost)
        )
        return value

    past = np.log((y_past + 0.5) / (rest + 0.5))
    now = np.log((y + 0.5) / (n - y + 0.5))
    worst = np.where(rest > 0, betainccinv(y_past + 1, np.maximum(rest, 1), 1e-12), 1 - 1e-12)
    worst = np.clip(worst, 1e-300, 1 - 1e-12)
    low = np.minimum(past, now - np.log(margin)) - 12
    high = np.maximum(np.log(worst) - np.log1p(-worst), now) + 6
    out[some] = least(of_logit, low, high, grid=GRID, steps=30)
    return out


def check(parameters: Parameters) -> None:
    """InputError `bad_parameter`."""
    eprocess_background.check(parameters.of_rate)
    nodes(parameters.excess)


def start(reference: Reference, parameters: Parameters = DEFAULT) -> State:
    """Before the first look, the past known. InputError `bad_count`, `bad_parameter`."""
    check(parameters)
    past = Reference(*amounts(**reference._asdict()))
    check_reference(past.n, past.exposure)
    _check_parts(past)
    zero = np.zeros_like(past.n)
    return State(past, Look(zero, zero, zero, zero), zero, zero, zero, zero)


def step(state: State, look: Look, parameters: Parameters = DEFAULT) -> tuple[State, Finding]:
    """One look; reports without exposure do not enter the rate, their kinds enter the shares.

    >>> past = Reference(*(np.array([x]) for x in (200.0, 100.0, 40.0, 2.0)))
    >>> now = Look(*(np.array([x]) for x in (25.0, 12.0, 20.0, 0.0)))
    >>> [round(float(e[0]), 3) for e in step(start(past), now)[1]]
    [-3.131, 12.68, -1.245, 0.0, 12.68, 0.0]
    """
    new = Look(*amounts(**look._asdict()))
    _check_parts(new)
    since = Look(*(a + b for a, b in zip(state.since, new, strict=True)))
    unexposed = state.n_unexposed + np.where(new.exposure > 0, 0, new.n)
    past = state.past
    now = (
        eprocess_background.log_e(
            since.n - unexposed, since.exposure, past.n, past.exposure, parameters.of_rate
        ),
        log_e_share(since.n_serious, since.n, past.n_serious, past.n, parameters),
        log_e_share(since.n_fatal, since.n, past.n_fatal, past.n, parameters),
    )
    before = state.log_e_rate_sup, state.log_e_serious_sup, state.log_e_fatal_sup
    highest = [np.maximum(a, b) for a, b in zip(before, now, strict=True)]
    return State(past, since, unexposed, *highest), Finding(*now, *highest)


def batch(reference: Reference, looks: Look, parameters: Parameters = DEFAULT) -> Finding:
    """All looks, arrays of shape (looks, pairs), as the steps give them."""
    found: Finding = replay(step, start(reference, parameters), looks, parameters)
    return found


def _check_parts(counts: Look | Reference) -> None:
    at_most(counts.n_serious, counts.n, "serious reports than reports")
    at_most(counts.n_fatal, counts.n, "fatal reports than reports")


METHOD = Method(
    name="change",
    look=Look,
    finding=Finding,
    start=start,
    step=step,
    batch=batch,
    parameters=DEFAULT,
    reference=Reference,
    rising=("log_e_rate", "log_e_rate_sup"),
)
