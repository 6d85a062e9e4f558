"""The Faust app of a worker: made here, run here; its agents are registered by who calls."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.types import TP
from mode.supervisors import ForfeitOneForOneSupervisor

from schemas.errors import LogError
from streams.log.base import partition_of
from streams.log.kafka_access import KafkaAccess, brokers_of
from streams.log.recovery import TableManager

Positions = Callable[[set[TP]], Awaitable[Mapping[TP, int]]]
Partitions = Callable[[frozenset[TP]], Awaitable[None]]

MAX_MESSAGE = 4 << 20  # bytes; topics are created for it
_BUFFERED = 16  # messages waiting for an agent: half a MiB each as a rule, 2 MiB at most
_STOPPING = 30.0  # seconds for agents to finish what they are at


class App(faust.App):
    """A Faust app that starts at stored offsets, and ends when an agent fails.

    Faust would count what a failed agent held as done and go on behind it. Here the error ends
    `run_app`, and whoever makes and runs an app again reads on from the stored offsets.
    """

    stored_positions: Positions | None = None
    on_assigned: Partitions | None = None
    on_revoked: Partitions | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.failed = asyncio.Event()
        self.failure: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """Let `run_app` stop in good order and raise `error`; the first one counts."""
        if self.failure is None:
            self.failure = error
            # What the agents hold is read again, so nobody waits for it.
            self.conf.stream_wait_empty = False
            self.failed.set()

    async def on_stop(self) -> None:
        try:
            await super().on_stop()
        except Exception as error:  # the services of the app have to stop all the same
            self.fail(error)

    def _new_transport(self) -> Any:
        if self.conf.broker_consumer[0].scheme == "kafka":
            from streams.log.kafka_transport import Transport

            return Transport(self.conf.broker_consumer, self)
        return super()._new_transport()

    async def _on_agent_error(self, agent: Any, exc: BaseException) -> None:
        self.fail(exc)  # and commit nothing, which Faust would do here


def create_app(
    *,
    name: str,
    broker: str,
    datadir: Path,
    stored_positions: Positions | None = None,
    on_assigned: Partitions | None = None,
    on_revoked: Partitions | None = None,
    **settings: Any,
) -> App:
    """An app that reads `broker` as the group `name`; call it where the loop runs.

    `stored_positions(tps)` gives the next offset to take of each partition, `on_assigned(tps)` is
    awaited after every assignment before anything is taken, `on_revoked(tps)` once partitions are
    let go; both can come more than once for the same partitions. `settings` are Faust's own.
    """
    options: dict[str, Any] = {
        "autodiscover": False,
        "web_enabled": False,  # its pages would show patient data
        "topic_disable_leader": True,
        "key_serializer": "raw",
        "value_serializer": "raw",
        "agent_supervisor": ForfeitOneForOneSupervisor,
        "broker_max_poll_records": _BUFFERED,
        "stream_buffer_maxsize": _BUFFERED,
        "stream_recovery_delay": 0.0,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": MAX_MESSAGE,
        "producer_max_request_size": MAX_MESSAGE,
        "producer_partitioner": _partition,
        "TableManager": TableManager,
    }
    if broker.startswith("kafka:"):
        access = KafkaAccess.read()
        options |= access.app()
        broker = "kafka://" + ";".join(access.answering(brokers_of(broker)))
    app = App(name, broker=broker, datadir=str(datadir), **options | settings)
    app.stored_positions = stored_positions
    app.on_assigned = on_assigned
    app.on_revoked = on_revoked
    return app


async def run_app(app: App, stop: asyncio.Event | None = None) -> None:
    """Run the app until `stop` is set; without one, until SIGTERM or SIGINT.

    Agents finish the batch they are at. Raises what an agent or a callback failed with, and
    `LogError` where the log did. An app runs once.
    """
    loop = asyncio.get_running_loop()
    signals = () if stop is not None else (signal.SIGTERM, signal.SIGINT)
    stop = stop or asyncio.Event()
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    starting = asyncio.create_task(app.start())
    events = (stop, app.failed, app._crashed, app._stopped)
    ends = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait([starting, *ends], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done() or starting.exception() is None:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        try:
            await asyncio.wait_for(app.stop(), _STOPPING)
        finally:
            for task in (starting, *ends):
                task.cancel()
            await asyncio.wait([starting, *ends])
            for number in signals:
                loop.remove_signal_handler(number)
    failure = app.failure or app.crash_reason
    if failure is None and not starting.cancelled():
        failure = starting.exception()
    if isinstance(failure, KafkaError):
        raise LogError("log_away", f"the log does not answer: {failure}") from failure
    if failure is not None:
        raise failure


def _partition(key: bytes | None, partitions: list[int], available: list[int]) -> int:
    return partitions[partition_of(key or b"", len(partitions))]
