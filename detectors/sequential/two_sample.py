"""Two-sample e-process for reports: a product's beside its comparators', background unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.disproportionality.method import Floats
from detectors.sequential.method import (
    Evidence,
    Method,
    amounts,
    at_most,
    check_margin,
    replay,
)
from detectors.sequential.mixture import EXCESS, log_mean_exp, nodes


@dataclass(frozen=True, slots=True)
class Parameters:
    """`margin`: the largest reporting odds ratio that is no harm; `excess`: the mixture's nodes.

    `prior`: added to the comparators' past reports with and without the event, to predict.
    """

    margin: float = 1.25
    excess: tuple[float, ...] = EXCESS
    prior: float = 0.18


DEFAULT = Parameters()


class Look(NamedTuple):
    """What a look adds: reports with the event and in all, of the product and of comparators."""

    n: Floats
    n_product: Floats
    n_comparator: Floats
    n_comparators: Floats


class State(NamedTuple):
    """Comparators' reports so far, log likelihood ratios (pairs, nodes), the largest evidence."""

    n_comparator: Floats
    n_comparators: Floats
    log_lr: Floats
    log_e_sup: Floats


def two_sample(look: Look, odds: Floats, parameters: Parameters = DEFAULT) -> Floats:
    """Log e-variables of one look, shape (pairs, nodes), one for each alternative.

        alternative i: comparators at `odds`, the product at odds m (1 + x_i)
        null: the nearest pair of shares with odds ratio m (reverse information projection):
              its expected number of reports with the event, both sides together, is the same
        S_i = likelihood of the look's counts under the alternative / under that null

    `odds` (pairs,): predicted from looks before this one; a bad prediction costs power, never
    validity. H0: the odds ratio is <= m, whatever the shares, which may differ from look to look.
    The shares with odds ratio <= m are a convex set for m >= 1, so the projection makes E S <= 1
    on all of it. Source: Turner, Ly, Grünwald, J Stat Plan Inference 2024;230:106116; Turner and
    Grünwald, Stat Probab Lett 2023;198:109835 (effect sizes). Counts of shape (pairs,); a look
    with one side empty compares nothing: 0. InputError `bad_count`, `bad_parameter`. Verified by
    enumeration of all tables and simulation: `tests/detectors/sequential/test_two_sample.py`.

    >>> look = Look(*(np.array([x]) for x in (1.0, 1.0, 0.0, 1.0)))
    >>> s = two_sample(look, np.array([1.0]), Parameters(1.0, (3.0,)))
    >>> s.round(4).tolist()  # shares 4/5 and 1/2; null .65 and .65: .8/.65 * .5/.35
    [[0.5643]]
    """
    check_margin(parameters.margin, prior=parameters.prior)
    n, product, m, others = (value[:, None] for value in amounts(**look._asdict()))
    at_most(n, product, "reports with the event than reports")
    at_most(m, others, "comparators' reports with the event than reports")
    margin = parameters.margin
    other = odds[:, None]
    own = other * margin * (1 + nodes(parameters.excess))
    with_event = product * own / (1 + own) + others * other / (1 + other)
    null = _odds_at_margin(with_event, product, others, margin)
    log_e = (
        n * (np.log(own) - np.log(margin * null))
        - product * (np.log1p(own) - np.log1p(margin * null))
        + m * (np.log(other) - np.log(null))
        - others * (np.log1p(other) - np.log1p(null))
    )
    return np.where((product > 0) & (others > 0), log_e, 0.0)


def _odds_at_margin(with_event: Floats, product: Floats, others: Floats, margin: float) -> Floats:
    """The odds x of the comparators with product m x/(1+m x) + others x/(1+x) = with_event."""
    without = np.where(product + others > 0, product + others - with_event, 1.0)
    linear = product * margin + others - with_event * (1 + margin)
    root = np.sqrt(linear**2 + 4 * margin * without * with_event)
    # of the two forms of the root, the one that does not cancel
    upper = (root - linear) / (2 * margin * without)
    lower = 2 * with_event / np.where(linear > 0, linear + root, 1.0)
    positive = np.where(linear > 0, lower, upper)
    return np.where(positive > 0, positive, 1.0)


def start(pairs: int, parameters: Parameters = DEFAULT) -> State:
    """Before the first look. InputError `bad_parameter`."""
    check_margin(parameters.margin, prior=parameters.prior)
    zero = np.zeros(pairs)
    return State(zero, zero, np.zeros((pairs, len(nodes(parameters.excess)))), zero)


def step(state: State, look: Look, parameters: Parameters = DEFAULT) -> tuple[State, Evidence]:
    """One look; the first that has comparators is only learnt from.

    >>> look = Look(*(np.array([x]) for x in (8.0, 40.0, 20.0, 1000.0)))
    >>> state, first = step(start(1), look)
    >>> state, second = step(state, look)
    >>> first.log_e.tolist(), second.log_e.round(3).tolist()
    ([0.0], [7.809])
    """
    prior = parameters.prior
    odds = (state.n_comparator + prior) / (state.n_comparators - state.n_comparator + prior)
    known = state.n_comparators > 0
    log_lr = state.log_lr + np.where(known[:, None], two_sample(look, odds, parameters), 0.0)
    now = log_mean_exp(log_lr)
    highest = np.maximum(state.log_e_sup, now)
    after = State(
        state.n_comparator + look.n_comparator,
        state.n_comparators + look.n_comparators,
        log_lr,
        highest,
    )
    return after, Evidence(now, highest)


def batch(pairs: int, looks: Look, parameters: Parameters = DEFAULT) -> Evidence:
    """All looks, arrays of shape (looks, pairs), as the steps give them."""
    found: Evidence = replay(step, start(pairs, parameters), looks, parameters)
    return found


METHOD = Method(
    name="two_sample",
    look=Look,
    finding=Evidence,
    start=start,
    step=step,
    batch=batch,
    parameters=DEFAULT,
    rising=("log_e", "log_e_sup"),
)
