"""Whole families of pairs: what is listed after correction, and what e-BH may not be given."""

from __future__ import annotations

import numpy as np

from detectors.sequential import eprocess
from detectors.sequential.family import e_bh, latched
from streams.bench import simulated
from streams.bench.rows import Row, at_least
from streams.bench.shares import held, interval, lower_limit
from streams.bench.simulated import ALPHA

MARGIN, HARM = 1.25, 3.0
# pairs of a family, and how many of them are harmful
FAMILY, HARMFUL = 200, 10
FLOOR = 0.5
# enough that the counterexample shows
LEAST = 20_000


def family(seed: int, families: int) -> list[Row]:
    """Lists latched over two years: some pairs at ratio 3, all others right at the margin.

    Beside them what e-BH lists when it is given running maxima: it promises nothing then, and here
    nothing is seen of that.
    """
    rng = np.random.default_rng([seed, FAMILY])
    ratio = np.where(np.arange(FAMILY) < HARMFUL, HARM, MARGIN)
    shares, false, maxima = [], [], []
    for _ in range(families):
        n = rng.poisson(simulated.EXPECTED * ratio, (104, FAMILY)).astype(float)
        looks = eprocess.Look(n, np.full_like(n, simulated.EXPECTED))
        sup = eprocess.batch(FAMILY, looks, eprocess.Parameters(MARGIN)).log_e_sup[-1]
        listed = latched(sup, ALPHA, FAMILY)
        shares.append(float(listed[:HARMFUL].mean()))
        false.append(float(listed[HARMFUL:].sum() / max(1, listed.sum())))
        unpromised = e_bh(sup, ALPHA, FAMILY)
        maxima.append(float(unpromised[HARMFUL:].sum() / max(1, unpromised.sum())))
    share, wrong = float(np.mean(shares)), float(np.mean(false))
    spread = (min(shares), max(shares))
    against = f"{families} families of {FAMILY} pairs, {HARMFUL} harmful"
    # the least that chance allows: of the mean, by its standard error
    least = wrong - 2.33 * float(np.std(false)) / families**0.5
    return [
        Row(
            f"family{FAMILY}_by_found_x3",
            share,
            "of the harmful",
            against,
            None,
            spread,
            **at_least(FLOOR, "", share),
        ),
        Row(
            f"family{FAMILY}_by_false",
            wrong,
            "of the listed",
            against,
            None,
            (min(false), max(false)),
            f"lower 99 % limit <= {ALPHA:g}",
            least <= ALPHA,
        ),
        Row(
            f"family{FAMILY}_e_bh_on_maxima_false",
            float(np.mean(maxima)),
            "of the listed",
            against,
            None,
            (min(maxima), max(maxima)),
        ),
    ]


def counterexample(seed: int, asked: int) -> list[Row]:
    """Two e-processes without any effect whose running maxima e-BH must not be given.

    Look 1: (1/a, 1/2a) with probability a, (0, 2/a) with a/4, else (0, 0); look 2, from the first:
    (2/a, 0) or (0, 1/a), each with 1/2. Any list is a false one: e-BH on the maxima lists something
    with probability 5a/4. Source: arXiv 2501.19360 (running maxima).
    """
    rng, a, runs = np.random.default_rng([seed, 5]), 0.2, max(asked, LEAST)
    u, coin = rng.random(runs), rng.random(runs) < 0.5
    climb, jump = u < a, (u >= a) & (u < a + a / 4)
    first = np.stack([np.where(climb, 1 / a, 0), np.where(climb, 0.5 / a, jump * 2 / a)], axis=1)
    second = np.stack(
        [np.where(climb, coin * 2 / a, first[:, 0]), np.where(climb, ~coin / a, first[:, 1])],
        axis=1,
    )
    with np.errstate(divide="ignore"):
        highest = np.log(np.maximum(1, np.maximum(first, second)))
    kinds, place = np.unique(highest, axis=0, return_inverse=True)
    rows = []
    for name, test in (("e_bh_on_maxima", e_bh), ("by", latched)):
        false = np.array([test(kind, a, 2).any() for kind in kinds])[place.ravel()]
        k = int(false.sum())
        goal = held(k, runs, a)
        if test is e_bh:  # that it breaks its promise is what is to be shown
            goal = {"goal": f"lower 99 % limit > {a:g}", "met": lower_limit(k, runs) > a}
        rows.append(
            Row(
                f"counterexample_{name}",
                k / runs,
                "false lists",
                f"alpha {a:g}",
                k / runs / a,
                interval(k, runs),
                **goal,
            )
        )
    return rows
