"""Likelihood ratio test over all events of a product, its level held over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

from detectors.disproportionality.method import Columns, Floats, Integers, Method, floats

if TYPE_CHECKING:
    from detectors.disproportionality.table import PairTable

# cells of simulated counts held at once
CELLS = 4_000_000


def lrt(
    n: npt.ArrayLike,
    n_product: npt.ArrayLike,
    n_event: npt.ArrayLike,
    n_total: npt.ArrayLike,
    model: str = "poisson",
) -> Floats:
    """Log likelihood ratio of an event's rate with the product against its rate overall.

        poisson: n log(n / E) - (n - E)
        huang:   n log(n / E) + (n_product - n) log((n_product - n) / (n_product - E))
        E = n_product n_event / n_total; 0 where n <= E

    Source: Huang, Zalkikar, Tiwari, J Am Stat Assoc 2011;106:1230-41; the Poisson form, which has
    the product's other events as they are, Chakraborty et al., Stat Med 2022;41:4847-69. Counts
    are of one shape (or broadcast), their margins sums of `n` over pairs; the result is a log
    ratio without unit, NaN where n_total is 0. `lrt_p` is the share of simulations whose largest
    statistic over all events of the product is as high: it holds its level over these.
    Verified against pvLRT: `tests/detectors/disproportionality/test_lrt.py`.

    >>> round(float(lrt(6, 100, 120, 10_000)), 6), round(float(lrt(6, 10, 20, 100, "huang")), 6)
    (4.856627, 3.819085)
    """
    a, product, event, total = floats(n), floats(n_product), floats(n_event), floats(n_total)
    expected = product * event / np.where(total > 0, total, np.nan)
    ratio = rel_entr(a, expected)
    if model == "huang":
        ratio = ratio + rel_entr(product - a, np.maximum(product - expected, 0))
    else:
        ratio = ratio - (a - expected)
    statistic: Floats = np.where(np.isnan(expected) | (a > expected), ratio, 0.0)
    return np.maximum(statistic, 0)


def largest_by_chance(
    sizes: Sequence[int], shares: Floats, simulations: int, rng: np.random.Generator, model: str
) -> Floats:
    """For each simulation and product, its largest statistic, were the products all alike.

    `sizes` are the products' sums of `n`, the last one that of all other products, which gets no
    statistic; `shares` the events' shares of the total. The Poisson model draws every count by
    itself and estimates E from what it drew; Huang's deals each product's sum out to the events.
    Shape of the result: (simulations, len(sizes) - 1).
    """
    step = max(1, CELLS // (len(shares) * len(sizes)))
    highest = np.empty((simulations, len(sizes) - 1))
    for start in range(0, simulations, step):
        runs = min(step, simulations - start)
        if model == "huang":
            drawn = np.stack([rng.multinomial(size, shares, runs) for size in sizes[:-1]], axis=1)
            total, event = np.ones((runs, 1, 1)), np.broadcast_to(shares, (runs, 1, len(shares)))
        else:
            drawn = rng.poisson(np.multiply.outer(sizes, shares), (runs, len(sizes), len(shares)))
            total, event = drawn.sum(axis=(1, 2))[:, None, None], drawn.sum(axis=1)[:, None]
            drawn = drawn[:, :-1]
        product = drawn.sum(axis=2)[..., None]
        highest[start : start + runs] = lrt(drawn, product, event, total, model).max(axis=2)
    return highest


@dataclass(frozen=True, slots=True)
class Parameters:
    """`model`: poisson or huang; `simulations`: runs for each size of a product; and their seed."""

    model: str = "poisson"
    simulations: int = 9_999
    seed: int = 20110


def _score(table: PairTable, parameters: Parameters) -> Columns:
    product, event = _codes(table.product), _codes(table.event)
    n_product, n_event = _sums(product, table.n), _sums(event, table.n)
    total = table.n.sum()
    statistic = lrt(table.n, n_product[product], n_event[event], total, parameters.model)
    p = np.full(len(table), np.nan)
    shares = n_event / max(total, 1)
    for size in np.unique(n_product[n_product > 0]).tolist():
        # what chance gives depends on the product's size alone: seeded by it, whatever the order
        rng = np.random.default_rng((parameters.seed, size))
        chance = np.sort(
            largest_by_chance(
                (size, int(total) - size), shares, parameters.simulations, rng, parameters.model
            )[:, 0]
        )
        rows = n_product[product] == size
        above = len(chance) - np.searchsorted(chance, statistic[rows] * (1 - 1e-12))
        p[rows] = (1 + above) / (1 + parameters.simulations)
    return {"lrt": statistic, "lrt_p": p}


def _codes(names: Iterable[str]) -> Integers:
    listed = list(names)
    rank = {name: i for i, name in enumerate(sorted(set(listed)))}
    return np.fromiter((rank[name] for name in listed), dtype=np.int64, count=len(listed))


def _sums(codes: Integers, n: Integers) -> Integers:
    sums = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    np.add.at(sums, codes, n)
    return sums


METHOD = Method(
    name="lrt",
    columns=("lrt", "lrt_p"),
    function=_score,
    parameters=Parameters(),
    rising=("lrt",),
    falling=("lrt_p",),
    whole_table=True,
    on_request=True,
)
