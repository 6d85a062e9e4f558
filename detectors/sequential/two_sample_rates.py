"""Two-sample e-process for rates: events over person-time beside a background that also goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.disproportionality.method import Floats
from detectors.sequential.method import Evidence, Method, amounts, check_margin, replay
from detectors.sequential.mixture import EXCESS, log_mean_exp, nodes


@dataclass(frozen=True, slots=True)
class Parameters:
    """`margin`: the largest rate ratio that is no harm; `excess`: the mixture's nodes."""

    margin: float = 1.25
    excess: tuple[float, ...] = EXCESS


DEFAULT = Parameters()


class Look(NamedTuple):
    """What a look adds: events and person-time of the product, and of its comparators."""

    n: Floats
    exposure: Floats
    n_background: Floats
    exposure_background: Floats


class State(NamedTuple):
    """Log likelihood ratios so far, (pairs, nodes), and the largest evidence."""

    log_lr: Floats
    log_e_sup: Floats


def two_sample_rates(look: Look, parameters: Parameters = DEFAULT) -> Floats:
    """Log likelihood ratios of one look, shape (pairs, nodes), whatever the background's rate.

        given N = n + n_b:  n ~ binomial(N, q),  q = m t / (m t + t_b) at a ratio of m
        log LR_i = n log(1 + x_i) - N log(1 + x_i q),  ratio m (1 + x_i) against m

    E is the mean over the nodes of the products over looks. Given the totals of its look each
    factor has mean <= 1 whenever that look's ratio is <= m, so the background may drift from look
    to look, and E is a supermartingale. Source: Turner, Ly, Grünwald, J Stat Plan Inference
    2024;230:106116 (for Poisson counts their e-variable is this one). Counts, person-time in any
    unit, all of shape (pairs,). A look in which one side has no person-time compares nothing: 0.
    InputError `bad_count`, `bad_parameter`. Verified against the binomial law, enumeration and
    simulation: `tests/detectors/sequential/test_two_sample_rates.py`.

    >>> look = Look(*(np.array([x]) for x in (4.0, 1.0, 2.0, 1.0)))
    >>> two_sample_rates(look, Parameters(1.0, (1.0,))).round(4).tolist()  # (4/3)^4 (2/3)^2
    [[0.3398]]
    """
    check_margin(parameters.margin)
    excess = nodes(parameters.excess)
    n, t, n_background, t_background = amounts(**look._asdict())
    at_margin = parameters.margin * t
    compared = (t > 0) & (t_background > 0)
    share = at_margin / np.where(compared, at_margin + t_background, 1)
    out: Floats = n[..., None] * np.log1p(excess) - (n + n_background)[..., None] * np.log1p(
        share[..., None] * excess
    )
    return np.where(compared[..., None], out, 0.0)


def start(pairs: int, parameters: Parameters = DEFAULT) -> State:
    """Before the first look. InputError `bad_parameter`."""
    check_margin(parameters.margin)
    return State(np.zeros((pairs, len(nodes(parameters.excess)))), np.zeros(pairs))


def step(state: State, look: Look, parameters: Parameters = DEFAULT) -> tuple[State, Evidence]:
    """One look.

    >>> state, finding = step(start(1), Look(*(np.array([x]) for x in (30.0, 10.0, 10.0, 10.0))))
    >>> finding.log_e.round(3).tolist()
    [2.364]
    """
    log_lr = state.log_lr + two_sample_rates(look, parameters)
    now = log_mean_exp(log_lr)
    highest = np.maximum(state.log_e_sup, now)
    return State(log_lr, highest), Evidence(now, highest)


def batch(pairs: int, looks: Look, parameters: Parameters = DEFAULT) -> Evidence:
    """All looks, arrays of shape (looks, pairs), as the steps give them."""
    found: Evidence = replay(step, start(pairs, parameters), looks, parameters)
    return found


METHOD = Method(
    name="two_sample_rates",
    look=Look,
    finding=Evidence,
    start=start,
    step=step,
    batch=batch,
    parameters=DEFAULT,
    rising=("log_e", "log_e_sup"),
)
