"""Canaries in intake and detect: passed on and timed, stored and counted nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from schemas.envelope import (
    CANARY,
    VERSION,
    Change,
    Changes,
    Entry,
    Envelope,
    decode_changes,
    decode_envelope,
)
from schemas.record import STREAMS, Stream
from schemas.vocabulary import Vocabulary
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.disposal import Disposal
from streams.agents.items import Taken
from streams.gateway.canary import Canaries
from streams.log import Log, open_log
from streams.sealing import Sealer
from streams.settings import CONSUMERS, Settings
from streams.store import tables
from streams.store.conservation import conservation, in_flight
from streams.store.store import Store, bind_log, open_store
from tests.streams.agents.test_detector import case

PARTITIONS = 4
STATE = (
    tables.records,
    tables.cases,
    tables.versions,
    tables.duplicates,
    tables.quarantine,
    tables.quality,
    tables.quality_batches,
    tables.unmatched,
    tables.changes,
    tables.checkpoints,
    tables.scores,
    tables.courses,
    tables.course_records,
    tables.signals,
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    opened = open_log(f"sqlite:///{tmp_path}/log.db")
    opened.ensure_topics(Settings.read(data=tmp_path).topics())
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path, log: Log) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/store.db", sealer=Sealer(bytes(32)))
    with opened.write() as connection:
        for stream in STREAMS:
            ends: dict[tuple[str, int], int] = {(stream, p): 1_000 for p in range(PARTITIONS)}
            bind_log(connection, CONSUMERS[stream], log.log_id(), ends)
        bind_log(connection, "detect", log.log_id(), {("changes", 0): 1_000})
    yield opened
    opened.close()


def sent(log: Log, stream: Stream) -> list[Taken]:
    """What lies in the log of a stream."""
    return [
        Taken(partition, message.offset, decode_envelope(message.value or b""))
        for partition in range(PARTITIONS)
        for message in log.read(stream, partition, 0, 100)
    ]


def kept(store: Store) -> dict[str, int]:
    """Rows of every table that holds data of somebody."""
    with store.read() as connection:
        rows = {t.name: connection.scalar(select(func.count()).select_from(t)) for t in STATE}
    return {name: n or 0 for name, n in rows.items()}


def published(store: Store) -> list[Change]:
    with store.read() as connection:
        values = connection.scalars(select(tables.outbox.c.value).order_by(tables.outbox.c.id))
        return [change for value in values for change in decode_changes(value).changes]


def meters(store: Store) -> dict[str, Any]:
    with store.read() as connection:
        rows = connection.execute(select(tables.meters.c.name, tables.meters.c.body))
        return {name: json.loads(body) for name, body in rows}


def canaries(log: Log) -> Canaries:
    return Canaries(log, Sealer(bytes(32)), PARTITIONS)


@pytest.mark.parametrize("stream", STREAMS)
def test_intake_passes_a_canary_on_and_stores_nothing_of_it(
    stream: Stream, log: Log, store: Store
) -> None:
    canaries(log).send(stream)
    (taken,) = sent(log, stream)
    (entry,) = taken.envelope.records
    assert (entry.origin, entry.faults) == (CANARY, ())
    Disposal(stream, store, Vocabulary.load(), log.log_id()).dispose([taken])
    assert set(kept(store).values()) == {0}
    (change,) = published(store)
    assert (change.kind, change.reason, change.taken_at) == (CANARY, stream, entry.taken_at)


def test_a_canary_among_records_changes_nothing_of_what_becomes_of_them(
    log: Log, store: Store
) -> None:
    canaries(log).send("reports")
    (taken,) = sent(log, "reports")
    (canary,) = taken.envelope.records
    record = Entry(
        1, "clinic", "push", canary.taken_at, b"s", b"k", b"h", "R-1", body=canary.body,
        information_date=canary.information_date, content_hash=canary.content_hash,
    )  # fmt: skip
    mixed = Taken(taken.partition, 0, Envelope(VERSION, "reports", (canary, record)))
    Disposal("reports", store, Vocabulary.load(), log.log_id()).dispose([mixed])
    assert {k: n for k, n in kept(store).items() if n} == {
        "records": 1,
        "cases": 1,
        "versions": 1,
        "quality_batches": 1,
    }
    assert {change.kind for change in published(store)} == {CANARY, "case"}


def test_a_canary_that_the_suite_would_hold_does_not_come_through(
    log: Log, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    canaries(log).send("reports")
    (taken,) = sent(log, "reports")
    (canary,) = taken.envelope.records
    body = Sealer(bytes(32)).disclose(canary.body)
    old = body.replace(b'"age_years":44', b'"age_years":212').replace(b"44.0", b"126.0")
    assert old != body
    bad = Entry(
        0, canary.sender, CANARY, canary.taken_at, b"s", b"k", b"h", "c", body=old,
        information_date=canary.information_date,
    )  # fmt: skip
    held = Taken(taken.partition, 0, Envelope(VERSION, "reports", (bad,)))
    Disposal("reports", store, Vocabulary.load(), log.log_id()).dispose([held])
    assert published(store) == []
    assert set(kept(store).values()) == {0}
    assert "canary of reports held: age_range" in caplog.text


def test_a_canary_on_its_way_is_received_by_nobody(log: Log, store: Store) -> None:
    for _ in range(3):
        canaries(log).send("reports")
    with store.read() as connection:
        pending = in_flight(connection, log, PARTITIONS)
        assert pending == {"reports": 0, "followups": 0}
        assert all(
            law.received == 0 and law.holds for law in conservation(connection, pending).values()
        )


def detected(store: Store, log: Log) -> Detector:
    return Detector(store, Configuration.load(), log.log_id())


def came(stream: Stream, at: float) -> Change:
    return Change(CANARY, reason=stream, taken_at=at, origin=CANARY)


def test_detect_notes_the_newest_of_each_stream_once(log: Log, store: Store) -> None:
    one = detected(store, log)
    one.apply([(0, Changes(VERSION, (came("reports", 100.0), came("followups", 90.0))))])
    first = meters(store)
    assert first["canary/reports"]["sent"] == 100.0
    assert first["canary/followups"]["sent"] == 90.0
    assert first["canary/reports"]["seconds"] > 1e9  # it was sent in 1970
    # sent again after a restart, or overtaken in another partition: the first time stands
    one.apply([(1, Changes(VERSION, (came("reports", 100.0), came("reports", 80.0))))])
    assert meters(store)["canary/reports"] == first["canary/reports"]
    detected(store, log).apply([(2, Changes(VERSION, (came("reports", 160.0),)))])
    assert meters(store)["canary/reports"]["sent"] == 160.0
    assert set(kept(store).values()) == {0}
    assert "freshness" not in meters(store)


def test_a_canary_alone_makes_no_checkpoint_even_after_midnight(
    log: Log, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = detected(store, log)
    one.apply([(0, Changes(VERSION, (case(1, "ketamine", "Cystitis"),)))])
    monkeypatch.setattr("streams.agents.detector.time.time", lambda: 4e9)
    one.apply([(1, Changes(VERSION, (came("reports", 100.0),)))])
    assert kept(store)["checkpoints"] == 0
    # the day is over for the next change that stands in the table
    one.apply([(2, Changes(VERSION, (came("reports", 101.0), case(2, "ketamine", "Nausea"))))])
    assert (kept(store)["checkpoints"], kept(store)["changes"]) == (1, 2)
