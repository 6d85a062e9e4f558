"""The casebook: the newest version of every case, and the counts that follow from it.

The counts are a function of the set of newest versions alone: a version that arrives late, twice
or after a nullification leaves them as if it had come in order. A case counts once for each of
its products, of its events and of their pairs, and once in the total of its dataset.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Set
from dataclasses import dataclass

import numpy as np

from detectors.contents import DATASET, HEADER, NULLIFIED, PRODUCTS, Contents
from detectors.disproportionality.table import PairTable
from detectors.tally import UNSEEN, Names, Tally


@dataclass(frozen=True, slots=True)
class CaseContent:
    """What counts of one case: names as coded, each with the day the case first held it.

    The days are ordinals (`datetime.date.toordinal`). A name that stands twice counts once, from
    its earlier day; a pair holds from the later of its two days.
    """

    dataset: str
    products: tuple[tuple[str, int], ...]
    events: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Touched:
    """What one change moved: for each (dataset, products, events) whose counts it changed.

    Empty where nothing moved: an old revision, or a new one that counts the same.
    """

    parts: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parts)

    @property
    def products(self) -> set[tuple[str, str]]:
        """(dataset, product) of each product touched."""
        return {(dataset, name) for dataset, products, _ in self.parts for name in products}

    @property
    def events(self) -> set[tuple[str, str]]:
        """(dataset, event) of each event touched."""
        return {(dataset, name) for dataset, _, events in self.parts for name in events}

    @property
    def pairs(self) -> set[tuple[str, str, str]]:
        """(dataset, product, event) of each pair touched."""
        return {
            (dataset, product, event)
            for dataset, products, events in self.parts
            for product in products
            for event in events
        }


UNTOUCHED = Touched()


class Casebook:
    """Newest version per case, and counts per dataset.

    >>> book = Casebook()
    >>> content = CaseContent("spontaneous", (("KETAMINE", 730_000),), (("Cystitis", 730_001),))
    >>> sorted(book.apply(1, 1, content).pairs)
    [('spontaneous', 'KETAMINE', 'Cystitis')]
    >>> book.table("spontaneous").n.tolist()
    [1]
    >>> bool(book.apply(1, 1, content))  # a revision that it has
    False
    >>> bool(book.apply(1, 2, None)), len(book.table("spontaneous"))
    (True, 0)
    """

    def __init__(self) -> None:
        self._cases: dict[int, bytes] = {}
        self._products = Names()
        self._events = Names()
        self._datasets = Names()
        self._tallies: list[Tally] = []

    @classmethod
    def of(cls, versions: Iterable[tuple[int, int, CaseContent | None]]) -> Casebook:
        """A casebook of many (case_id, revision, content) at once, as `apply` one by one gives.

        >>> book = Casebook.of([(1, 2, None), (1, 1, CaseContent("solicited", (), ()))])
        >>> book.n_total("solicited")
        0
        """
        book = cls()
        cases = book._cases
        revisions: dict[int, int] = {}
        for case_id, revision, content in versions:
            if case_id not in revisions or revision > revisions[case_id]:
                revisions[case_id] = revision
                cases[case_id] = book._pack(revision, content)
        contents = book.contents()
        for code in range(len(book._datasets)):
            book._tallies[code].count(contents.within(code))
        return book

    def __len__(self) -> int:
        """Cases known, nullified ones included."""
        return len(self._cases)

    def apply(self, case_id: int, revision: int, content: CaseContent | None) -> Touched:
        """Retract what the case contributed and add `content`; None: the case is nullified.

        A revision that is not above the one held changes nothing.
        """
        held = self._cases.get(case_id)
        old: array[int] | None = None
        if held is not None:
            old = array("i", held)
            if revision <= old[0]:
                return UNTOUCHED
        packed = self._pack(revision, content)
        self._cases[case_id] = packed
        new = array("i", packed)
        if old is not None and old[1:] == new[1:]:
            return UNTOUCHED
        parts = []
        if old is not None and old[DATASET] != NULLIFIED:
            parts.append(self._move(old, -1))
        if new[DATASET] != NULLIFIED:
            parts.append(self._move(new, 1))
        return Touched(tuple(parts))

    def revision(self, case_id: int) -> int | None:
        """The revision held of a case, or None."""
        held = self._cases.get(case_id)
        return None if held is None else array("i", held[:4])[0]

    def content(self, case_id: int) -> CaseContent | None:
        """What a case counts as; None where it is nullified or not known.

        >>> book = Casebook()
        >>> content = CaseContent("d", (("K", 3),), (("x", 4), ("y", 5)))
        >>> bool(book.apply(1, 1, content)), book.content(1) == content, book.content(2)
        (True, True, None)
        """
        case = array("i", self._cases.get(case_id, b""))
        if not case or case[DATASET] == NULLIFIED:
            return None
        middle = HEADER + case[PRODUCTS]
        end = (len(case) + HEADER) // 2
        names = [self._products.names[code] for code in case[HEADER:middle]]
        names += [self._events.names[code] for code in case[middle:end]]
        dated = list(zip(names, case[end:], strict=True))
        products = case[PRODUCTS]
        return CaseContent(
            self._datasets.names[case[DATASET]], tuple(dated[:products]), tuple(dated[products:])
        )

    def n_total(self, dataset: str) -> int:
        """Cases of a dataset; one that it has never seen has none."""
        tally = self._tally(dataset)
        return 0 if tally is None else tally.total

    def counts(self, dataset: str, product: str, event: str) -> tuple[int, int, int, int]:
        """(n, n_product, n_event, n_total) of one pair, zeros included."""
        tally = self._tally(dataset)
        if tally is None:
            return 0, 0, 0, 0
        return tally.counts(self._products.find(product), self._events.find(event))

    def table(
        self,
        dataset: str,
        products: Iterable[str] | None = None,
        events: Iterable[str] | None = None,
    ) -> PairTable:
        """All pairs with a case; or those of any of the products *or* any of the events.

        Given the products and events of a `Touched`, these are the pairs whose margins moved.
        """
        tally = self._tally(dataset) or Tally()
        return tally.table(
            self._products,
            self._events,
            None if products is None else self._products.find_all(products),
            None if events is None else self._events.find_all(events),
        )

    def moved(
        self, dataset: str, among: Set[str], products: Set[str], events: Set[str]
    ) -> PairTable:
        """The pairs with a case of the products `among` that a change of names moved.

        A change moves the margins of its `products` and of its `events`: all pairs of the former,
        and those of the latter with whatever product.

        >>> book = Casebook()
        >>> for case, (product, event) in enumerate(["Kx", "Ky", "Ex", "Ey"]):
        ...     _ = book.apply(case, 1, CaseContent("d", ((product, 1),), ((event, 1),)))
        >>> table = book.moved("d", {"K", "E"}, products={"K"}, events={"x"})
        >>> list(zip(table.product, table.event))
        [('E', 'x'), ('K', 'x'), ('K', 'y')]
        """
        tally = self._tally(dataset) or Tally()
        return tally.moved(
            self._products,
            self._events,
            self._products.find_all(among & products),
            self._products.find_all(among - products),
            self._events.find_all(events),
        )

    def table_of(self, dataset: str, pairs: Iterable[tuple[str, str]]) -> PairTable:
        """The table of given pairs, those without a case included."""
        rows = [(p, e, *self.counts(dataset, p, e)) for p, e in sorted(set(pairs))]
        columns = list(zip(*rows, strict=True)) or [()] * 6
        return PairTable.of(
            columns[0],
            columns[1],
            n=columns[2],
            n_product=columns[3],
            n_event=columns[4],
            n_total=columns[5],
        )

    def cases_of(self, dataset: str, product: str, event: str) -> list[int]:
        """The ids of the cases of a pair, ascending."""
        contents = self.contents()
        within, p, e = self.codes(dataset, product, event)
        both = np.intersect1d(
            contents.products.case[contents.products.code == p],
            contents.events.case[contents.events.code == e],
        )
        ids = np.fromiter(self._cases, dtype=np.int64, count=len(self._cases))
        return sorted(ids[both[contents.dataset[both] == within]].tolist())

    def contents(self) -> Contents:
        """Every case as columns, in the order of their first arrival."""
        return Contents.unpack(self._cases.values())

    def codes(self, dataset: str, product: str, event: str) -> tuple[int, int, int]:
        """The codes of `contents` for a dataset, a product, an event; below -1 where unseen."""
        return self._datasets.find(dataset), self._products.find(product), self._events.find(event)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Every dataset seen."""
        return tuple(sorted(self._datasets.names))

    @property
    def products(self) -> tuple[str, ...]:
        """The names of products, by the codes of `contents`."""
        return tuple(self._products.names)

    @property
    def events(self) -> tuple[str, ...]:
        """The names of events, by the codes of `contents`."""
        return tuple(self._events.names)

    def _tally(self, dataset: str) -> Tally | None:
        code = self._datasets.find(dataset)
        return None if code == UNSEEN else self._tallies[code]

    def _pack(self, revision: int, content: CaseContent | None) -> bytes:
        if content is None:
            return array("i", (revision, NULLIFIED, 0)).tobytes()
        dataset = self._datasets.code(content.dataset)
        if dataset == len(self._tallies):
            self._tallies.append(Tally())
        products = self._products.coded(content.products)
        events = self._events.coded(content.events)
        return array(
            "i",
            (
                revision,
                dataset,
                len(products),
                *products,
                *events,
                *products.values(),
                *events.values(),
            ),
        ).tobytes()

    def _move(self, case: array[int], step: int) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        dataset, middle = case[DATASET], HEADER + case[PRODUCTS]
        products = case[HEADER:middle]
        events = case[middle : (len(case) + HEADER) // 2]
        self._tallies[dataset].move(products, events, step)
        name = self._products.names, self._events.names
        return (
            self._datasets.names[dataset],
            tuple([name[0][code] for code in products]),
            tuple([name[1][code] for code in events]),
        )
