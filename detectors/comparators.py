"""Against whom: one pair over sets of comparators and parts of the population.

A product that is reported for a disease, in a clinic or by a route, differs from all products by
that alone. The matrix says what remains against products given for the same, in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from detectors.cases import UNKNOWN, Bools, Cases, two_by_two
from detectors.disproportionality import BY_ROW, Method
from detectors.disproportionality.method import Floats, Integers
from detectors.disproportionality.table import PairTable, score
from detectors.subgroups import subgroups

ANTIDEPRESSANTS = frozenset(
    {"ssri", "snri", "tca", "tetracyclic", "maoi", "atypical_antidepressant"}
)
NO_EVENT = -1

Names: TypeAlias = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Comparator:
    """Whose cases form the background: those with any of `products`, all others without them.

    With `same`, the name of a column of products, both sides are those given as the product most
    often is: by its commonest route. The product's own cases are never its background.
    """

    name: str
    products: Integers | None = None
    same: str | None = None


ALL_PRODUCTS = Comparator("all products")
SAME_ROUTE = Comparator("same route", same="route")


@dataclass(frozen=True, slots=True)
class Matrix:
    """A pair's counts, each of shape (variants, comparators, subgroups), and the axes' names.

    The variants are "all reports" and, where asked for, "without EVENT CODE": all reports that do
    not have the product's dominant event, `dominant` (-1: it has none).
    """

    variants: tuple[str, ...]
    comparators: tuple[str, ...]
    subgroups: tuple[str, ...]
    dominant: int
    n: Integers
    n_product: Integers
    n_event: Integers
    n_total: Integers

    def scores(self, methods: Iterable[Method] = BY_ROW) -> dict[str, Floats]:
        """The expected count and every column of the methods, each of the counts' shape.

        Methods that score a row by its own counts alone; NaN where a cell cannot be computed.
        """
        counts = [x.reshape(-1) for x in (self.n, self.n_product, self.n_event, self.n_total)]
        nameless: Names = np.full(self.n.size, "", dtype=object)
        columns = score(PairTable(nameless, nameless, *counts), methods)
        return {name: values.reshape(self.n.shape) for name, values in columns.items()}


def matrix(
    cases: Cases,
    product: int,
    event: int,
    comparators: Sequence[Comparator] = (ALL_PRODUCTS,),
    columns: Iterable[str] | None = None,
    *,
    terms: Integers | None = None,
    without_dominant: bool = True,
) -> Matrix:
    """One pair over every comparator and subgroup, with and without the product's dominant event.

    A cell's 2x2 table has the product's cases of the subgroup on one side, and on the other the
    comparator's cases of the subgroup without the product. `columns` chooses the subgroups (all
    columns unless given). `terms` are the events that may be the dominant one: without it any, so
    name the terms where events have groups that contain them. A comparator by a column which the
    cases do not have gives cells without reports.

    >>> cases = Cases.listed([[0], [0], [1], [2]], [[5], [6], [5], [6]])
    >>> found = matrix(cases, 0, 5, [ALL_PRODUCTS, Comparator("lithium", np.array([2]))])
    >>> found.variants, found.comparators, found.subgroups
    (('all reports', 'without dominant event'), ('all products', 'lithium'), ('all',))
    >>> found.n_total[:, :, 0].tolist(), found.dominant
    ([[4, 3], [2, 1]], 6)
    """
    parts = subgroups(cases, product, columns)
    with_event = cases.having_event(event)
    dominant = dominant_event(cases, product, event, terms) if without_dominant else NO_EVENT
    kept = [cases.counted]
    if without_dominant:
        kept.append(cases.counted & ~cases.having_event(dominant))
    cells = np.zeros((len(kept), len(comparators), len(parts), 4), dtype=np.int64)
    for j, comparator in enumerate(comparators):
        exposed, others = _sides(cases, product, comparator)
        for k, part in enumerate(parts):
            inside, outside = part.exposed & exposed, part.others & others
            for i, cases_kept in enumerate(kept):
                cells[i, j, k] = two_by_two(inside & cases_kept, outside & cases_kept, with_event)
    return Matrix(
        ("all reports", "without dominant event")[: len(kept)],
        tuple(comparator.name for comparator in comparators),
        tuple(part.name for part in parts),
        dominant,
        *np.ascontiguousarray(np.moveaxis(cells, -1, 0)),
    )


def dominant_event(cases: Cases, product: int, event: int, terms: Integers | None = None) -> int:
    """The event, other than the pair's own, that most of the product's cases have.

    The lowest code where several have as many; -1 where there is none.

    >>> dominant_event(Cases.listed([[0], [0], [1]], [[5, 6], [6], [7]]), 0, 6)
    5
    """
    count = cases.events_of(cases.having_product(product))
    if terms is not None:
        allowed = np.zeros(len(count), dtype=bool)
        allowed[terms[terms < len(count)]] = True
        count = np.where(allowed, count, 0)
    if event < len(count):
        count[event] = 0
    return int(count.argmax()) if count.any() else NO_EVENT


def standard(
    products: Sequence[str], class_of: Callable[[str], str | None]
) -> tuple[Comparator, ...]:
    """All products, antidepressants, anaesthetics, lithium, same route.

    `products` are names by code, `class_of` tells a name's class (the vocabulary's
    `substance_class`).

    >>> kinds = {"propofol": "anaesthetic", "sertraline": "ssri", "lithium": "mood_stabiliser"}
    >>> found = standard(["ketamine", "lithium", "sertraline", "propofol"], kinds.get)
    >>> [(c.name, None if c.products is None else c.products.tolist()) for c in found][:3]
    [('all products', None), ('antidepressants', [2]), ('anaesthetics', [3])]
    """
    classes = [class_of(name) for name in products]

    def chosen(holds: Iterable[bool]) -> Integers:
        return np.flatnonzero(np.array(list(holds), dtype=bool))

    return (
        ALL_PRODUCTS,
        Comparator("antidepressants", chosen(x in ANTIDEPRESSANTS for x in classes)),
        Comparator("anaesthetics", chosen(x == "anaesthetic" for x in classes)),
        Comparator("lithium", chosen(name == "lithium" for name in products)),
        SAME_ROUTE,
    )


def _sides(cases: Cases, product: int, comparator: Comparator) -> tuple[Bools, Bools]:
    having = cases.having_product(product)
    if comparator.same is not None:
        return _same(cases, product, comparator.same)
    if comparator.products is None:
        return having, cases.counted & ~having
    return having, cases.having_product(comparator.products) & ~having


def _same(cases: Cases, product: int, name: str) -> tuple[Bools, Bools]:
    """Cases that were given the product, or another, as the product most often is."""
    nobody = np.zeros(len(cases.counted), dtype=bool)
    column = cases.by_product.get(name)
    if column is None:
        return nobody, nobody
    own = column.code[(cases.products.code == product) & cases.counted[cases.products.case]]
    own = own[own != UNKNOWN]
    if not own.size:
        return nobody, nobody
    commonest = int(np.bincount(own).argmax())
    return (
        cases.having_product_by(name, commonest, product),
        cases.having_product_by(name, commonest) & ~cases.having_product(product),
    )
