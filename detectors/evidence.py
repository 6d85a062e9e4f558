"""Sequential evidence over a family: one look after the other, and what it finds for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from detectors.case_review import Rule
from detectors.disproportionality.method import Floats
from detectors.looks import ALL, Key
from detectors.sequential import two_sample_late
from detectors.sequential.family import Family, latched, needed
from detectors.sequential.method import Method

RULE = Rule(
    "sequential_evidence",
    "evidence of a pair of a fixed family reaches what the family asks, at the look of a day",
    "Turner, Ly, Grünwald 2024; Shin, Ramdas, Rinaldo 2024; Benjamini, Yekutieli 2001",
)


class Row(NamedTuple):
    """A pair after a look in which its product was reported: evidence, and counts so far.

    Reports of the product with the event and in all, of comparators with it and in all.
    """

    product: str
    event: str
    log_e: float
    log_e_sup: float
    n: int
    n_product: int
    n_comparator: int
    n_comparators: int


class Found(NamedTuple):
    """A pair found, with what the family asked of it (log e) as one of `among`."""

    row: Row
    asked: float
    among: int


class Evidence:
    """The evidence for every pair of a family; comparators are all others of the same look.

    `method` takes looks of four columns: with product and event, product, others with the event,
    others. Over the family: Benjamini-Yekutieli on 1 / sup e at each look (`family.latched`).

    >>> evidence = Evidence(Family("f", ("A",), ("x",), 0.05), 1.25)
    >>> day = {("", ""): 1040, ("A", ""): 40, ("", "x"): 28, ("A", "x"): 8}
    >>> rows, found = evidence.look(day)  # the first is only learnt from
    >>> rows[0].log_e, found
    (0.0, [])
    >>> rows, found = evidence.look(day)
    >>> round(rows[0].log_e, 3), rows[0].n, [one.among for one in found]
    (7.373, 16, [1])
    >>> evidence.look(day)[1]  # found once, and for good
    []
    """

    def __init__(
        self, family: Family, margin: float, method: Method = two_sample_late.METHOD
    ) -> None:
        self.family = family
        self._method = method
        self._parameters = type(method.parameters)(margin=margin)  # type: ignore[call-arg]
        self._state = method.start(family.size, self._parameters)
        self._so_far = [np.zeros(family.size) for _ in range(4)]
        self._found = np.zeros(family.size, dtype=bool)
        self._product = {product: i for i, product in enumerate(family.products)}
        self._event = {event: i for i, event in enumerate(family.events)}

    def look(self, counts: Mapping[Key, int]) -> tuple[list[Row], list[Found]]:
        """Take the counts of one look; the rows that it moved, and what is found since."""
        columns = self._columns(counts)
        self._so_far = [a + b for a, b in zip(self._so_far, columns, strict=True)]
        self._state, evidence = self._method.step(
            self._state, self._method.look(*columns), self._parameters
        )
        listed = latched(evidence.log_e_sup, self.family.alpha, self.family.size)
        new = listed & ~self._found
        self._found = self._found | listed
        rows = {int(i): self._row(i, evidence) for i in np.flatnonzero(columns[1] > 0)}
        among = int(np.count_nonzero(self._found))
        found = [
            Found(
                rows.get(int(i)) or self._row(i, evidence),
                needed(among, self.family.alpha, self.family.size),
                among,
            )
            for i in np.flatnonzero(new)
        ]
        return list(rows.values()), found

    def _columns(self, counts: Mapping[Key, int]) -> list[Floats]:
        products, events = len(self._product), len(self._event)
        n, of_product, of_event = np.zeros((products, events)), np.zeros(products), np.zeros(events)
        for (product, event), count in counts.items():
            p, e = self._product.get(product), self._event.get(event)
            if p is not None and e is not None:
                n[p, e] = count
            elif p is not None and event == ALL:
                of_product[p] = count
            elif e is not None and product == ALL:
                of_event[e] = count
        own = np.repeat(of_product, events)
        both = n.ravel()
        return [both, own, np.tile(of_event, products) - both, counts.get((ALL, ALL), 0) - own]

    def _row(self, i: Any, evidence: Any) -> Row:
        product, event = divmod(int(i), len(self._event))
        return Row(
            self.family.products[product],
            self.family.events[event],
            float(evidence.log_e[i]),
            float(evidence.log_e_sup[i]),
            *(int(column[i]) for column in self._so_far),
        )


def columns_of(counts: Mapping[Key, int], product: str, event: str) -> list[int]:
    """The four columns of one pair in the counts of a look.

    >>> columns_of({("", ""): 9, ("A", ""): 4, ("", "x"): 3, ("A", "x"): 2}, "A", "x")
    [2, 4, 1, 5]
    """
    n, own = counts.get((product, event), 0), counts.get((product, ALL), 0)
    return [n, own, counts.get((ALL, event), 0) - n, counts.get((ALL, ALL), 0) - own]


def corrected(
    looks: Sequence[Sequence[Floats]], margin: float, method: Method = two_sample_late.METHOD
) -> Floats:
    """The largest log e of pairs after all looks of a history that was put together afterwards.

    `looks`: for each pair its four columns as in `Evidence`, one value a look. The same process,
    but on what is known now: it has no error rate.

    >>> two_days = [np.array([x, x]) for x in (8.0, 40.0, 20.0, 1000.0)]
    >>> corrected([two_days], 1.25).round(3).tolist()
    [7.373]
    """
    columns = [np.stack(column, axis=1) for column in zip(*looks, strict=True)]
    if not len(columns[0]):
        return np.zeros(len(looks))
    parameters = type(method.parameters)(margin=margin)  # type: ignore[call-arg]
    found: Floats = method.batch(len(looks), method.look(*columns), parameters).log_e_sup[-1]
    return found
