"""The same work in one bare loop: no log, no Faust, no second process.

It checks, seals, judges the quality, stores and counts with the functions that the gateway and
the agents call, so that the difference is what the log and Faust cost. Run as a process of its
own, since the agents run in one: `python -m streams.bench.bare FILE DIRECTORY SENDER`.
"""

from __future__ import annotations

import gc
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from schemas.envelope import IMPORT_ENDED, VERSION, Change, Changes, Envelope, split
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.disposal import Disposal
from streams.agents.items import Taken
from streams.gateway.bodies import Body
from streams.gateway.taking import judge
from streams.sealing import load_sealer
from streams.settings import CHANGES, CONSUMERS, DETECT
from streams.store.store import bind_log, open_store

_LOG = "bare"
_BATCH = 4000  # as many records as intake takes at once


class _Disposal(Disposal):
    """Hands over what changed in memory, in place of an outbox."""

    changes: tuple[Change, ...] = ()

    def _publish(self, connection: Connection, published: dict[int, list[Change]]) -> None:
        self.changes = tuple(change for changes in published.values() for change in changes)


def run(file: Path, data: Path, sender: str) -> float:
    """Take in a file of NDJSON; the seconds from its first byte to the last score."""
    store = open_store(f"sqlite:///{data}/store.db")
    sealer = load_sealer(data)
    configuration = Configuration.load()
    with store.write() as connection:
        for consumer, topic in ((CONSUMERS["reports"], "reports"), (DETECT, CHANGES)):
            bind_log(connection, consumer, _LOG, {(topic, 0): 0})
    disposal = _Disposal("reports", store, configuration.vocabulary, _LOG)
    detector = Detector(store, configuration, _LOG)
    # as the worker does
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    offset = position = 0

    def count(changes: tuple[Change, ...]) -> None:
        nonlocal position
        detector.apply([(position, Changes(VERSION, changes))])
        position += 1

    began = time.perf_counter()
    with file.open("rb") as lines:
        while raw := [line.rstrip(b"\n") for line in islice(lines, _BATCH)]:
            body: Any = Body(raw)
            judged = judge("reports", body, sender=sender, taken_at=time.time(), sealer=sealer)
            runs = split([one.entry for one in judged])
            disposal.dispose(
                [Taken(0, offset + i, Envelope(VERSION, "reports", r)) for i, r in enumerate(runs)]
            )
            offset += len(runs)
            count(disposal.changes)
    count((Change("checkpoint", reason=IMPORT_ENDED),))
    seconds = time.perf_counter() - began
    store.close()
    return seconds


if __name__ == "__main__":
    print(run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
