"""Many pairs at once: false discovery rate over a family that is fixed beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.disproportionality.method import Floats
from schemas.errors import InputError

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Family:
    """All pairs of a fixed list of products and a fixed list of events, n = 0 included.

    InputError `bad_family` where a list is empty or names something twice, `bad_parameter` where
    alpha is not between 0 and 1.

    >>> family = Family("watchlist", ("ketamine", "esketamine"), ("Cystitis", "Sedation"), 0.05)
    >>> print(family)
    family watchlist: 2 products x 2 events = 4 pairs, alpha 0.05; alone, a pair needs e >= 167
    """

    name: str
    products: tuple[str, ...]
    events: tuple[str, ...]
    alpha: float = 0.05

    def __post_init__(self) -> None:
        for names in (self.products, self.events):
            if not names or len(set(names)) < len(names):
                raise InputError("bad_family", "a family needs products and events, each once")
        _check_alpha(self.alpha)

    @property
    def size(self) -> int:
        """Number of pairs."""
        return len(self.products) * len(self.events)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every (product, event)."""
        return tuple((product, event) for product in self.products for event in self.events)

    def __str__(self) -> str:
        return (
            f"family {self.name}: {len(self.products)} products x {len(self.events)} events = "
            f"{self.size} pairs, alpha {self.alpha:g}; alone, a pair needs e >= "
            f"{np.exp(needed(1, self.alpha, self.size)):.0f}"
        )


def needed(found: int, alpha: float, size: int) -> float:
    """The log of sup e that `latched` asks of each where it finds `found` of a family.

        log(K H_K / (alpha k)),   H_K = 1 + 1/2 + ... + 1/K

    >>> round(float(np.exp(needed(1, 0.05, 4))), 2), round(float(np.exp(needed(4, 0.05, 4))), 2)
    (166.67, 41.67)
    """
    return float(np.log(size / (alpha * found)) + np.log(harmonic(size)))


def harmonic(size: int) -> float:
    """1 + 1/2 + ... + 1/size."""
    return float((1 / np.arange(1, size + 1)).sum())


def e_bh(log_e: npt.ArrayLike, alpha: float, size: int) -> Flags:
    """Which pairs are found at *one look* by e-BH, from the e-values of that look.

        found: the k largest, for the largest k whose e_(k) >= K / (alpha k)

    FDR <= alpha whatever the dependence, at one look or one stopping time. Not for running maxima:
    a list that keeps what it found has no guarantee (see `latched`). `log_e`: one a pair, at most
    `size` of them, the rest not seen (e = 1). Source: Wang and Ramdas, J R Stat Soc B
    2022;84:822-52 (arXiv 2009.02824). InputError `bad_family`, `bad_parameter`. Verified by hand
    and on a counterexample for the maxima: `tests/detectors/sequential/test_family.py`.

    >>> e_bh(np.log([50.0, 45.0, 19.0]), 0.05, 3).tolist(), e_bh(np.log([50.0]), 0.05, 3).tolist()
    ([True, True, False], [False])
    """
    values = _check(log_e, alpha, size)
    return _largest(values, np.log(size / alpha))


def latched(log_e_sup: npt.ArrayLike, alpha: float, size: int, by: str = "by") -> Flags:
    """Which pairs are found for good, from the largest e-values so far.

        by        Benjamini-Yekutieli on p = 1 / sup e:  e_BH with K H_K in the place of K
        adjuster  e-BH on k (sup e)^(1-k), an e-value again, with k = 1 / log(K / alpha)

    FDR <= alpha of the list at every look together, whatever the dependence, and a pair once found
    stays found as long as the family is the same. The power k is the best for a single find in a
    family of this size; BY is the default. Source: Benjamini and Yekutieli, Ann Stat
    2001;29:1165-88; Tavyrikov, Goeman, de Heide, arXiv 2501.19360 (running maxima and adjusters).
    Shapes and errors as `e_bh`; InputError `bad_parameter` for another `by`. Verified by hand and
    by simulation: `tests/detectors/sequential/test_family.py`.

    >>> latched(np.log([120.0, 45.0, 19.0]), 0.05, 3).tolist()
    [True, False, False]
    >>> latched(np.log([120.0, 45.0, 19.0]), 0.05, 3, by="adjuster").tolist()
    [False, False, False]
    """
    values = _check(log_e_sup, alpha, size)
    if by == "by":
        return _largest(values, np.log(size / alpha) + np.log(harmonic(size)))
    if by != "adjuster":
        raise InputError("bad_parameter", f"latched by {by!r}: neither 'by' nor 'adjuster'")
    return _largest(adjusted(values, alpha, size), np.log(size / alpha))


def adjusted(log_e_sup: Floats, alpha: float, size: int) -> Floats:
    """Log of an e-value made of a running maximum: k (sup e)^(1-k), k = 1 / log(size / alpha).

    InputError `bad_parameter` where size / alpha is not above e.

    >>> adjusted(np.log([1.0, 400.0]), 0.05, 20).round(3).tolist()
    [-1.79, 3.201]
    """
    if size / alpha <= np.e:
        raise InputError("bad_parameter", "no adjuster for so small a family at so large an alpha")
    power = 1 / np.log(size / alpha)
    out: Floats = np.log(power) + (1 - power) * np.maximum(log_e_sup, 0)
    return out


def _largest(values: Floats, log_needed_alone: float) -> Flags:
    """The k largest, for the largest k with value_(k) >= needed alone - log k."""
    order = np.sort(values)[::-1]
    enough = order + np.log(np.arange(1, len(order) + 1)) >= log_needed_alone - 1e-12
    if not enough.any():
        return np.zeros(len(values), dtype=bool)
    out: Flags = values >= order[np.flatnonzero(enough)[-1]]
    return out


def _check(log_e: npt.ArrayLike, alpha: float, size: int) -> Floats:
    _check_alpha(alpha)
    values = np.asarray(log_e, dtype=np.float64)
    if values.ndim != 1 or len(values) > size or np.isnan(values).any():
        raise InputError("bad_family", f"not the log e-values of a family of {size}")
    return values


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise InputError("bad_parameter", f"alpha must lie between 0 and 1, not {alpha}")
