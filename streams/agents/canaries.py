"""Canaries that came through: of each stream the newest, when it was sent and how long it took."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from sqlalchemy import Connection, select

from schemas.envelope import Change
from streams.settings import CANARY_METER
from streams.store import tables
from streams.store.writing import upsert


def record_canaries(connection: Connection, canaries: Sequence[Change]) -> None:
    """Keep the newest of each stream; one that is older, or comes again, changes nothing."""
    table = tables.meters
    for stream in sorted({canary.reason for canary in canaries}):
        name = CANARY_METER + stream
        sent = max(canary.taken_at for canary in canaries if canary.reason == stream)
        held = connection.scalar(select(table.c.body).where(table.c.name == name))
        if held is None or sent > json.loads(held)["sent"]:
            body = json.dumps({"sent": sent, "seconds": time.time() - sent})
            upsert(connection, table, [{"name": name, "body": body}])
