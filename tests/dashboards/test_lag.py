"""How far the agents are behind, as one snapshot says, whatever was read before it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update

from dashboards.lag import Lag
from streams.store import tables
from tests.dashboards.support import Filled


def waiting(lag: Lag, filled: Filled) -> int:
    with filled.store.read() as connection:
        return sum(part.waiting for part in lag.read(connection) if part.topic == "reports")


def stand(filled: Filled, offset: int) -> None:
    table = tables.positions
    with filled.store.write() as connection:
        connection.execute(
            update(table)
            .where(table.c.topic == "reports", table.c.partition == 0)
            .values(next_offset=offset)
        )


def test_a_snapshot_that_is_older_than_the_one_before_counts_all_that_waits(
    tmp_path: Path,
) -> None:
    """Two requests read at once, and the later one is quicker."""
    filled = Filled(tmp_path)
    for _ in range(5):
        filled.push([b"{}", b"{}"])
    lag = Lag(filled.log, filled.settings.partitions())
    assert waiting(lag, filled) == 10
    stand(filled, 3)
    assert waiting(lag, filled) == 4
    stand(filled, 1)
    assert waiting(lag, filled) == 8
    stand(filled, 5)
    assert waiting(lag, filled) == 0
    filled.close()
