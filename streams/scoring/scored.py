"""Any supported file as a pair table, and its scores with what went wrong on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.disproportionality import METHODS, Method, ebgm
from detectors.disproportionality.table import PairTable, score
from schemas.errors import InputError

Warn = Callable[[str, str], None]


def chosen(names: str) -> tuple[Method, ...]:
    """The methods of `all` (but for the costly ones) or of a list of names, in order of columns.

    InputError `unknown_method`.

    >>> [method.name for method in chosen("ic,prr")]
    ['prr', 'ic']
    """
    if names == "all":
        return tuple(method for method in METHODS if not method.on_request)
    wanted = {name.strip() for name in names.split(",")}
    known = {method.name for method in METHODS}
    if unknown := sorted(wanted - known):
        raise InputError(
            "unknown_method",
            f"no method {', '.join(unknown)}; there are: {', '.join(sorted(known))}",
        )
    return tuple(method for method in METHODS if method.name in wanted)


def columns(
    table: PairTable,
    methods: Sequence[Method],
    warn: Warn,
    *,
    fitted_to: PairTable | None = None,
    likelihood: str = "truncated",
) -> tuple[dict[str, npt.NDArray[Any]], int]:
    """The columns of `detect`, and how many methods failed; the columns of those are empty.

    `fitted_to`: the rows that the prior of EBGM is fitted to by `likelihood`, all unless given.
    """
    out: dict[str, npt.NDArray[Any]] = {
        "product": table.product,
        "event": table.event,
        **table.counts,
        **score(table, ()),
    }
    failed = 0
    for method in methods:
        try:
            given = {}
            if method is ebgm.METHOD:
                rows = table if fitted_to is None else fitted_to
                prior = ebgm.fit_table(rows, likelihood).prior
                given = {method.name: ebgm.Parameters(prior=prior)}
            out |= score(table, (method,), given)
        except InputError as error:
            failed += 1
            warn(error.code, f"{method.name}: {error}")
            out |= {name: np.full(len(table), np.nan) for name in method.columns}
    return out, failed
