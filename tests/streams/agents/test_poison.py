"""An envelope on which the program fails is held, and what comes behind it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from schemas.envelope import VERSION, Envelope, encode
from schemas.errors import LogError, StoreError
from streams.agents.disposal import Disposal
from streams.agents.intake import TRIES, dispose, taken_from
from streams.agents.items import Taken
from streams.agents.verification import check_dispositions, check_sealed
from streams.store import tables
from streams.store.conservation import conservation
from streams.store.store import Store, bind_log, open_store, stored_positions
from tests.streams.agents.test_permutations import LOG, VOCABULARY, entry


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = open_store(store_url)
    with opened.write() as connection:
        bind_log(connection, "intake", LOG, {("reports", 0): 10**6})
    yield opened
    opened.close()


class Failing(Disposal):
    """Fails on every batch that holds a record of one id, as a defect of the program would."""

    def __init__(self, store: Store, record_id: str, error: Exception) -> None:
        super().__init__("reports", store, VOCABULARY, LOG)
        self.record_id, self.error, self.tries = record_id, error, 0

    def dispose(self, batch: Sequence[Taken]) -> None:
        records = [record for taken in batch for record in taken.envelope.records]
        if any(record.record_id == self.record_id for record in records):
            self.tries += 1
            raise self.error
        super().dispose(batch)


def report(number: str) -> dict[str, Any]:
    return {
        "sender": "clinic",
        "report_id": number,
        "received_at": "2025-03-01",
        "products": [{"name": "ketamine"}],
        "reactions": [{"term": "Nausea"}],
    }


def envelope(*numbers: str) -> Envelope:
    entries = tuple(entry(i, report(number)) for i, number in enumerate(numbers))
    return Envelope(VERSION, "reports", entries)


def held(store: Store) -> list[tuple[Any, ...]]:
    """Offset, place, record, stage and code of what is in quarantine."""
    records, quarantine = tables.records, tables.quarantine
    with store.read() as connection:
        rows = connection.execute(
            select(
                records.c.offset,
                records.c.place,
                quarantine.c.report_id,
                quarantine.c.stage,
                quarantine.c.code,
            )
            .join(records, records.c.id == quarantine.c.id)
            .order_by(records.c.offset, records.c.place)
        )
        return [tuple(row) for row in rows]


def test_an_envelope_that_always_raises_is_held_with_its_position(store: Store) -> None:
    disposal = Failing(store, "bad", ValueError("a defect"))
    lots = [envelope("a", "b"), envelope("c", "bad"), envelope("d")]
    dispose(disposal, [Taken(0, offset, lot) for offset, lot in enumerate(lots)])
    assert disposal.tries == 1 + TRIES
    assert held(store) == [
        (1, 0, "c", "worker", "not_processed"),
        (1, 1, "bad", "worker", "not_processed"),
    ]
    with store.read() as connection:
        assert stored_positions(connection, "intake") == {("reports", 0): 3}
        law = conservation(connection, {})["reports"]
        assert check_dispositions(connection).holds
    assert law.holds
    assert (law.received, law.disposed["counted"], law.disposed["quarantined"]) == (5, 3, 2)


def test_a_record_held_so_can_be_sent_again(store: Store) -> None:
    sent = envelope("bad")
    dispose(Failing(store, "bad", ValueError("a defect")), [Taken(0, 0, sent)])
    with store.read() as connection:
        (number,) = connection.scalars(select(tables.quarantine.c.id)).all()
    entries = (msgspec.structs.replace(sent.records[0], replay_of=number),)
    mended = Disposal("reports", store, VOCABULARY, LOG)
    dispose(mended, [Taken(0, 1, Envelope(VERSION, "reports", entries))])
    assert held(store) == []
    with store.read() as connection:
        law = conservation(connection, {})["reports"]
    assert law.holds
    assert law.disposed["counted"] == law.received == 1


def test_a_number_that_is_another_record_now_releases_nothing(store: Store) -> None:
    """A store that was restored gives numbers anew; a replay of its former life is still there."""
    dispose(Failing(store, "bad", ValueError("a defect")), [Taken(0, 0, envelope("bad"))])
    before = held(store)
    with store.read() as connection:
        (number,) = connection.scalars(select(tables.quarantine.c.id)).all()
    entries = (msgspec.structs.replace(entry(0, report("other")), replay_of=number),)
    dispose(
        Disposal("reports", store, VOCABULARY, LOG),
        [Taken(0, 1, Envelope(VERSION, "reports", entries))],
    )
    assert held(store) == before
    assert len(before) == 1


def test_what_passes_by_itself_is_no_poison(store: Store) -> None:
    disposal = Failing(store, "bad", StoreError("store_away", "the store went away"))
    with pytest.raises(StoreError, match="went away"):
        dispose(disposal, [Taken(0, 0, envelope("bad"))])
    assert disposal.tries == 1
    assert held(store) == []


def message(value: bytes | None, offset: int = 0) -> SimpleNamespace:
    return SimpleNamespace(
        topic="reports", partition=0, offset=offset, value=value, timestamp=1_750_000_000.0
    )


@pytest.mark.parametrize(
    "value",
    [b"", b"\xc1", b"no envelope", encode(envelope("a"))[:40], None],
    # an envelope is sealed anew each time, and two processes have to know a test by one name
    ids=["empty", "no MessagePack", "no envelope", "cut off", "none"],
)
def test_a_message_that_cannot_be_read_is_one_record_held(
    store: Store, value: bytes | None
) -> None:
    disposal = Disposal("reports", store, VOCABULARY, LOG)
    dispose(disposal, [taken_from(message(value)), Taken(0, 1, envelope("a"))])
    assert held(store) == [(0, 0, None, "gateway", "envelope_damaged")]
    with store.read() as connection:
        law = conservation(connection, {})["reports"]
        kept = connection.scalar(select(tables.records.c.sealed).order_by(tables.records.c.id))
        assert check_sealed(connection).holds
        (faults,) = connection.scalars(select(tables.quarantine.c.faults)).all()
    assert law.holds
    assert law.received == 2
    assert kept == (value or b"")
    assert json.loads(faults)[0][0] == "envelope_damaged"


def test_a_message_of_a_newer_program_is_not_judged_by_this_one() -> None:
    newer = encode(Envelope(VERSION + 1, "reports", ()))
    with pytest.raises(LogError) as told:
        taken_from(message(newer))
    assert told.value.code == "envelope_version"
