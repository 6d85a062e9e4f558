"""E-detector: harm that begins late, as a sum of e-processes started at each look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.disproportionality.method import Floats
from detectors.sequential.method import Method, amounts, check_margin, replay
from detectors.sequential.mixture import EXCESS, log_mean_exp, nodes
from schemas.errors import InputError


@dataclass(frozen=True, slots=True)
class Parameters:
    """`margin`: the largest rate ratio that is no harm; `excess`: the mixture's nodes.

    `patience`: how slowly the prior weight of late beginnings falls; a process started at look j
    has weight j^-patience - (j + 1)^-patience in `log_e`.
    """

    margin: float = 1.25
    excess: tuple[float, ...] = EXCESS
    patience: float = 0.5


DEFAULT = Parameters()


class Look(NamedTuple):
    """What a look adds: reports, and how many to expect at a rate ratio of 1."""

    n: Floats
    expected: Floats


class State(NamedTuple):
    """Looks so far, log sums over beginnings, plain and weighted, each (pairs, nodes)."""

    looks: Floats
    log_sum: Floats
    log_weighted: Floats
    log_e_sup: Floats


class Finding(NamedTuple):
    """`log_sum`: the detector, for `threshold`; `log_e`: an e-process for "it never began"."""

    log_sum: Floats
    log_e: Floats
    log_e_sup: Floats


# exp of it is 0, and it stays a number through additions
NOTHING = -1e300


def edetector(log_sum: Floats, log_lr: Floats, log_weight: Floats) -> Floats:
    """The sum over beginnings after one look more, for each node: exact in constant memory.

        M_t = sum over j <= t of w_j  L_j ... L_t  =  (M_{t-1} + w_t) L_t

    L_t is the likelihood ratio of look t at one alternative. With w = 1 (Shiryaev-Roberts), M_t - t
    is a supermartingale as long as nothing has begun, so the expected number of looks to M >= A is
    at least A. With weights that add up to 1, M_t plus the weights still to come is an e-process,
    for P(ever >= 1/alpha) <= alpha and for families. The alternatives are a fixed mixture, so the
    sum of e-processes of every beginning is the mean over nodes of this recursion: nothing is
    thinned out. Source: Shin, Ramdas, Rinaldo, New Engl J Stat Data Sci 2024;2:229-60
    (arXiv 2203.03532). All of shape (pairs, nodes); logs. Verified against the sum written out and
    simulation: `tests/detectors/sequential/test_edetector.py`.

    >>> edetector(np.log([[3.0]]), np.log([[0.5]]), np.log([[1.0]])).round(6).tolist()  # log 2
    [[0.693147]]
    """
    out: Floats = np.logaddexp(log_sum, log_weight) + log_lr
    return out


def threshold(run_length: float) -> float:
    """The `log_sum` at which to alarm, for an average of `run_length` looks or more to a false one.

    InputError `bad_parameter`.

    >>> round(threshold(520), 4)
    6.2538
    """
    if not 1 < run_length < np.inf:
        raise InputError("bad_parameter", "the run length must be more than one look")
    return float(np.log(run_length))


def start(pairs: int, parameters: Parameters = DEFAULT) -> State:
    """Before the first look. InputError `bad_parameter`."""
    check_margin(parameters.margin, patience=parameters.patience)
    nothing = np.full((pairs, len(nodes(parameters.excess))), NOTHING)
    return State(np.zeros(pairs), nothing, nothing, np.zeros(pairs))


def step(state: State, look: Look, parameters: Parameters = DEFAULT) -> tuple[State, Finding]:
    """One look; where nothing is expected it says nothing and is no look of that pair.

    >>> state, finding = step(start(1), Look(np.array([12.0]), np.array([3.0])))
    >>> finding.log_sum.round(3).tolist(), finding.log_e.round(3).tolist()
    ([4.404], [3.205])
    """
    n, expected = amounts(**look._asdict())
    excess = nodes(parameters.excess)
    log_lr = n[:, None] * np.log1p(excess) - expected[:, None] * (parameters.margin * excess)
    seen = expected > 0
    looks = state.looks + seen
    begun = np.maximum(looks, 1)
    power = -parameters.patience
    log_weight = np.log(begun**power - (begun + 1) ** power)
    own = seen[:, None]
    log_sum = np.where(own, edetector(state.log_sum, log_lr, np.zeros_like(log_lr)), state.log_sum)
    log_weighted = np.where(
        own, edetector(state.log_weighted, log_lr, log_weight[:, None]), state.log_weighted
    )
    to_come = power * np.log1p(looks)
    now = np.logaddexp(log_mean_exp(log_weighted), to_come)
    highest = np.maximum(state.log_e_sup, now)
    finding = Finding(log_mean_exp(log_sum), now, highest)
    return State(looks, log_sum, log_weighted, highest), finding


def batch(pairs: int, looks: Look, parameters: Parameters = DEFAULT) -> Finding:
    """All looks, arrays of shape (looks, pairs), as the steps give them."""
    found: Finding = replay(step, start(pairs, parameters), looks, parameters)
    return found


METHOD = Method(
    name="edetector",
    look=Look,
    finding=Finding,
    start=start,
    step=step,
    batch=batch,
    parameters=DEFAULT,
    rising=("log_sum", "log_e", "log_e_sup"),
)
