"""Whether every record as received can still be opened: its bytes and the key of each."""

from __future__ import annotations

from sqlalchemy import Connection, select

from schemas.errors import StoreError
from streams.agents.check import Check
from streams.sealing import Sealer
from streams.store import tables

_NAMED = 10


def check_opens(connection: Connection, sealer: Sealer | None) -> Check:
    """Every record that was not erased opens with the master key; without one, nothing is opened.

    A byte of a sealed record, or of its wrapped key, that was changed fails its authentication.
    """
    table = tables.records
    n, damaged = 0, []
    if sealer is not None:
        rows = connection.execute(
            select(table.c.id, table.c.sealed, table.c.wrapped_key)
            .where(table.c.wrapped_key.is_not(None))
            .order_by(table.c.id)
            .execution_options(yield_per=2_000)
        )
        for number, sealed, wrapped in rows:
            n += 1
            try:
                sealer.open(sealed, wrapped)
            except StoreError:
                damaged.append(number)
    figures = {"opened": n - len(damaged), "damaged": damaged[:_NAMED]}
    if sealer is None:
        figures["master_key"] = "none here"
    return Check("records open with the master key", len(damaged), figures)
