"""What Faust agents find in a log, on every engine."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from schemas.errors import LogError
from streams.app import App, create_app, run_app
from streams.log import Log, Message, Topic, partition_of
from tests.streams.log.test_contract import appender
from tests.streams.log.worker import Worker


def fill(log: Log, topic: str, numbers: range, partitions: int = 4) -> list[bytes]:
    log.ensure_topics([Topic(topic, partitions)])
    values = [b"%d" % n for n in numbers]
    log.append([Message(topic, n % partitions, b"k", b"%d" % n) for n in numbers])
    return values


def test_agents_take_every_message_in_order(url: str, log: Log, topic: str, tmp_path: Path) -> None:
    values = fill(log, topic, range(200))
    worker = Worker(url, topic, tmp_path)
    asyncio.run(worker.run(lambda: len(worker.taken) >= 200))
    assert sorted(worker.values) == sorted(values)
    for partition in range(4):
        assert [o for p, o, _ in worker.taken if p == partition] == list(range(50))
    # Whoever is assigned partitions can do first what the last owner left undone.
    assert worker.told[0] == "assigned 4"


def test_agents_start_at_stored_positions(url: str, log: Log, topic: str, tmp_path: Path) -> None:
    fill(log, topic, range(20), partitions=2)
    committer = Worker(url, topic, tmp_path, stores=False)
    asyncio.run(committer.run(lambda: len(committer.taken) >= 20))
    worker = Worker(url, topic, tmp_path)
    worker.positions = {TP(topic, 0): 7}
    asyncio.run(worker.run(lambda: len(worker.taken) >= 13))
    assert sorted(worker.taken) == [
        *[(0, n, b"%d" % (2 * n)) for n in range(7, 10)],
        *[(1, n, b"%d" % (2 * n + 1)) for n in range(10)],
    ]


@pytest.mark.filterwarnings("ignore:Setting new value for configuration key")
def test_what_an_assignment_asks_for_may_take_longer_than_a_broker_has_to_answer(
    url: str, log: Log, topic: str, tmp_path: Path
) -> None:
    """A detector that counts a large store; brokers that are away for a while."""
    fill(log, topic, range(20))

    class Slow(Worker):
        def app(self) -> App:
            app = super().app()
            self.patience = app.conf.broker_request_timeout

            async def assigning(*_: Any, **__: Any) -> None:
                app.conf.broker_request_timeout = 0.2

            app.on_partitions_assigned.connect(assigning, weak=False)
            return app

        async def _assigned(self, tps: frozenset[TP]) -> None:
            assert self.running is not None
            assert self.running.conf.broker_request_timeout == 0.2
            await asyncio.sleep(1.0)
            self.running.conf.broker_request_timeout = self.patience

    worker = Slow(url, topic, tmp_path)
    asyncio.run(worker.run(lambda: len(worker.taken) >= 20))
    assert len(worker.taken) == 20


def test_without_stored_positions_a_group_goes_on_where_it_committed(
    url: str, log: Log, topic: str, tmp_path: Path
) -> None:
    fill(log, topic, range(20))
    first = Worker(url, topic, tmp_path, stores=False)
    asyncio.run(first.run(lambda: len(first.taken) >= 20))
    fill(log, topic, range(20, 28))
    second = Worker(url, topic, tmp_path, stores=False)
    asyncio.run(second.run(lambda: len(second.taken) >= 8))
    assert sorted(second.values) == [b"%d" % n for n in range(20, 28)]


def test_nothing_is_lost_or_doubled_when_a_worker_stops_and_starts(
    url: str, log: Log, topic: str, tmp_path: Path
) -> None:
    values = fill(log, topic, range(400))
    worker = Worker(url, topic, tmp_path)
    chance = random.Random(4)

    async def slowly(events: list[Any]) -> None:
        await asyncio.sleep(0.002)

    worker.before_batch = slowly
    for _ in range(3):
        enough = len(worker.taken) + chance.randrange(20, 120)
        asyncio.run(worker.run(lambda enough=enough: len(worker.taken) >= enough))  # type: ignore[misc]
    worker.before_batch = None
    asyncio.run(worker.run(lambda: len(worker.taken) >= 400))
    assert sorted(worker.values) == sorted(values)


def test_while_an_agent_is_busy_only_so_much_is_fetched(
    url: str, log: Log, topic: str, tmp_path: Path
) -> None:
    """What waits for a store that is slow waits in the log."""
    values = fill(log, topic, range(1_000), partitions=1)
    worker = Worker(url, topic, tmp_path)
    fetched: list[int] = []

    async def busy(events: list[Any]) -> None:
        if not fetched:
            assert worker.running is not None
            offsets = worker.running.consumer._read_offset
            before = -1
            while (now := offsets[TP(topic, 0)] or 0) != before:
                before = now
                await asyncio.sleep(0.5)
            fetched.append(now)

    worker.before_batch = busy
    asyncio.run(worker.run(lambda: len(worker.taken) >= len(values)))
    # a batch of 4 in hand, 16 that wait for it, and the fetch that found no room
    assert 0 < fetched[0] <= 4 + 2 * 16 + 1
    assert worker.values == values


def test_an_agent_that_fails_ends_the_app_and_loses_nothing(
    url: str, log: Log, topic: str, tmp_path: Path
) -> None:
    values = fill(log, topic, range(40))
    worker = Worker(url, topic, tmp_path)

    async def fail(events: list[Any]) -> None:
        if len(worker.taken) >= 10:
            raise LogError("gap", "the store is elsewhere")

    worker.before_batch = fail
    with pytest.raises(LogError, match="the store is elsewhere"):
        asyncio.run(worker.run(lambda: False))
    worker.before_batch = None
    asyncio.run(worker.run(lambda: len(worker.taken) >= 40))
    assert sorted(worker.values) == sorted(values)


@pytest.mark.parametrize("case", [(11, "log_too_short"), (3, "log_trimmed")])
def test_a_log_that_is_not_the_stores_is_refused(
    url: str, log: Log, topic: str, tmp_path: Path, case: tuple[int, str]
) -> None:
    fill(log, topic, range(10), partitions=1)
    log.trim(topic, 0, 5)
    worker = Worker(url, topic, tmp_path)
    worker.positions = {TP(topic, 0): case[0]}
    with pytest.raises(LogError) as refused:
        asyncio.run(worker.run(lambda: False))
    assert refused.value.code == case[1]
    assert worker.taken == []


def test_messages_of_another_process_arrive_while_this_one_only_waits(
    url: str, log: Log, topic: str, tmp_path: Path
) -> None:
    """How soon is measured by `bench pipeline`."""
    log.ensure_topics([Topic(topic, 2)])
    worker = Worker(url, topic, tmp_path)

    async def main() -> None:
        running = asyncio.create_task(worker.run(lambda: len(worker.taken) >= 100))
        while "assigned 2" not in worker.told:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        process = appender(url, topic, "a", 100)
        await asyncio.wait_for(running, 60)
        await asyncio.to_thread(process.communicate)

    asyncio.run(main())
    assert len(worker.taken) == 100


def test_what_an_agent_sends_goes_by_key(url: str, log: Log, topic: str, tmp_path: Path) -> None:
    fill(log, topic, range(8))
    log.ensure_topics([Topic(f"{topic}-out", 4)])
    stop = asyncio.Event()

    async def main() -> None:
        app = create_app(name=f"g-{topic}", broker=url, datadir=tmp_path)
        out = app.topic(f"{topic}-out")

        async def pass_on(stream: Any) -> None:
            async for event in stream.events():
                await out.send(key=event.value, value=event.value)
                if event.value == b"7":
                    stop.set()

        app.agent(app.topic(topic), name="pass_on")(pass_on)

        await asyncio.wait_for(run_app(app, stop), 60)

    asyncio.run(main())
    sent = [m for p in range(4) for m in log.read(f"{topic}-out", p, 0, 100)]
    assert {m.value for m in sent} >= {b"7"}
    assert all(m.partition == partition_of(m.key, 4) for m in sent)


def test_a_table_is_recovered_from_its_changelog(
    url: str, log: Log, topic: str, tmp_path: Path
) -> None:
    log.ensure_topics([Topic(topic, 1)])
    log.append([Message(topic, 0, b"abc"[n % 3 :][:1], b"x") for n in range(30)])
    counts: list[dict[bytes, int]] = []

    async def run(total: int) -> None:
        stop = asyncio.Event()
        app = create_app(name=f"g-{topic}", broker=url, datadir=tmp_path)
        table = app.Table("counts", default=int, partitions=1, key_type=bytes)

        async def count(stream: Any) -> None:
            async for event in stream.events():
                table[event.key] += 1
                if sum(table.values()) >= total:
                    stop.set()

        app.agent(app.topic(topic, key_type=bytes), name="count")(count)

        await asyncio.wait_for(run_app(app, stop), 60)
        counts.append(dict(table))

    asyncio.run(run(30))
    assert counts == [{b"a": 10, b"b": 10, b"c": 10}]
    log.append([Message(topic, 0, b"c", b"x")])
    asyncio.run(run(31))
    assert counts[1] == {b"a": 10, b"b": 10, b"c": 11}


def test_sigterm_stops_the_app(url: str, log: Log, topic: str, tmp_path: Path) -> None:
    fill(log, topic, range(4))
    worker = Worker(url, topic, tmp_path)

    async def main() -> None:
        running = asyncio.create_task(run_app(worker.app()))
        while len(worker.taken) < 4:
            await asyncio.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)
        await running

    asyncio.run(asyncio.wait_for(main(), 60))
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
