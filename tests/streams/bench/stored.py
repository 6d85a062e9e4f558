"""What a run of a benchmark has left in its store."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from streams.store import tables
from streams.store.store import open_store


def held(url: str, records: int) -> tuple[list[int | None], set[tuple[Any, ...]]]:
    """Counts of what was made of the records, and the scores; more than a thousand of them."""
    kinds = (tables.records, tables.versions, tables.quarantine, tables.duplicates)
    score = tables.scores
    store = open_store(url, create=False)
    try:
        with store.read() as connection:
            counted = [
                connection.scalar(select(func.count()).select_from(table)) for table in kinds
            ]
            columns = [score.c[name] for name in ("product", "event", "n", "prr", "ic025")]
            scored = {tuple(row) for row in connection.execute(select(*columns))}
    finally:
        store.close()
    assert counted[0] == records
    assert len(scored) > 1000
    return counted, scored
