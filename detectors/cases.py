"""Cases as columns, with what they can be divided by: what comparators and subgroups count on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from detectors.contents import Contents, Held
from detectors.disproportionality.method import Integers
from schemas.errors import InputError

Bools = npt.NDArray[np.bool_]
Counts = tuple[int, int, int, int]

UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute: for each row the code of its value, -1 where unknown; names by code."""

    code: Integers
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Column:
        """A column of names, codes in the order of str; None and "" are unknown.

        >>> Column.of(["m", "f", None, "f"])
        Column(code=array([ 1,  0, -1,  0]), names=('f', 'm'))
        """
        held = [value or None for value in values]
        names = tuple(sorted({value for value in held if value is not None}))
        code = {name: i for i, name in enumerate(names)}
        found = (UNKNOWN if value is None else code[value] for value in held)
        return cls(np.fromiter(found, dtype=np.int64, count=len(held)), names)


@dataclass(frozen=True, slots=True)
class Cases:
    """Cases numbered from 0, their products and events, and attributes of either.

    `counted` marks the cases of the population. `by_case` columns have a row a case (sex, age
    band, region), `by_product` columns a row for each row of `products` (route, setting, phase,
    indication): a case given two products by two routes has both.
    """

    counted: Bools
    products: Held
    events: Held
    by_case: Mapping[str, Column] = field(default_factory=dict)
    by_product: Mapping[str, Column] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for rows, columns in ((len(self.counted), self.by_case), (self._rows, self.by_product)):
            for name, column in columns.items():
                if len(column.code) != rows:
                    raise InputError(
                        "column_length", f"column {name} has {len(column.code)} rows, not {rows}"
                    )

    @classmethod
    def of(
        cls,
        contents: Contents,
        dataset: int,
        by_case: Mapping[str, Column] | None = None,
        by_product: Mapping[str, Column] | None = None,
    ) -> Cases:
        """The cases of one dataset of a casebook's contents, under the same numbers.

        Columns have a row for each case, or each row of `contents.products`, of all datasets.
        """
        return cls(
            contents.dataset == dataset,
            contents.products,
            contents.events,
            by_case or {},
            by_product or {},
        )

    @classmethod
    def listed(
        cls,
        products: Sequence[Sequence[int]],
        events: Sequence[Sequence[int]],
        by_case: Mapping[str, Column] | None = None,
        by_product: Mapping[str, Column] | None = None,
    ) -> Cases:
        """Cases from the codes of each; a code stands once a case.

        >>> Cases.listed([[0, 1], [1]], [[5], [5, 6]]).having_product(0).tolist()
        [True, False]
        """
        everyone = np.ones(len(products), dtype=bool)
        return cls(everyone, _held(products), _held(events), by_case or {}, by_product or {})

    def having_product(self, codes: int | Integers) -> Bools:
        """Counted cases with the product, or with any of several."""
        return self._marked(self.products, np.isin(self.products.code, codes))

    def having_event(self, codes: int | Integers) -> Bools:
        """Counted cases with the event, or with any of several."""
        return self._marked(self.events, np.isin(self.events.code, codes))

    def having_product_by(self, column: str, code: int, product: int | None = None) -> Bools:
        """Counted cases with a product (or one given product) whose attribute is `code`."""
        rows = self.by_product[column].code == code
        if product is not None:
            rows &= self.products.code == product
        return self._marked(self.products, rows)

    def events_of(self, cases: Bools) -> Integers:
        """For each event code, in how many of the cases it stands."""
        return _counted(self.events, cases)

    def products_of(self, cases: Bools) -> Integers:
        """For each product code, in how many of the cases it stands."""
        return _counted(self.products, cases)

    def within(self, cases: Bools) -> Cases:
        """The same, only those cases counted."""
        return replace(self, counted=self.counted & cases)

    @property
    def _rows(self) -> int:
        return len(self.products.code)

    def _marked(self, held: Held, rows: Bools) -> Bools:
        cases = np.zeros(len(self.counted), dtype=bool)
        cases[held.case[rows]] = True
        return cases & self.counted


def two_by_two(exposed: Bools, others: Bools, event: Bools) -> Counts:
    """(n, n_product, n_event, n_total) of exposed cases against others, who share none.

    >>> two_by_two(np.array([1, 0, 0], bool), np.array([0, 1, 1], bool), np.array([1, 1, 0], bool))
    (1, 1, 2, 3)
    """
    n, n_product = int(np.count_nonzero(exposed & event)), int(np.count_nonzero(exposed))
    elsewhere, n_others = int(np.count_nonzero(others & event)), int(np.count_nonzero(others))
    return n, n_product, n + elsewhere, n_product + n_others


def _counted(held: Held, cases: Bools) -> Integers:
    size = int(held.code.max(initial=-1)) + 1
    return np.bincount(held.code[cases[held.case]], minlength=size)


def _held(lists: Sequence[Sequence[int]]) -> Held:
    unique = [list(dict.fromkeys(codes)) for codes in lists]
    case = np.repeat(np.arange(len(unique)), [len(codes) for codes in unique])
    code = np.array([code for codes in unique for code in codes], dtype=np.int64)
    return Held(case.astype(np.int64), code, np.zeros(len(code), dtype=np.int64))
