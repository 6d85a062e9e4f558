"""The table of pairs, and the driver that scores it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from detectors.disproportionality import BY_ROW
from detectors.disproportionality.method import Floats, Integers, Method, Parameters, floats
from detectors.disproportionality.rrr import expected
from schemas.errors import InputError

# no more rows are scored at a time, and no fewer where there are processors for more
BLOCK, LEAST = 131_072, 16_384

# the largest total whose products with a count are exact in int64
LARGEST_TOTAL = 3_000_000_000


@dataclass(frozen=True)
class PairTable:
    """Pairs with their counts in reports, one row a pair, sorted by product and event.

    `product` and `event` are object arrays of str; the counts are int64 arrays of their length:
    reports with both, with the product, with the event, and all of the dataset (or stratum).
    """

    product: npt.NDArray[np.object_]
    event: npt.NDArray[np.object_]
    n: Integers
    n_product: Integers
    n_event: Integers
    n_total: Integers

    @classmethod
    def of(
        cls,
        product: Iterable[str],
        event: Iterable[str],
        *,
        n: npt.ArrayLike,
        n_product: npt.ArrayLike,
        n_event: npt.ArrayLike,
        n_total: npt.ArrayLike,
    ) -> PairTable:
        """A table of rows in any order, checked and sorted.

        InputError `impossible_counts` where no 2x2 table has these counts, `duplicate_pair` where
        a pair stands twice.

        >>> table = PairTable.of(
        ...     ["B", "A"], ["x", "x"], n=[1, 2], n_product=[3, 4], n_event=[5, 5], n_total=[9, 9]
        ... )
        >>> list(table.product), table.n.tolist()
        (['A', 'B'], [2, 1])
        """
        product_names, products = _ranked(product)
        event_names, events = _ranked(event)
        counts = [np.array(values, dtype=np.int64) for values in (n, n_product, n_event, n_total)]
        pairs = products * len(event_names) + events
        order = np.argsort(pairs, kind="stable")
        table = cls(product_names[products], event_names[events], *counts).rows(order)
        same = np.flatnonzero(np.diff(pairs[order]) == 0)
        if same.size:
            row = int(same[0])
            raise InputError(
                "duplicate_pair", f"{table.product[row]} with {table.event[row]} stands twice"
            )
        _check(*counts)
        return table

    def __len__(self) -> int:
        return len(self.n)

    @property
    def counts(self) -> dict[str, Integers]:
        """The four counts by name, as rules read them."""
        return {
            "n": self.n,
            "n_product": self.n_product,
            "n_event": self.n_event,
            "n_total": self.n_total,
        }

    @cached_property
    def as_floats(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The four counts as float64: converted once, whatever methods read them."""
        return floats(self.n), floats(self.n_product), floats(self.n_event), floats(self.n_total)

    @cached_property
    def expected(self) -> Floats:
        """Reports of each pair to expect under independence; NaN where there are none."""
        return expected(*self.as_floats[1:])

    def rows(self, chosen: slice | npt.NDArray[np.bool_] | Integers) -> PairTable:
        """The table of some rows, in the order given."""
        return PairTable(
            self.product[chosen],
            self.event[chosen],
            self.n[chosen],
            self.n_product[chosen],
            self.n_event[chosen],
            self.n_total[chosen],
        )


def score(
    table: PairTable,
    methods: Iterable[Method] = BY_ROW,
    parameters: Mapping[str, Parameters] | None = None,
) -> dict[str, Floats]:
    """Expected count and every column of the methods, each a float64 array of the table's length.

    Without `methods`, all those that score a row by its counts alone.

    NaN where a value cannot be computed; never inf. `parameters` replaces a method's own, by its
    name. A row's scores depend on its four counts alone, to the bit, whatever the table around it
    (but for methods that say `whole_table`).

    >>> table = PairTable.of(
    ...     ["A"], ["x"], n=[6], n_product=[100], n_event=[120], n_total=[10_000]
    ... )
    >>> columns = score(table)
    >>> list(columns)[:3], float(columns["expected"][0]), float(columns["rrr"][0])
    (['expected', 'prr', 'prr_lower'], 1.2, 5.0)
    """
    given = parameters or {}
    chosen = {method: given.get(method.name, method.parameters) for method in methods}
    by_row = {method: own for method, own in chosen.items() if not method.whole_table}
    names = ["expected", *(name for method in chosen for name in method.columns)]
    size = _block(len(table), os.cpu_count() or 1)
    out = {} if len(table) <= size else {name: np.empty(len(table)) for name in names}

    def block(start: int) -> None:
        rows = slice(start, start + size)
        part = table if len(table) <= size else table.rows(rows)
        columns: dict[str, Floats] = {"expected": part.expected}
        for method, own in by_row.items():
            columns.update(method.function(part, own))
        if part is table:
            out.update(columns)
            return
        for name, values in columns.items():
            out[name][rows] = values

    if len(table) <= size:
        block(0)
    else:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(block, range(0, len(table), size)))
    for method, own in chosen.items():
        if method.whole_table:
            out.update(method.function(table, own))
    return {name: out[name] for name in names}


def _block(rows: int, processors: int) -> int:
    """How many rows to score at a time: blocks of one size, as many for each processor.

    >>> _block(10_000, 2), _block(165_000, 2), _block(2_300_000, 2)
    (16384, 82500, 127778)
    """
    rounds = max(1, -(-rows // (BLOCK * processors)))
    return max(LEAST, -(-rows // (rounds * processors)))


def _ranked(values: Iterable[str]) -> tuple[npt.NDArray[np.object_], Integers]:
    """The distinct names in the order of str, and for each value which of them it is."""
    listed = list(values)
    names = sorted(set(listed))
    rank = {name: i for i, name in enumerate(names)}
    codes = np.fromiter(map(rank.__getitem__, listed), dtype=np.int64, count=len(listed))
    return np.array(names, dtype=object), codes


def _check(n: Integers, n_product: Integers, n_event: Integers, n_total: Integers) -> None:
    wrong = (
        (n < 0)
        | (n > n_product)
        | (n > n_event)
        | (n_product > n_total)
        | (n_event > n_total)
        | (n_product + n_event - n > n_total)
        | (n_total > LARGEST_TOTAL)
    )
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            "impossible_counts",
            f"row {row + 1}: no 2x2 table has n {n[row]}, n_product {n_product[row]}, "
            f"n_event {n_event[row]}, n_total {n_total[row]}",
        )
