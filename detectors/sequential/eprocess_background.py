"""E-process for a Poisson rate against a background that is itself a count over person-time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.disproportionality.method import Floats
from detectors.sequential import eprocess
from detectors.sequential.method import Evidence, Method, amounts, at_most, check_margin, replay
from detectors.sequential.special import least, log_upper_gamma
from schemas.errors import InputError


@dataclass(frozen=True, slots=True)
class Parameters:
    """`margin`, `shape`, `rate` as in `eprocess`; `calibrator`: the power k of p -> k p^(k-1).

    The smaller `calibrator`, the less a far-off background is feared and the lower the start
    (E = k before anything is seen).
    """

    margin: float = 1.25
    shape: float = 1.0
    rate: float = 0.5
    calibrator: float = 0.4

    @property
    def given_background(self) -> eprocess.Parameters:
        """Those of the process at a background that were known."""
        return eprocess.Parameters(self.margin, self.shape, self.rate)


DEFAULT = Parameters()


class Reference(NamedTuple):
    """The background, observed before the first look: a count over person-time."""

    n: Floats
    exposure: Floats


class Look(NamedTuple):
    """What a look adds: events, and person-time in the unit of the background's."""

    n: Floats
    exposure: Floats


class State(NamedTuple):
    """The background, sums so far, and events that came without person-time."""

    n_background: Floats
    exposure_background: Floats
    n: Floats
    exposure: Floats
    n_unexposed: Floats
    log_e_sup: Floats


def eprocess_background(
    n: npt.ArrayLike,
    exposure: npt.ArrayLike,
    n_background: npt.ArrayLike,
    exposure_background: npt.ArrayLike,
    parameters: Parameters = DEFAULT,
) -> Floats:
    """Log e-value of `n` events in `exposure` against the rate that a background count allows.

        E = min over l of  k p(l)^(k-1) E_known(n, l * exposure)
        p(l) = P(Poisson(l * exposure_background) <= n_background)

    For the true rate l, p is a p-value and k p^(k-1) an e-value, independent of the process to
    come, so their product is an e-process; the least over every l is one whatever the rate is.
    The binomial likelihood ratio given the totals is *not* used: with a background that is counted
    once it has mean 1 at each look but is no martingale, so it may not be looked at again and
    again (where both sides go on, see `two_sample_rates`). The function of l is convex: one
    minimum. Source: universal inference, Wasserman, Ramdas, Balakrishnan, PNAS 2020;117:16880-90;
    calibrators, Vovk and Wang, Ann Stat 2021;49:1736-54. Arrays of one shape (or broadcast);
    person-time in any unit, one for both; a log e-value, log k before anything is seen and 0 where
    there is no background. InputError `bad_count`, `bad_parameter`. Verified against a fine grid
    and simulation: `tests/detectors/sequential/test_eprocess_background.py`.

    >>> counted = [100, 100, 1]
    >>> [round(float(x), 3) for x in eprocess_background([3, 12, 12], 3, counted, counted)]
    [-1.889, 4.082, -1.623]
    """
    check(parameters)
    values = amounts(
        n=n,
        exposure=exposure,
        n_background=n_background,
        exposure_background=exposure_background,
    )
    check_reference(*values[2:])
    shape = values[0].shape
    flat = [value.ravel() for value in values]
    return log_e(flat[0], flat[1], flat[2], flat[3], parameters).reshape(shape)


def log_e(n: Floats, t: Floats, c: Floats, past: Floats, parameters: Parameters) -> Floats:
    """`eprocess_background` for arrays of shape (pairs,) already checked."""
    k, known = parameters.calibrator, parameters.given_background
    out = np.zeros_like(n)
    some = past > 0
    n, t, c, past = n[some], t[some], c[some], past[some]

    def of_rate(root: Floats) -> Floats:
        rate = root**2  # spreads the places towards small rates
        fit = log_upper_gamma(c + 1, rate * past)
        value: Floats = np.log(k) - (1 - k) * fit + eprocess.log_e(n, rate * t, known)
        return value

    # beyond this the background's term rises faster than the other one falls
    highest = np.maximum(2 * (c + 1), 4 / (1 - k)) / past
    beyond = np.zeros_like(n)
    np.divide(2 * (n + known.shape), known.margin * t, out=beyond, where=t > 0)
    out[some] = least(of_rate, np.zeros_like(n), np.sqrt(np.maximum(highest, beyond)))
    return out


def check(parameters: Parameters) -> None:
    """InputError `bad_parameter`."""
    check_margin(parameters.margin, shape=parameters.shape, rate=parameters.rate)
    if not 0 < parameters.calibrator < 1:
        raise InputError("bad_parameter", "the calibrator must lie between 0 and 1")


def check_reference(n: Floats, exposure: Floats) -> None:
    """InputError `bad_count` for events without person-time."""
    at_most(np.where(exposure > 0, 0, n), np.zeros_like(n), "events than none in no person-time")


def start(reference: Reference, parameters: Parameters = DEFAULT) -> State:
    """Before the first look, the background known. InputError `bad_count`, `bad_parameter`."""
    check(parameters)
    n, exposure = amounts(**reference._asdict())
    check_reference(n, exposure)
    zero = np.zeros_like(n)
    return State(n, exposure, zero, zero, zero, zero)


def step(state: State, look: Look, parameters: Parameters = DEFAULT) -> tuple[State, Evidence]:
    """One look; where `exposure` is 0 it says nothing, and its events are only counted.

    >>> before = start(Reference(np.array([100.0]), np.array([100.0])))
    >>> state, finding = step(before, Look(np.array([12.0]), np.array([3.0])))
    >>> finding.log_e.round(3).tolist()
    [4.082]
    """
    n, exposure = amounts(**look._asdict())
    exposed = exposure > 0
    after = state._replace(
        n=state.n + np.where(exposed, n, 0),
        exposure=state.exposure + exposure,
        n_unexposed=state.n_unexposed + np.where(exposed, 0, n),
    )
    now = log_e(after.n, after.exposure, state.n_background, state.exposure_background, parameters)
    highest = np.maximum(state.log_e_sup, now)
    return after._replace(log_e_sup=highest), Evidence(now, highest)


def batch(reference: Reference, looks: Look, parameters: Parameters = DEFAULT) -> Evidence:
    """All looks, arrays of shape (looks, pairs), as the steps give them."""
    found: Evidence = replay(step, start(reference, parameters), looks, parameters)
    return found


METHOD = Method(
    name="eprocess_background",
    look=Look,
    finding=Evidence,
    start=start,
    step=step,
    batch=batch,
    parameters=DEFAULT,
    reference=Reference,
    rising=("log_e", "log_e_sup"),
)
