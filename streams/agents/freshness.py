"""How long records take from durable to scored, as a histogram that `/metrics` shows."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from streams.store import tables
from streams.store.writing import upsert

METER = "freshness"
BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0, 60.0)  # seconds


def record_freshness(connection: Connection, took: Sequence[tuple[int, float]]) -> None:
    """Add some durations in seconds, each with the position in `changes` at which it ended.

    Each bucket holds those up to its limit and over the one before, and the newest as an example:
    seconds, position, and when (seconds since 1970).
    """
    if not took:
        return
    table = tables.meters
    held = connection.scalar(select(table.c.body).where(table.c.name == METER))
    meter: dict[str, Any] = json.loads(held) if held else {"buckets": {}, "sum": 0.0, "count": 0}
    # every bucket from the first record on: Prometheus misses what a series begins with
    meter["buckets"] = dict.fromkeys((*map(str, BUCKETS), "+Inf"), 0) | meter["buckets"]
    examples = meter.setdefault("examples", {})
    now = time.time()
    for position, value in took:
        bucket = next((str(limit) for limit in BUCKETS if value <= limit), "+Inf")
        meter["buckets"][bucket] = meter["buckets"].get(bucket, 0) + 1
        examples[bucket] = [value, position, now]
    meter["sum"] += sum(value for _, value in took)
    meter["count"] += len(took)
    upsert(connection, table, [{"name": METER, "body": json.dumps(meter)}])
