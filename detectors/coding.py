"""From a change to the rows it counts in: products and their strata, events and their groups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from detectors.casebook import CaseContent
from detectors.disproportionality.table import PairTable
from schemas.envelope import LINKED, Change

COUNTED = frozenset({"suspect", "interacting", "unknown"})
NOT_COUNTED = frozenset({"nullified", LINKED})
GROUP = "group:"
_NEVER = 1 << 62


def content(
    change: Change,
    *,
    roles: frozenset[str] = COUNTED,
    strata_of: Callable[[str], bool] | None = None,
) -> CaseContent | None:
    """What a changed case counts as; None where it is nullified, or another case counts for it.

    Products count whose role is one of `roles`. Each group of an event is an event of its own,
    `group:NAME`, from the first day of its terms. A product for which `strata_of` is true also
    counts as `NAME @ROUTE` and `NAME @SETTING` where these are given, so that what shows in one
    route or setting alone is not diluted.

    >>> from schemas.envelope import CodedEvent, CodedProduct
    >>> change = Change(
    ...     "case",
    ...     products=(CodedProduct("ketamine", "suspect", 730_000, "sublingual", "home"),),
    ...     events=(CodedEvent("Cystitis", 730_001, ("urinary",)),),
    ... )
    >>> counted = content(change, strata_of=lambda product: product == "ketamine")
    >>> [name for name, _ in counted.products]
    ['ketamine', 'ketamine @sublingual', 'ketamine @home']
    >>> counted.events
    (('Cystitis', 730001), ('group:urinary', 730001))
    """
    if change.status in NOT_COUNTED:
        return None
    products: list[tuple[str, int]] = []
    for product in change.products:
        if product.role not in roles:
            continue
        products.append((product.name, product.day))
        if strata_of is not None and strata_of(product.name):
            products += [
                (f"{product.name} @{stratum}", product.day)
                for stratum in (product.route, product.setting)
                if stratum
            ]
    events: list[tuple[str, int]] = []
    groups: dict[str, int] = {}
    for event in change.events:
        day = event.day
        events.append((event.name, day))
        for group in event.groups:
            if day < groups.get(group, _NEVER):
                groups[group] = day
    events += [(GROUP + group, day) for group, day in groups.items()]
    return CaseContent(change.dataset, tuple(products), tuple(events))


def base(product: str) -> str:
    """The product of a row for one route or setting.

    >>> base("ketamine @home")
    'ketamine'
    """
    return product.rpartition(" @")[0] or product


def plain(table: PairTable) -> npt.NDArray[np.bool_]:
    """The rows of whole products with single terms: those in which a case stands once a pair.

    What is fitted to a whole table (the prior of EBGM) is fitted to these, so that rows for groups,
    routes and settings change nothing but themselves.

    >>> table = PairTable.of(
    ...     ["k", "k @home", "k"], ["x", "x", "group:g"],
    ...     n=[1, 1, 1], n_product=[2, 1, 2], n_event=[3, 3, 3], n_total=[9, 9, 9],
    ... )
    >>> [f"{table.product[i]}, {table.event[i]}" for i in np.flatnonzero(plain(table))]
    ['k, x']
    """
    whole = {product: base(product) == product for product in set(table.product)}
    term = {event: not event.startswith(GROUP) for event in set(table.event)}
    pairs = zip(table.product, table.event, strict=True)
    return np.fromiter((whole[p] and term[e] for p, e in pairs), dtype=bool, count=len(table))
