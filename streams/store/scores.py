"""Scores as rows of the store: of a whole table, of touched pairs, and over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, delete

from detectors.disproportionality.table import PairTable
from streams.store import tables
from streams.store.writing import insert_tuples, upsert_tuples

Columns = Mapping[str, npt.NDArray[np.float64]]
COUNTS = ("n", "n_product", "n_event", "n_total")
_SCORES = ("dataset", "product", "event", *COUNTS, *tables.STATISTICS, "watched", "position", "fit")
_POINTS = ("n", "expected", "prr", "ic", "ic025", "ic975")


def nullable(values: npt.NDArray[Any]) -> list[Any]:
    """A column as Python numbers, None where it could not be computed.

    >>> nullable(np.array([0.5, np.nan]))
    [0.5, None]
    """
    listed: list[Any] = values.tolist()
    if values.dtype.kind != "f":
        return listed
    return [None if isnan(value) else value for value in listed]


def score_rows(
    dataset: str,
    table: PairTable,
    columns: Columns,
    *,
    position: int,
    fit: int | None,
    watched: Callable[[str], bool],
) -> Iterable[tuple[Any, ...]]:
    """One row of `scores` for each pair of a table; `fit`: where the prior of EBGM was fitted."""
    size = len(table)
    by_product = {product: watched(product) for product in set(table.product)}
    return zip(
        [dataset] * size,
        table.product,
        table.event,
        *(nullable(values) for values in table.counts.values()),
        *(nullable(columns[name]) for name in tables.STATISTICS),
        [by_product[product] for product in table.product],
        [position] * size,
        [fit] * size,
        strict=True,
    )


def append_scores(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows of pairs that have none."""
    insert_tuples(connection, tables.scores, _SCORES, rows)


def replace_scores(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows of pairs that may have one."""
    upsert_tuples(connection, tables.scores, _SCORES, rows)


def drop_score(connection: Connection, dataset: str, product: str, event: str) -> None:
    """A pair without a case has no score."""
    table = tables.scores
    connection.execute(
        delete(table).where(
            table.c.dataset == dataset, table.c.product == product, table.c.event == event
        )
    )


def write_points(
    connection: Connection,
    dataset: str,
    table: PairTable,
    columns: Columns,
    *,
    position: int,
    at: float,
) -> None:
    """The pairs' scores at a position, for the picture over time."""
    values: dict[str, npt.NDArray[Any]] = {"n": table.n, **columns}
    size = len(table)
    rows = zip(
        [dataset] * size,
        table.product,
        table.event,
        [position] * size,
        [at] * size,
        *(nullable(values[name]) for name in _POINTS),
        strict=True,
    )
    names = ("dataset", "product", "event", "position", "at", *_POINTS)
    upsert_tuples(connection, tables.points, names, rows)
