"""Any supported file as a pair table, and its scores with what went wrong on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.disproportionality import ALL, Method, ebgm
from detectors.disproportionality.table import PairTable, score
from schemas.errors import InputError

Warn = Callable[[str, str], None]


# what a method takes beyond pairs, and which input gives it
GIVEN_BY = {"strata": "counts with a stratum", "triples": "reports and --with"}


def chosen(names: str, given: Collection[str] = ()) -> tuple[Method, ...]:
    """The methods of `all` (but for the costly ones) or of a list of names, in order of columns.

    `given` is what there is beyond pairs. InputError `unknown_method`, `not_in_input` for one that
    takes what is not given.

    >>> [method.name for method in chosen("ic,prr")]
    ['prr', 'ic']
    """
    possible = [method for method in ALL if method.takes == "pairs" or method.takes in given]
    if names == "all":
        return tuple(method for method in possible if not method.on_request)
    wanted = {name.strip() for name in names.split(",")}
    known = {method.name for method in ALL}
    if unknown := sorted(wanted - known):
        raise InputError(
            "unknown_method",
            f"no method {', '.join(unknown)}; there are: {', '.join(sorted(known))}",
        )
    for method in ALL:
        if method.name in wanted and method not in possible:
            raise InputError("not_in_input", f"{method.name} needs {GIVEN_BY[method.takes]}")
    return tuple(method for method in possible if method.name in wanted)


def columns(
    table: PairTable,
    methods: Sequence[Method],
    warn: Warn,
    *,
    fitted_to: PairTable | None = None,
    likelihood: str = "truncated",
    given: Mapping[str, Any] | None = None,
) -> tuple[dict[str, npt.NDArray[Any]], int]:
    """The columns of `detect`, and how many methods failed; the columns of those are empty.

    `fitted_to`: the rows that the prior of EBGM is fitted to by `likelihood`, all unless given;
    `given` holds what methods take beyond pairs, row by row of the table.
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
            if method.takes != "pairs":
                out |= method.function((given or {})[method.takes], method.parameters)
                continue
            parameters = {}
            if method is ebgm.METHOD:
                rows = table if fitted_to is None else fitted_to
                prior = ebgm.fit_table(rows, likelihood).prior
                parameters = {method.name: ebgm.Parameters(prior=prior)}
            out |= score(table, (method,), parameters)
        except InputError as error:
            failed += 1
            warn(error.code, f"{method.name}: {error}")
            out |= {name: np.full(len(table), np.nan) for name in method.columns}
    return out, failed
