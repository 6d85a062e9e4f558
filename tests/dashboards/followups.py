"""Follow-up records that go the whole way into a store, and the detector behind them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from schemas.envelope import VERSION, Change, Changes, Entry, Envelope, decode_changes
from schemas.record import check
from schemas.vocabulary import Vocabulary
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.disposal import Disposal
from streams.agents.items import Taken
from streams.sealing import Sealer
from streams.store import tables
from tests.dashboards.support import Filled

TAKEN = datetime(2026, 7, 1, tzinfo=UTC)
SEALER = Sealer(bytes(32))
Record = dict[str, Any]


def record(kind: str, at: str, number: int, patient: str = "p-1", **values: Any) -> Record:
    """A record as a registry sends it."""
    return {
        "registry": "registry-a",
        "record_id": f"{patient}/{number}",
        "patient": patient,
        "course": "2026",
        "at": at,
        "kind": kind,
        **values,
    }


def follow(filled: Filled, records: Sequence[Record]) -> None:
    """Records as the follow-up agent writes them; the detector has not seen them yet."""
    disposal = Disposal("followups", filled.store, Vocabulary.load(), filled.log.log_id())
    entries = []
    for index, one in enumerate(records):
        raw = json.dumps(one).encode()
        found = check("followups", raw, sender=one["registry"], taken_at=TAKEN)
        entries.append(
            Entry(
                index,
                one["registry"],
                "push",
                TAKEN.timestamp(),
                *SEALER.seal(raw),
                found.record_id,
                found.version,
                found.status,
                found.information_date,
                found.content_hash,
                found.body,
            )
        )
    table = tables.positions
    where = (table.c.topic == "followups") & (table.c.partition == 0)
    with filled.store.read() as connection:
        offset = connection.execute(select(table.c.next_offset).where(where)).scalar_one()
    disposal.dispose([Taken(0, offset, Envelope(VERSION, "followups", tuple(entries)))])


def detect(filled: Filled, *changes: Change) -> None:
    """The detector takes what was published, then the changes given, each a message of its own."""
    table = tables.outbox
    with filled.store.write() as connection:
        query = select(table).where(table.c.topic == "changes").order_by(table.c.id)
        rows = connection.execute(query).all()
        published = [decode_changes(row.value) for row in rows]
        connection.execute(delete(table).where(table.c.topic == "changes"))
    apply(filled, [*published, *([Changes(VERSION, changes)] if changes else [])])


def apply(filled: Filled, messages: Iterable[Changes]) -> None:
    """Messages of the topic `changes` at the positions that come next."""
    detector = Detector(filled.store, Configuration.load(), filled.log.log_id())
    table = tables.positions
    for message in messages:
        with filled.store.read() as connection:
            at = connection.execute(
                select(table.c.next_offset).where(table.c.consumer == "detect")
            ).scalar_one()
        detector.apply([(at, message)])


Seen = tuple[str, int, dict[str, Any]]


def course(
    patient: str,
    product: str,
    *events: Seen,
    doses: int = 7,
    first: date = date(2024, 1, 1),
    **plan: Any,
) -> list[Record]:
    """A course from a day on, with a dose every 56 days and, beside it, records on given days.

    An event is (kind, day of the course from 1, fields). With seven doses the course is exposed on
    each of the 366 days, since 56 days after a dose still count.
    """

    def on(day: int) -> str:
        return (first + timedelta(days=day - 1)).isoformat()

    out = [record("enrolment", on(1), 0, patient, product=product, **plan)]
    out += [
        record("dose", on(1 + 56 * i), 1 + i, patient, product=product, dose_mg=56)
        for i in range(doses)
    ]
    out += [
        record(kind, on(day), 100 + i, patient, **fields)
        for i, (kind, day, fields) in enumerate(events)
    ]
    return out


def clinic() -> list[Record]:
    """Two products over a year, as the tests work them out by hand.

    Esketamine in the clinic: 12 courses, of which one has blood in the urine on day 100, three are
    scored for sedation at every dose, and one shows suicidal behaviour. Ketamine at home: 9
    courses, 6 of them with blood in the urine on day 100. All were asked on day 365. Arketamine: a
    course that nobody asked.
    """
    clear: Seen = ("urinary", 365, {"haematuria": False})
    blood: Seen = ("urinary", 100, {"haematuria": True})
    clinic: Record = {"route": "nasal", "setting": "clinic"}
    home: Record = {"route": "oral", "setting": "home"}
    out: list[Record] = []
    for i in range(12):
        seen: list[Seen] = [clear] + ([blood] if i == 0 else [])
        if i < 3:
            seen += [
                ("sedation", 1 + 56 * k, {"score": 3 if k < 2 * i else 5, "minutes": 40})
                for k in range(7)
            ]
        if i == 5:
            seen += [("suicidality", 1, {"ideation": 0, "behaviour": False})]
            seen += [("suicidality", 200, {"ideation": 4, "behaviour": True})]
        out += course(f"e-{i}", "Spravato", *seen, **clinic)
    for i in range(9):
        out += course(f"k-{i}", "Ketamine", clear, *([blood] if i < 6 else []), **home)
    return out + course("a-0", "arketamine", doses=3, **clinic)
