"""Permutation: how many of the pairs that a rule flags it would flag by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from detectors.contents import Contents, Held
from detectors.disproportionality import PRINTED, Method
from detectors.disproportionality.method import Integers
from detectors.disproportionality.table import PairTable, score
from detectors.rules import Rule, holds

Flag: TypeAlias = Callable[[PairTable], npt.NDArray[np.bool_]]
Flags: TypeAlias = Callable[[PairTable], Mapping[str, npt.NDArray[np.bool_]]]


@dataclass(frozen=True, slots=True)
class Parameters:
    """`permutations`: how often the events are dealt anew; `seed`: of the first dealing."""

    permutations: int = 20
    seed: int = 20140101


@dataclass(frozen=True, slots=True)
class Spuriousness:
    """Pairs flagged in the data and in each permutation, and the ratio of the two.

    `rate` is the mean over the permutations over `flagged`, with `rate_se` its standard error by
    simulation; NaN where nothing is flagged, and above 1 where chance flags more than the data.
    """

    flagged: int
    permuted: tuple[int, ...]
    rate: float
    rate_se: float


def spuriousness(
    contents: Contents, flag: Flag, parameters: Parameters | None = None
) -> Spuriousness:
    """Share of a rule's flags that it also raises where products and events are independent.

    The events of a case go, all together, to another case of the same dataset, at random: numbers
    of products and of events a case, margins, totals and events that come together stay, and only
    the link between products and events is lost. Every pair that is then flagged is flagged by
    chance. Counts are taken, and rules applied, in each dataset by itself. Source: the permuted
    null of Westfall, Young, Resampling-Based Multiple Testing, Wiley 1993, applied to reports; the
    ratio is an estimate of the false discovery rate (conservative, since real pairs are null
    there too).
    Verified against a permutation written out by hand and independent simulated cases:
    `tests/detectors/calibration/test_permutation.py`.

    >>> from detectors.casebook import Casebook, CaseContent
    >>> linked = [CaseContent("s", ((p, 1),), ((e, 1),)) for p, e in ("Ax", "By") * 30]
    >>> book = Casebook.of((i, 1, content) for i, content in enumerate(linked))
    >>> spuriousness(book.contents(), lambda table: table.n * table.n_total > 1.8 * table.n_product
    ...     * table.n_event).rate
    0.0
    """
    return spuriousness_of_each(contents, lambda table: {"": flag(table)}, ("",), parameters)[""]


def spuriousness_of_each(
    contents: Contents, flags: Flags, names: Sequence[str], parameters: Parameters | None = None
) -> dict[str, Spuriousness]:
    """The same of several rules at once, by their names, over the same permutations.

    `flags` gives for a table the rows that each of `names` flags.
    """
    chosen = parameters or Parameters()
    rng = np.random.default_rng(chosen.seed)
    datasets = [contents.within(code) for code in np.unique(contents.dataset[contents.case])]
    flagged = _flagged(datasets, flags)
    permuted = [
        _flagged([_permuted(of, rng) for of in datasets], flags) for _ in range(chosen.permutations)
    ]
    return {name: _share(flagged[name], [one[name] for one in permuted]) for name in names}


def by_rule(rule: Rule, methods: Sequence[Method] = PRINTED) -> Flag:
    """A rule as a flag: it computes those methods whose columns the rule reads."""
    needed = [method for method in methods if rule.columns & set(method.columns)]

    def flag(table: PairTable) -> npt.NDArray[np.bool_]:
        return holds([rule], {**table.counts, **score(table, needed)})[rule.name]

    return flag


def table(contents: Contents) -> PairTable:
    """The pairs of cases that all count as one dataset, by code; names are the codes in words.

    >>> from detectors.casebook import Casebook, CaseContent
    >>> book = Casebook.of([(1, 1, CaseContent("s", (("A", 1),), (("x", 1), ("y", 1))))])
    >>> table(book.contents().within(0)).n.tolist()
    [1, 1]
    """
    product, event = contents.pairs()
    size = int(event.max(initial=0)) + 1
    pairs, n = np.unique(product * size + event, return_counts=True)
    of_product, of_event = pairs // size, pairs % size
    return PairTable(
        _names(of_product),
        _names(of_event),
        n.astype(np.int64),
        np.bincount(contents.products.code, minlength=1)[of_product],
        np.bincount(contents.events.code, minlength=1)[of_event],
        np.full(len(pairs), len(contents.case), dtype=np.int64),
    )


def _flagged(datasets: Sequence[Contents], flags: Flags) -> Counter[str]:
    found = Counter[str]()
    for of in datasets:
        rows = flags(table(of))
        found.update({name: int(np.count_nonzero(held)) for name, held in rows.items()})
    return found


def _share(flagged: int, permuted: Sequence[int]) -> Spuriousness:
    if not flagged or not permuted:
        return Spuriousness(flagged, tuple(permuted), np.nan, np.nan)
    spread = np.std(permuted, ddof=1) / np.sqrt(len(permuted)) if len(permuted) > 1 else np.nan
    return Spuriousness(
        flagged, tuple(permuted), float(np.mean(permuted)) / flagged, float(spread) / flagged
    )


def _permuted(contents: Contents, rng: np.random.Generator) -> Contents:
    """The same cases, their lists of events dealt among them at random."""
    place = np.arange(len(contents.dataset))
    place[contents.case] = rng.permutation(contents.case)
    case = place[contents.events.case]
    order = np.argsort(case, kind="stable")
    events = Held(case[order], contents.events.code[order], contents.events.day[order])
    return Contents(contents.case, contents.dataset, contents.products, events)


def _names(codes: Integers) -> npt.NDArray[np.object_]:
    names = np.array([str(i) for i in range(int(codes.max(initial=-1)) + 1)], dtype=object)
    return names[codes]
