"""Tables of counts: `product,event,n`, with margins or without, by stratum or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.disproportionality.mantel_haenszel import Strata
from detectors.disproportionality.table import PairTable
from schemas.errors import InputError
from streams.scoring import tables

Integers = npt.NDArray[np.int64]

NEEDED = ("product", "event", "n")
MARGINS = ("n_product", "n_event", "n_total")


def is_counts(columns: tuple[str, ...]) -> bool:
    """Whether a table with these columns is one of counts."""
    return set(NEEDED) <= set(columns)


def read(path: Path) -> tuple[PairTable, Strata | None]:
    """The pair table of a file of counts, names taken as they stand, and its counts by stratum.

    Without margins, these are the sums of `n`. With a `stratum`, counts and margins are those of
    all strata together; a product's margin in a stratum must then be the same in all its rows.
    A pair without a row in a stratum has no report there.

    InputError `bad_table`, `some_margins` (one or two of the three), `inconsistent_margins`,
    `impossible_counts`, `duplicate_pair`.
    """
    present = tables.columns_of(path)
    margins = tuple(name for name in MARGINS if name in present)
    if margins not in ((), MARGINS):
        raise InputError("some_margins", f"{path} has {', '.join(margins)}: all three or none")
    by_stratum = "stratum" in present
    text = (*NEEDED[:2], "stratum") if by_stratum else NEEDED[:2]
    columns = tables.read(path, text, ("n", *margins))
    if (columns["n"] < 0).any():
        raise InputError("impossible_counts", f"{path} has an n below 0")
    if by_stratum:
        return _pooled(columns, bool(margins))
    if not margins:
        columns |= _sums(columns)
    table = PairTable.of(
        columns["product"], columns["event"], **{name: columns[name] for name in ("n", *MARGINS)}
    )
    return table, None


def _sums(columns: dict[str, Any]) -> dict[str, Integers]:
    n = columns["n"]
    return {
        "n_product": _grouped(columns["product"], n),
        "n_event": _grouped(columns["event"], n),
        "n_total": np.full(len(n), n.sum(), dtype=np.int64),
    }


def _grouped(names: list[str], n: Integers) -> Integers:
    """For each row, the sum of `n` over the rows of the same name."""
    rank: dict[str, int] = {}
    codes = np.fromiter((rank.setdefault(name, len(rank)) for name in names), dtype=np.int64)
    sums = np.zeros(len(rank), dtype=np.int64)
    np.add.at(sums, codes, n)
    return sums[codes]


def _pooled(columns: dict[str, Any], margins: bool) -> tuple[PairTable, Strata]:
    """Strata added up: each margin once a stratum, also where a pair has no row in it."""
    n: dict[tuple[str, str], int] = {}
    seen: dict[tuple[str, str, str], int] = {}
    of_product: dict[tuple[str, str], int] = {}
    of_event: dict[tuple[str, str], int] = {}
    of_stratum: dict[tuple[str], int] = {}
    rows = zip(
        columns["stratum"],
        columns["product"],
        columns["event"],
        columns["n"].tolist(),
        *(columns[name].tolist() if margins else columns["n"].tolist() for name in MARGINS),
        strict=True,
    )
    for stratum, product, event, count, n_product, n_event, n_total in rows:
        if (stratum, product, event) in seen:
            raise InputError(
                "duplicate_pair", f"{product} with {event} stands twice in stratum {stratum!r}"
            )
        seen[stratum, product, event] = count
        n[product, event] = n.get((product, event), 0) + count
        for known, key, value in (
            (of_product, (stratum, product), n_product),
            (of_event, (stratum, event), n_event),
            (of_stratum, (stratum,), n_total),
        ):
            _margin(known, key, value, add=not margins)  # type: ignore[arg-type]
    total = sum(of_stratum.values())
    products, events = _summed(of_product), _summed(of_event)
    pairs = list(n)
    table = PairTable.of(
        [product for product, _ in pairs],
        [event for _, event in pairs],
        n=list(n.values()),
        n_product=[products[product] for product, _ in pairs],
        n_event=[events[event] for _, event in pairs],
        n_total=[total] * len(pairs),
    )
    names = list(zip(table.product, table.event, strict=True))
    strata = [stratum for (stratum,) in of_stratum]
    by_stratum = (
        [[seen.get((stratum, *pair), 0) for stratum in strata] for pair in names],
        [[of_product.get((stratum, product), 0) for stratum in strata] for product, _ in names],
        [[of_event.get((stratum, event), 0) for stratum in strata] for _, event in names],
        [list(of_stratum.values())] * len(names),
    )
    return table, Strata(*(np.array(rows, dtype=np.int64) for rows in by_stratum))


def _margin(known: dict[tuple[str, ...], int], key: tuple[str, ...], n: int, *, add: bool) -> None:
    if add:
        known[key] = known.get(key, 0) + n
    elif known.setdefault(key, n) != n:
        raise InputError(
            "inconsistent_margins", f"{' / '.join(key)} has margins {known[key]} and {n}"
        )


def _summed(margins: dict[tuple[str, str], int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for (_, name), value in margins.items():
        sums[name] = sums.get(name, 0) + value
    return sums
