"""How long records take from durable to scored, as a histogram that `/metrics` shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from streams.store import tables
from streams.store.writing import upsert

METER = "freshness"
BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0, 60.0)  # seconds


def record_freshness(connection: Connection, seconds: Sequence[float]) -> None:
    """Add some durations; each bucket holds those up to its limit and over the one before."""
    if not seconds:
        return
    table = tables.meters
    held = connection.scalar(select(table.c.body).where(table.c.name == METER))
    meter: dict[str, Any] = json.loads(held) if held else {"buckets": {}, "sum": 0.0, "count": 0}
    # every bucket from the first record on: Prometheus misses what a series begins with
    meter["buckets"] = dict.fromkeys((*map(str, BUCKETS), "+Inf"), 0) | meter["buckets"]
    for value in seconds:
        bucket = next((str(limit) for limit in BUCKETS if value <= limit), "+Inf")
        meter["buckets"][bucket] = meter["buckets"].get(bucket, 0) + 1
    meter["sum"] += sum(seconds)
    meter["count"] += len(seconds)
    upsert(connection, table, [{"name": METER, "body": json.dumps(meter)}])
