"""The same work in one bare loop: no log, no Faust, no second process.

It checks, seals, judges the quality, stores and counts with the functions that the gateway and
the agents call, so that the difference is what the log and Faust cost. Run as a process of its
own, since the agents run in one: `python -m streams.bench.bare FILE DIRECTORY SENDER`.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Mapping, Sequence
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
from streams.master_key import load_sealer
from streams.sealing import Sealer
from streams.settings import CHANGES, CONSUMERS, DETECT
from streams.store.store import bind_log, open_store

_LOG = "bare"
BATCH = 4000  # as many records as intake takes at once


class _Disposal(Disposal):
    """Hands over what changed in memory, in place of an outbox."""

    changes: tuple[Change, ...] = ()

    def _publish(self, connection: Connection, published: dict[int, list[Change]]) -> None:
        self.changes = tuple(change for changes in published.values() for change in changes)


class Counting:
    """Records disposed of in a store and counted, in one process.

    `ends`: the partitions of the stream of reports.
    """

    def __init__(self, url: str, ends: Mapping[tuple[str, int], int], sealer: Sealer) -> None:
        self._store = open_store(url, sealer=sealer)
        configuration = Configuration.load()
        with self._store.write() as connection:
            bind_log(connection, CONSUMERS["reports"], _LOG, ends)
            bind_log(connection, DETECT, _LOG, {(CHANGES, 0): 0})
        self._disposal = _Disposal("reports", self._store, configuration.vocabulary, _LOG)
        self._detector = Detector(self._store, configuration, _LOG)
        self._position = 0
        # as the worker does
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 20, 50)

    def take(self, batch: Sequence[Taken]) -> None:
        """Dispose of envelopes and count what they change."""
        self._disposal.dispose(batch)
        self._count(self._disposal.changes)

    def end(self) -> None:
        """Make a checkpoint, as an import does."""
        self._count((Change("checkpoint", reason=IMPORT_ENDED),))

    def _count(self, changes: tuple[Change, ...]) -> None:
        self._detector.apply([(self._position, Changes(VERSION, changes))])
        self._position += 1

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()


def run(file: Path, data: Path, sender: str) -> float:
    """Take in a file of NDJSON; the seconds from its first byte to the last score."""
    sealer = load_sealer(data)
    counting = Counting(f"sqlite:///{data}/store.db", {("reports", 0): 0}, sealer)
    offset = 0
    began = time.perf_counter()
    with file.open("rb") as lines:
        while raw := [line.rstrip(b"\n") for line in islice(lines, BATCH)]:
            body: Any = Body(raw)
            judged = judge("reports", body, sender=sender, taken_at=time.time(), sealer=sealer)
            runs = split([one.entry for one in judged])
            counting.take(
                [Taken(0, offset + i, Envelope(VERSION, "reports", r)) for i, r in enumerate(runs)]
            )
            offset += len(runs)
    counting.end()
    seconds = time.perf_counter() - began
    counting.close()
    return seconds


if __name__ == "__main__":
    print(run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
