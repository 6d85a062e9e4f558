"""The canary: a synthetic record of each stream, sent at an interval to see that the way is open.

It takes the way of what is pushed: checked, sealed, appended to the log, read by intake, judged by
the quality suite, published as a change, read by detect. What sets it apart is its origin. Intake
stores nothing of it and passes it on; detect counts it in no book and notes when it came. So it is
in no pair, no receipt, no side of the conservation law and in no row of the changes, from which
everything is rebuilt.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from schemas.envelope import CANARY
from schemas.errors import LogError
from schemas.record import STREAMS, Stream
from streams.gateway import taking
from streams.gateway.bodies import Body
from streams.log.base import Log
from streams.sealing import Sealer

logger = logging.getLogger("ketavigil.gateway")

SENDER = "ketavigil canary"


def canary(stream: Stream, sent: float) -> dict[str, Any]:
    """A record in order, as a sender would write it; its id is the time at which it is sent.

    >>> canary("reports", 1_790_000_000.0)["report_id"]
    'canary 1790000000.000'
    """
    name = f"canary {sent:.3f}"
    day = datetime.fromtimestamp(sent, UTC).date().isoformat()
    if stream == "reports":
        return {
            "sender": SENDER,
            "report_id": name,
            "received_at": day,
            "report_type": "spontaneous",
            "country": "CH",
            "patient": {"age_years": 44, "sex": "female"},
            "products": [{"name": "Spravato", "role": "suspect", "route": "intranasal"}],
            "reactions": [{"term": "Dissociation"}],
        }
    # the patient decides the partition, so that each is tried in its turn
    return {
        "registry": SENDER,
        "record_id": name,
        "patient": name,
        "course": "1",
        "at": day,
        "kind": "mood",
        "instrument": "PHQ-9",
        "score": 9,
    }


class Canaries:
    """Sends them."""

    def __init__(self, log: Log, sealer: Sealer, partitions: int) -> None:
        self._log, self._sealer, self._partitions = log, sealer, partitions

    def send(self, stream: Stream) -> None:
        """Append one; `LogError` where the log has not confirmed it."""
        sent = time.time()
        raw = json.dumps(canary(stream, sent)).encode()
        judged = taking.judge(
            stream, Body([raw]), sender=SENDER, taken_at=sent, sealer=self._sealer
        )
        marked = [
            taking.Judged(msgspec.structs.replace(one.entry, origin=CANARY), one.key)
            for one in judged
        ]
        taking.append(self._log, stream, self._partitions, marked)

    async def run(self, seconds: float, stop: asyncio.Event) -> None:
        """Send one of each stream every so often until `stop`, none where it is 0."""
        while seconds and not stop.is_set():
            for stream in STREAMS:
                try:
                    await asyncio.to_thread(self.send, stream)
                except LogError as error:
                    logger.warning("canary not sent: %s", error.code)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds)
