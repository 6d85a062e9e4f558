"""A deployment whose reports went the whole way: checked, disposed of, counted day by day."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, insert, select

from dashboards.reports.model import Report
from dashboards.reports.moment import resolve
from dashboards.reports.setting import Setting
from dashboards.reports.signal_report import signal_report
from schemas.envelope import VERSION, Change, Changes, Entry, Envelope, decode_changes
from schemas.record import Stream, check
from schemas.vocabulary import Vocabulary
from streams.agents import detector as module
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.disposal import Disposal
from streams.agents.items import Taken
from streams.sealing import Sealer
from streams.store import tables
from tests.dashboards.support import Filled

SEALER = Sealer(bytes(32))
FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAIR = ("spontaneous", "esketamine", "Cystitis")
Record = dict[str, Any]

FAMILY = """
name = "test"
opened = "2026-02-01"
alpha = 0.05
margin = 1.25
events = ["Cystitis", "Nausea"]
groups = ["urinary"]
"""


class Told:
    """A store to which reports are told day by day, by one detector with a clock of its own."""

    def __init__(
        self, data: Path, monkeypatch: pytest.MonkeyPatch, family: str | None = FAMILY
    ) -> None:
        data.mkdir(exist_ok=True)
        self.filled = Filled(data)
        self.settings = self.filled.settings
        if family is not None:
            (data / "family.toml").write_text(family, encoding="utf-8")
            self.settings = replace(self.settings, family=data / "family.toml")
        self.setting = Setting.load(self.settings)
        self.at = FIRST
        fake = SimpleNamespace(time=self._seconds, monotonic=lambda: 0.0)
        monkeypatch.setattr(module, "time", fake)
        self.log_id = self.filled.log.log_id()
        self._detector: Detector | None = None
        self._disposals: dict[str, Disposal] = {}

    @property
    def position(self) -> int:
        """Of the newest change that is counted."""
        with self.filled.store.read() as connection:
            return next_offset(connection, "changes") - 1

    def tell(self, records: Sequence[Record], stream: Stream = "reports", **more: Any) -> int:
        """Take records now, and count what came of them; the position after."""
        entries = tuple(self._entry(i, one, stream, **more) for i, one in enumerate(records))
        self.dispose(entries, stream)
        return self.count()

    def dispose(self, entries: tuple[Entry, ...], stream: Stream = "reports") -> None:
        """What becomes of the records; the detector has not seen them yet."""
        with self.filled.store.read() as connection:
            offset = next_offset(connection, stream)
        envelope = Envelope(VERSION, stream, entries)
        if stream not in self._disposals:
            vocabulary = Vocabulary.load()
            self._disposals[stream] = Disposal(stream, self.filled.store, vocabulary, self.log_id)
        self._disposals[stream].dispose([Taken(0, offset, envelope)])

    def count(self, *changes: Change) -> int:
        """Let the detector take what was published, and what is given."""
        table = tables.outbox
        with self.filled.store.write() as connection:
            query = select(table).where(table.c.topic == "changes").order_by(table.c.id)
            published = [decode_changes(row.value) for row in connection.execute(query)]
            connection.execute(delete(table))
        if self._detector is None:
            self._detector = Detector(
                self.filled.store, Configuration.load(self.settings), self.log_id
            )
        for message in [*published, *([Changes(VERSION, changes)] if changes else [])]:
            self._detector.apply([(self.position + 1, message)])
        return self.position

    def checkpoint(self) -> int:
        """Demand one."""
        return self.count(Change("checkpoint", reason="asked for"))

    def signal(self, kind: str = "screening", pair: tuple[str, str, str] = PAIR) -> int:
        """The number of a pair's signal."""
        table = tables.signals
        with self.filled.store.read() as connection:
            return int(
                connection.execute(
                    select(table.c.id).where(
                        table.c.kind == kind,
                        table.c.dataset == pair[0],
                        table.c.product == pair[1],
                        table.c.event == pair[2],
                    )
                ).scalar_one()
            )

    def act(
        self, entry: int, number: int, at: datetime, *, to: str, note: str, before: str = "new"
    ) -> None:
        """What a person did, as entry of the audit trail; the state before and after it."""
        row = {
            "id": entry,
            "signal_id": number,
            "revision": entry,
            "at": at.timestamp(),
            "position": self.position,
            "who": "A. Officer",
            "what": "noted" if to == before else "moved",
            "from_state": before,
            "to_state": to,
            "note": note,
            "detail": "{}",
        }
        with self.filled.store.write() as connection:
            connection.execute(insert(tables.acts), [row])

    def again(self, number: int, body: Record, taken: datetime) -> int:
        """A record of the quarantine is sent through once more, and accepted now."""
        entry = self._entry(0, body, "reports", taken=taken)
        self.dispose((msgspec.structs.replace(entry, replay_of=number),))
        return self.count()

    def made(self, as_of: str | None = None, number: int | None = None) -> Report:
        """The report of a signal, that of `PAIR` unless given."""
        return self.all(as_of, [number or self.signal()])[0]

    def all(self, as_of: str | None = None, numbers: Sequence[int] | None = None) -> list[Report]:
        """The reports of some signals, or of all that had been raised."""
        with self.filled.store.read() as connection:
            moment = resolve(connection, as_of, today=self.at.date())
            table = tables.signals
            raised = select(table.c.id).where(table.c.raised_position <= moment.position)
            of = numbers or connection.scalars(raised.order_by(table.c.id)).all()
            return [signal_report(connection, one, moment, self.setting) for one in of]

    def close(self) -> None:
        """Let go of log and store."""
        self.filled.close()

    def _seconds(self) -> float:
        return self.at.timestamp()

    def _entry(
        self,
        index: int,
        body: Record,
        stream: Stream,
        faults: tuple[Any, ...] = (),
        taken: datetime | None = None,
    ) -> Entry:
        at = taken or self.at
        raw, sender = json.dumps(body).encode(), str(body.get("sender") or body["registry"])
        sealed = SEALER.seal(raw)
        if faults:
            return Entry(index, sender, "push", at.timestamp(), *sealed, None, faults=faults)
        found = check(stream, raw, sender=sender, taken_at=at)
        return Entry(
            index,
            sender,
            "push",
            at.timestamp(),
            *sealed,
            found.record_id,
            found.version,
            found.status,
            found.information_date,
            found.content_hash,
            found.body,
        )


def next_offset(connection: Any, topic: str) -> int:
    """Where a topic's first partition is read next."""
    table = tables.positions
    where = (table.c.topic == topic) & (table.c.partition == 0)
    return int(connection.execute(select(table.c.next_offset).where(where)).scalar_one())


@contextmanager
def told(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """An empty one."""
    made = Told(data, monkeypatch)
    try:
        yield made
    finally:
        made.close()


def report(number: int, product: str, event: str, **changes: Any) -> Record:
    """A report as a clinic sends it."""
    day = changes.pop("day", "2026-02-20")
    sender = changes.pop("sender", "clinic-a")
    own = {"name": product, "role": "suspect", "route": "intranasal", "setting": "clinic"}
    return {
        "sender": sender,
        "report_id": f"{sender}/{number}",
        "version": 1,
        "received_at": day,
        "report_type": "spontaneous",
        "reporter": "physician",
        "country": "DE" if number % 3 else "FR",
        "patient": {"age_years": 20 + number % 60, "sex": "female" if number % 2 else "male"},
        "products": [own | changes.pop("given", {})],
        "reactions": [{"term": event, "outcome": "recovered"} | changes.pop("reaction", {})],
    } | changes


def background(first: int, count: int, **changes: Any) -> list[Record]:
    """Other products with other events, and a few with the event of the pair."""
    products = ("sertraline", "fluoxetine", "lithium", "propofol")
    return [
        report(
            first + i,
            products[i % 4],
            "Cystitis" if i % 20 == 0 else ("Nausea", "Headache", "Rash")[i % 3],
            **changes,
        )
        for i in range(count)
    ]


def cystitis(first: int, count: int, **changes: Any) -> list[Record]:
    """Esketamine with cystitis, begun and come on dates of their own."""
    return [
        report(
            first + i,
            "Spravato",
            "Cystitis",
            given={"started_at": "2026-01-01", "dose_mg": 56, "dechallenge": "positive"},
            reaction={
                "onset_at": f"2026-01-{3 + 2 * i:02d}",
                "seriousness": ["hospitalisation"] if i % 2 else [],
            },
            **changes,
        )
        for i in range(count)
    ]
