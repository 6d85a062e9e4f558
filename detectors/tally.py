"""Counts of one dataset: pairs, margins, total, kept in flat arrays."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from detectors.contents import Contents
from detectors.disproportionality.method import Integers
from detectors.disproportionality.table import PairTable

SHIFT = 32

# the code of a name that has none; not -1, the dataset of nullified cases
UNSEEN = -2


class Names:
    """Names and their codes: 0, 1, 2, … in the order of their first appearance."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._codes: dict[str, int] = {}
        self._ranks = np.empty(0, dtype=np.int64)
        self._objects = np.empty(0, dtype=object)

    def __len__(self) -> int:
        return len(self.names)

    def code(self, name: str) -> int:
        """The code of a name, a new one if it has none."""
        code = self._codes.get(name)
        if code is None:
            code = self._codes[name] = len(self.names)
            self.names.append(name)
        return code

    def find(self, name: str) -> int:
        """The code of a name, UNSEEN if it has none."""
        return self._codes.get(name, UNSEEN)

    def find_all(self, names: Iterable[str]) -> Integers:
        """The codes of those names that have one."""
        codes = (self._codes.get(name) for name in names)
        return np.array([code for code in codes if code is not None], dtype=np.int64)

    def coded(self, dated: Sequence[tuple[str, int]]) -> dict[int, int]:
        """Code to earliest day."""
        known = self._codes
        days: dict[int, int] = {}
        for name, day in dated:
            code = known.get(name)
            if code is None:
                code = self.code(name)
            before = days.get(code)
            if before is None or day < before:
                days[code] = day
        # one order whatever the sender's, so that equal contents are equal bytes
        return dict(sorted(days.items())) if len(days) > 1 else days

    def ranks(self, codes: Integers) -> Integers:
        """For each of some codes, the place of its name among theirs in the order of str."""
        if len(self._ranks) == len(self.names):
            return self._ranks[codes]
        own, places = np.unique(codes, return_inverse=True)
        order = sorted(range(len(own)), key=[self.names[code] for code in own].__getitem__)
        ranks = np.empty(len(own), dtype=np.int64)
        ranks[order] = np.arange(len(own))
        if len(own) == len(self.names):
            self._ranks = ranks
        return ranks[places]

    def objects(self, codes: Integers) -> npt.NDArray[np.object_]:
        """The names of codes."""
        if len(self._objects) != len(self.names):
            if len(codes) < len(self.names):
                return np.array([self.names[code] for code in codes.tolist()], dtype=object)
            self._objects = np.array(self.names, dtype=object)
        return self._objects[codes]


class Tally:
    """Reports per pair, product, event and in all; a pair keeps its row once it has one."""

    def __init__(self) -> None:
        self.total = 0
        self._row: dict[int, int] = {}
        self._rows_of: dict[int, array[int]] = {}  # of each product, in the order they came
        self._pairs = array("q")
        self._n = array("q")
        self._n_product = array("q")
        self._n_event = array("q")

    def move(self, products: Sequence[int], events: Sequence[int], step: int) -> None:
        """Add (`step` 1) or retract (-1) one case."""
        self.total += step
        row, n = self._row, self._n
        _step(self._n_product, products, step)
        _step(self._n_event, events, step)
        for product in products:
            base = product << SHIFT
            for event in events:
                pair = base | event
                place = row.get(pair)
                if place is None:
                    row[pair] = len(n)
                    self._rows_of.setdefault(product, array("q")).append(len(n))
                    self._pairs.append(pair)
                    n.append(step)
                else:
                    n[place] += step

    def count(self, contents: Contents) -> None:
        """Count the cases of a dataset from nothing."""
        self.total = len(contents.case)
        self._n_product = _counted(contents.products.code)
        self._n_event = _counted(contents.events.code)
        product, event = contents.pairs()
        pairs, n = np.unique((product << SHIFT) | event, return_counts=True)
        self._pairs, self._n = array("q", pairs.tobytes()), array("q", n.tobytes())
        self._row = {pair: row for row, pair in enumerate(self._pairs)}
        codes, firsts = np.unique(pairs >> SHIFT, return_index=True)
        ends = np.append(firsts[1:], len(pairs))[: len(codes)]
        self._rows_of = {
            code: array("q", range(first, end))
            for code, first, end in zip(codes.tolist(), firsts.tolist(), ends.tolist(), strict=True)
        }

    def counts(self, product: int, event: int) -> tuple[int, int, int, int]:
        """(n, n_product, n_event, n_total) of one pair; a code of UNSEEN has no cases."""
        row = None if UNSEEN in {product, event} else self._row.get((product << SHIFT) | event)
        n = 0 if row is None else self._n[row]
        return n, _at(self._n_product, product), _at(self._n_event, event), self.total

    def table(
        self,
        products: Names,
        events: Names,
        of_products: Integers | None,
        of_events: Integers | None,
    ) -> PairTable:
        """The pairs with a case, sorted by name; all, or those of some products or events."""
        if of_products is not None and of_events is None:
            return self._table(products, events, self._rows(of_products))
        chosen = _array(self._n) > 0
        if of_events is not None:
            product, event = _codes(_array(self._pairs))
            chosen &= _is_in(product, of_products, len(products)) | _is_in(
                event, of_events, len(events)
            )
        return self._table(products, events, np.flatnonzero(chosen))

    def moved(
        self,
        products: Names,
        events: Names,
        whole: Integers,
        others: Integers,
        of_events: Integers,
    ) -> PairTable:
        """The pairs with a case of whole products, and of other products with some events.

        What it costs grows with the pairs that it gives, not with those that there are.
        """
        row = self._row
        looked = (
            row.get((product << SHIFT) | event)
            for product in others.tolist()
            for event in of_events.tolist()
        )
        rows = np.array([place for place in looked if place is not None], dtype=np.int64)
        return self._table(products, events, np.concatenate([self._rows(whole), rows]))

    def _table(self, products: Names, events: Names, rows: Integers) -> PairTable:
        """The pairs of some rows that have a case, sorted by name."""
        n, pairs = _array(self._n)[rows], _array(self._pairs)[rows]
        chosen = n > 0
        n, (product, event) = n[chosen], _codes(pairs[chosen])
        order = np.argsort(products.ranks(product) * len(events) + events.ranks(event))
        product, event = product[order], event[order]
        return PairTable(
            products.objects(product),
            events.objects(event),
            n[order],
            _array(self._n_product)[product],
            _array(self._n_event)[event],
            np.full(len(order), self.total, dtype=np.int64),
        )

    def _rows(self, products: Integers) -> Integers:
        """The rows of the pairs of some products."""
        none = array("q")
        held = [_array(self._rows_of.get(code, none)) for code in np.unique(products).tolist()]
        return np.concatenate([np.empty(0, dtype=np.int64), *held])


def _codes(pairs: Integers) -> tuple[Integers, Integers]:
    """The products and the events of pairs."""
    return pairs >> SHIFT, pairs & ((1 << SHIFT) - 1)


def _array(values: array[int]) -> Integers:
    """The same memory: not to be kept, since what is looked at so cannot grow."""
    return np.frombuffer(values, dtype=np.int64) if values else np.empty(0, dtype=np.int64)


def _step(margin: array[int], codes: Sequence[int], step: int) -> None:
    for code in codes:
        while code >= len(margin):
            margin.append(0)
        margin[code] += step


def _counted(codes: Integers) -> array[int]:
    return array("q", np.bincount(codes).astype(np.int64).tobytes())


def _at(margin: array[int], code: int) -> int:
    return margin[code] if 0 <= code < len(margin) else 0


def _is_in(codes: Integers, chosen: Integers | None, size: int) -> npt.NDArray[np.bool_]:
    wanted = np.zeros(size, dtype=bool)
    if chosen is not None:
        wanted[chosen] = True
    return wanted[codes]
