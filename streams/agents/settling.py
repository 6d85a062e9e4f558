"""Waiting for a worker: until everything sent is disposed of, and for a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import func, select

from schemas.envelope import VERSION, Change, Changes, encode
from schemas.errors import KetavigilError
from schemas.record import STREAMS
from streams.log.base import Log, Message
from streams.settings import CHANGES, CONSUMERS, DETECT, Settings
from streams.store import tables
from streams.store.store import Store, stored_positions

Ends = Mapping[tuple[str, int], int]
_PAUSE = 0.02


def wait_until(reached: Callable[[], bool], *, timeout: float, what: str) -> None:
    """Wait for something that a worker does; `KetavigilError` ("worker_stalled") if it does not."""
    until = time.monotonic() + timeout
    while not reached():
        if time.monotonic() > until:
            raise KetavigilError("worker_stalled", f"waited {timeout:.0f} s for {what}")
        time.sleep(_PAUSE)


def ends(settings: Settings, log: Log) -> dict[tuple[str, int], int]:
    """The end of each partition that records arrive in, now."""
    return {
        (stream, partition): log.end(stream, partition)
        for stream in STREAMS
        for partition in range(settings.partitions())
    }


def disposed(store: Store, targets: Ends) -> bool:
    """Whether all that lies before some ends is disposed of, and its changes are published."""
    with store.read() as connection:
        for stream in STREAMS:
            held = stored_positions(connection, CONSUMERS[stream])
            if any(held.get(at, 0) < end for at, end in targets.items() if at[0] == stream):
                return False
        waiting = connection.scalar(select(func.count()).select_from(tables.outbox))
    return not waiting


def applied(store: Store, end: int) -> bool:
    """Whether detect has applied the changes before an end."""
    with store.read() as connection:
        return stored_positions(connection, DETECT).get((CHANGES, 0), 0) >= end


def settle(
    settings: Settings, store: Store, log: Log, *, reason: str, timeout: float = 600.0
) -> int:
    """Wait until all that the log holds is disposed of, then for a checkpoint; its position.

    A worker must be running. Raises `KetavigilError` ("worker_stalled") after `timeout` seconds.
    """
    targets = ends(settings, log)
    wait_until(lambda: disposed(store, targets), timeout=timeout, what="records to be disposed of")
    demand = Changes(VERSION, (Change("checkpoint", reason=reason),))
    (position,) = log.append([Message(CHANGES, 0, b"", encode(demand))])
    wait_until(
        lambda: applied(store, position + 1), timeout=timeout, what="the checkpoint to be made"
    )
    return position
