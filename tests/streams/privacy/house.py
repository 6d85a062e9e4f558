"""A deployment in one process: gateway, log, store, intake and detector, a step at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from schemas.envelope import VERSION, Change, Changes, decode_changes, decode_envelope, encode
from schemas.record import STREAMS, Stream
from streams.agents.check import Check
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.disposal import Disposal
from streams.agents.items import Taken
from streams.agents.outbox import drain, owner
from streams.agents.rebuild import rebuild
from streams.agents.verification import verify
from streams.gateway.bodies import Body
from streams.gateway.taking import append, judge
from streams.log import Log, Message, open_log
from streams.master_key import load_sealer
from streams.settings import CHANGES, CONSUMERS, DETECT, Settings
from streams.store import tables
from streams.store.store import Store, bind_log, open_store, stored_positions

NOW = 1_767_225_600.0  # 2026-01-01


@dataclass(slots=True)
class House:
    """What is open, and where it has got to."""

    settings: Settings
    log: Log
    store: Store
    configuration: Configuration
    disposals: dict[str, Disposal]
    detector: Detector
    at: float = NOW

    @classmethod
    def open(cls, data: Path, store_url: str) -> House:
        """Open all of it, new where there is nothing."""
        data.mkdir(parents=True, exist_ok=True)
        settings = replace(Settings.read(data=data), store=store_url)
        log = open_log(settings.broker)
        log.ensure_topics(settings.topics())
        store = open_store(store_url, sealer=load_sealer(data))
        configuration = Configuration.load(settings)
        with store.write() as connection:
            for stream in STREAMS:
                ends = {(str(stream), p): log.end(stream, p) for p in range(settings.partitions())}
                bind_log(connection, CONSUMERS[stream], log.log_id(), ends)
            bind_log(connection, DETECT, log.log_id(), {(CHANGES, 0): log.end(CHANGES, 0)})
        disposals = {
            str(stream): Disposal(stream, store, configuration.vocabulary, log.log_id())
            for stream in STREAMS
        }
        detector = Detector(store, configuration, log.log_id())
        return cls(settings, log, store, configuration, disposals, detector)

    def close(self) -> None:
        """Let go of it."""
        self.log.close()
        self.store.close()

    def send(self, stream: Stream, records: Sequence[dict[str, Any] | bytes]) -> None:
        """Take records as the gateway does: they are in the log then."""
        raw = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in records]
        by_sender: dict[str, list[bytes]] = {}
        for one, sent in zip(records, raw, strict=True):
            field = "sender" if stream == "reports" else "registry"
            sender = one[field] if isinstance(one, dict) else "clinic"
            by_sender.setdefault(sender, []).append(sent)
        assert self.store.sealer is not None
        for sender, bodies in by_sender.items():
            judged = judge(
                stream, Body(bodies), sender=sender, taken_at=self.at, sealer=self.store.sealer
            )
            append(self.log, stream, self.settings.partitions(), judged)
        self.at += 1

    def work(self) -> None:
        """Dispose of what is in the log, and count it."""
        for stream in STREAMS:
            for partition in range(self.settings.partitions()):
                with self.store.read() as connection:
                    held = stored_positions(connection, CONSUMERS[stream])
                start = held[stream, partition]
                taken = [
                    Taken(partition, m.offset, decode_envelope(m.value or b""))
                    for m in self.log.read(stream, partition, start, 1_000)
                ]
                if taken:
                    self.disposals[stream].dispose(taken)
                    drain(self.store, self.log, [owner(CONSUMERS[stream], stream, partition)])
        self._count()

    def _count(self) -> None:
        with self.store.read() as connection:
            start = stored_positions(connection, DETECT)[CHANGES, 0]
        for message in self.log.read(CHANGES, 0, start, 1_000):
            self.detector.apply([(message.offset, decode_changes(message.value or b""))])
        drain(self.store, self.log, [owner(DETECT, CHANGES, 0)])

    def take(self, stream: Stream, *records: dict[str, Any] | bytes) -> None:
        """Send records and do all that follows."""
        self.send(stream, records)
        self.work()

    def checkpoint(self) -> int:
        """Demand one; its position."""
        demand = Changes(VERSION, (Change("checkpoint", reason="asked for"),))
        (position,) = self.log.append([Message(CHANGES, 0, b"", encode(demand))])
        self._count()
        return position

    def checks(self) -> dict[str, Check]:
        """What verification says."""
        self.checkpoint()
        with self.store.read() as connection:
            found = verify(connection, self.settings, self.log, self.configuration)
        return {check.name: check for check in found}

    def rebuilt(self, folder: Path) -> dict[str, Check]:
        """What a rebuild says."""
        self.checkpoint()
        folder.mkdir()
        sealer = self.store.sealer
        assert sealer is not None
        with self.store.read() as connection:
            found = rebuild(connection, self.configuration, sealer, folder)
        return {check.name: check for check in found}

    def count(self, table: Any, *where: Any) -> int:
        """How many rows of a table there are."""
        with self.store.read() as connection:
            return connection.scalar(select(func.count()).select_from(table).where(*where)) or 0

    def scores(self) -> list[Any]:
        """All that is scored, by pair."""
        with self.store.read() as connection:
            return list(
                connection.execute(select(tables.scores).order_by(*tables.scores.primary_key))
            )


def wrong(checks: dict[str, Check]) -> dict[str, Any]:
    """The checks that do not hold."""
    return {name: check.figures for name, check in checks.items() if not check.holds}


def report(report_id: str, pseudonym: str, term: str = "Cystitis", **more: Any) -> dict[str, Any]:
    """A report of a clinic."""
    return {
        "sender": "clinic",
        "report_id": report_id,
        "received_at": "2025-07-03",
        "report_type": "spontaneous",
        "country": "US",
        "patient": {"pseudonym": pseudonym, "age_years": 44, "sex": "female"},
        "products": [{"name": "Spravato", "role": "suspect", "route": "intranasal"}],
        "reactions": [{"term": term, "onset_at": "2025-07-02", "outcome": "recovered"}],
        "narrative": f"What {pseudonym} told.",
    } | more


def urinary(record_id: str, patient: str, day: int = 1, **more: Any) -> dict[str, Any]:
    """A follow-up record of the same clinic, which begins or goes on with a course."""
    return {
        "registry": "clinic",
        "record_id": record_id,
        "patient": patient,
        "course": "1",
        "at": f"2025-07-{day:02}",
        "kind": "urinary",
        "instrument": "OABSS",
        "score": 13,
    } | more


def enrolment(record_id: str, patient: str, **more: Any) -> dict[str, Any]:
    """The first record of a course."""
    return {
        "registry": "clinic",
        "record_id": record_id,
        "patient": patient,
        "course": "1",
        "at": "2025-07-01",
        "kind": "enrolment",
        "product": "ketamine",
        "sex": "female",
        "age_years": 44,
    } | more
