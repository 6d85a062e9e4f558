"""Two-sample e-process for reports whose harm may have been there from the start or begin late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.disproportionality.method import Floats
from detectors.sequential import two_sample
from detectors.sequential.edetector import NOTHING, edetector
from detectors.sequential.method import Evidence, Method, check_margin, replay
from detectors.sequential.mixture import EXCESS, log_mean_exp, nodes
from detectors.sequential.two_sample import Look


@dataclass(frozen=True, slots=True)
class Parameters:
    """Those of `two_sample`, and `patience` as in `edetector`."""

    margin: float = 1.25
    excess: tuple[float, ...] = EXCESS
    prior: float = 0.18
    patience: float = 0.5

    @property
    def of_look(self) -> two_sample.Parameters:
        """What a look is compared by."""
        return two_sample.Parameters(self.margin, self.excess, self.prior)


DEFAULT = Parameters()


class State(NamedTuple):
    """Looks that compared something, comparators' reports so far with the event and in all, log
    likelihood ratios from the first look and weighted over beginnings (pairs, nodes), the largest
    evidence.
    """

    looks: Floats
    n_comparator: Floats
    n_comparators: Floats
    log_lr: Floats
    log_weighted: Floats
    log_e_sup: Floats


def two_sample_late(
    log_lr: Floats, log_weighted: Floats, looks: Floats, patience: float = 0.5
) -> Floats:
    """Log e-value after some looks, shape (pairs,): the mean of two e-processes of one null.

        E = 1/2 P + 1/2 M
        P = mean over nodes of  S_1 ... S_t                           (harm from the first look)
        M = mean over nodes of  sum over j <= t of w_j S_j ... S_t  +  (t + 1)^-patience
        w_j = j^-patience - (j + 1)^-patience                         (harm from look j)

    S_t is the e-variable of look t at one alternative (`two_sample.two_sample`). The weights and
    what is still to come add up to 1, so that M is an e-process for "the odds ratio has never
    exceeded the margin", as P is; so is their mean, whatever depends on what. Only looks that
    compare something are counted in t. Source: Turner, Ly, Grünwald, J Stat Plan Inference
    2024;230:106116 (S); Shin, Ramdas, Rinaldo, New Engl J Stat Data Sci 2024;2:229-60 (M);
    Vovk and Wang, Ann Stat 2021;49:1736-54 (means of e-values). `log_lr`, `log_weighted` of shape
    (pairs, nodes), `looks` (pairs,). Verified against the sum written out, and by simulation:
    `tests/detectors/sequential/test_two_sample_late.py`.

    >>> one = np.log([[8.0]])  # one look, S = 8: P = 8, M = (1 - 2^-1/2) 8 + 2^-1/2 = 3.0503
    >>> late = np.log([[8.0 * (1 - 2**-0.5)]])
    >>> np.exp(two_sample_late(one, late, np.array([1.0]))).round(4).tolist()
    [5.5251]
    """
    plain, late = parts(log_lr, log_weighted, looks, patience)
    out: Floats = np.logaddexp(plain, late) - np.log(2)
    return out


def parts(
    log_lr: Floats, log_weighted: Floats, looks: Floats, patience: float = 0.5
) -> tuple[Floats, Floats]:
    """Logs of P and M of `two_sample_late`, each of shape (pairs,)."""
    to_come = -patience * np.log1p(looks)
    late: Floats = np.logaddexp(log_mean_exp(log_weighted), to_come)
    return log_mean_exp(log_lr), late


def start(pairs: int, parameters: Parameters = DEFAULT) -> State:
    """Before the first look. InputError `bad_parameter`."""
    check_margin(parameters.margin, prior=parameters.prior, patience=parameters.patience)
    zero = np.zeros(pairs)
    shape = (pairs, len(nodes(parameters.excess)))
    return State(zero, zero, zero, np.zeros(shape), np.full(shape, NOTHING), zero)


def step(state: State, look: Look, parameters: Parameters = DEFAULT) -> tuple[State, Evidence]:
    """One look; the first that has comparators is only learnt from.

    >>> look = Look(*(np.array([x]) for x in (8.0, 40.0, 20.0, 1000.0)))
    >>> state, first = step(start(1), look)
    >>> state, second = step(state, look)
    >>> first.log_e.tolist(), second.log_e.round(3).tolist()
    ([0.0], [7.373])
    """
    prior = parameters.prior
    odds = (state.n_comparator + prior) / (state.n_comparators - state.n_comparator + prior)
    log_s = two_sample.two_sample(look, odds, parameters.of_look)
    seen = (state.n_comparators > 0) & (look.n_product > 0) & (look.n_comparators > 0)
    own = seen[:, None]
    looks = state.looks + seen
    begun = np.maximum(looks, 1)
    power = -parameters.patience
    log_weight = np.log(begun**power - (begun + 1) ** power)[:, None]
    log_lr = state.log_lr + np.where(own, log_s, 0.0)
    log_weighted = np.where(
        own, edetector(state.log_weighted, log_s, log_weight), state.log_weighted
    )
    now = two_sample_late(log_lr, log_weighted, looks, parameters.patience)
    highest = np.maximum(state.log_e_sup, now)
    after = State(
        looks,
        state.n_comparator + look.n_comparator,
        state.n_comparators + look.n_comparators,
        log_lr,
        log_weighted,
        highest,
    )
    return after, Evidence(now, highest)


def batch(pairs: int, looks: Look, parameters: Parameters = DEFAULT) -> Evidence:
    """All looks, arrays of shape (looks, pairs), as the steps give them."""
    found: Evidence = replay(step, start(pairs, parameters), looks, parameters)
    return found


METHOD = Method(
    name="two_sample_late",
    look=Look,
    finding=Evidence,
    start=start,
    step=step,
    batch=batch,
    parameters=DEFAULT,
    rising=("log_e", "log_e_sup"),
)
