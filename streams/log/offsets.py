"""Where a consumer starts: at the offsets that the app's store holds, on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from aiokafka.errors import IllegalStateError
from faust.types import TP

from schemas.errors import LogError

T = TypeVar("T")

_CROWDED = 0.005  # seconds between looks whether a full buffer has room again


class StoredOffsets:
    """A part of a Faust consumer. It reads three attributes of its app, all optional:

    - `stored_positions(tps)`: the next offset to take of each partition, 0 where it gives none.
      Without it the consumer starts from the offsets committed to the broker.
    - `on_assigned(tps)`: awaited after each assignment, before anything is taken.
    - `on_revoked(tps)`: awaited once the partitions are let go.

    A stored offset past the end raises `LogError` ("log_too_short"), one before the start
    ("log_trimmed"): what the store has seen, or has yet to see, is not in this log.
    """

    app: Any
    _told: tuple[int, frozenset[TP]] | None = None

    async def seek_to_committed(self) -> Mapping[TP, int]:
        return await self._or_end(self._seek_to_stored())

    async def _seek_to_stored(self: Any) -> Mapping[TP, int]:
        tables = self.app.tables.changelog_topics
        tps = frozenset(tp for tp in self.assignment() if tp.topic not in tables)
        told = (self.app.consumer_generation_id, tps)
        if tps and self._told != told:
            on_assigned = getattr(self.app, "on_assigned", None)
            if on_assigned is not None:
                await on_assigned(tps)
            self._told = told
        stored_positions = getattr(self.app, "stored_positions", None)
        if stored_positions is None:
            committed: Mapping[TP, int] = await super().seek_to_committed()  # type: ignore[misc]
            return committed
        stored = await stored_positions(set(tps))
        try:
            await self._check(stored)
        except LogError as error:
            if error.code != "log_trimmed":
                raise
            # the last owner may have finished something since, and let the log go of it
            stored = await stored_positions(set(tps))
            await self._check(stored)
        offsets = {tp: stored.get(tp, 0) for tp in tps}
        # taken from us again meanwhile: the assignment that follows seeks anew
        with suppress(IllegalStateError):
            await self.seek_wait(offsets)
        return offsets

    async def on_partitions_revoked(self: Any, revoked: set[TP]) -> None:
        await super().on_partitions_revoked(revoked)  # type: ignore[misc]
        on_revoked = getattr(self.app, "on_revoked", None)
        if on_revoked is not None:
            await on_revoked(frozenset(revoked))

    async def _check(self: Any, stored: Mapping[TP, int]) -> None:
        starts = await self.earliest_offsets(*stored)
        ends = await self.highwaters(*stored)
        for tp, offset in stored.items():
            place = f"{tp.topic}/{tp.partition}"
            if offset > ends[tp]:
                raise LogError(
                    "log_too_short",
                    f"{place} ends at {ends[tp]} and the store has seen it up to {offset}:"
                    " this is not the log that the store was filled from",
                )
            if offset < starts[tp]:
                raise LogError(
                    "log_trimmed",
                    f"{place} starts at {starts[tp]} and the store has seen it only up to {offset}",
                )

    async def _wait_next_records(self: Any, timeout: float) -> Any:
        # Faust sleeps a second where every buffer is full, and does not wake when one is not.
        while (
            self.flow_active
            and not self.should_stop
            and self._buffered_partitions
            and not self._get_active_partitions()
        ):
            await asyncio.sleep(_CROWDED)
        patience = _CROWDED if self._buffered_partitions else timeout
        return await self._or_end(super()._wait_next_records(patience))  # type: ignore[misc]

    async def _commit(self: Any, offsets: Mapping[TP, int]) -> bool:
        try:
            done: bool = await super()._commit(offsets)  # type: ignore[misc]
        except Exception as error:
            if not hasattr(self.app, "fail"):
                raise
            self.app.fail(error)  # and go on stopping, of which a last commit is a part
            return False
        return done

    async def _or_end(self, work: Awaitable[T]) -> T:
        """Wait for work; its error ends the app, but in order: a crash strands Faust's tasks."""
        try:
            return await work
        except Exception as error:
            if not hasattr(self.app, "fail"):
                raise
            self.app.fail(error)
            await asyncio.Event().wait()
            raise
