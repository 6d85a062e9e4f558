"""The same versions, repeats, nullifications and links, in any order and lots, count the same."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from schemas.envelope import VERSION, Change, Changes, Entry, Envelope, decode_changes
from schemas.record import check
from schemas.vocabulary import Vocabulary, Watchlist
from streams.agents.configuration import Configuration
from streams.agents.detector import Detector
from streams.agents.disposal import Disposal
from streams.agents.items import Taken
from streams.agents.verification import check_looks, check_rebuild
from streams.sealing import Sealer
from streams.store import tables
from streams.store.conservation import conservation
from streams.store.store import bind_log
from tests.conftest import NewStore
from tests.deployment import report

LOG = "the log of this test"
TAKEN = datetime(2026, 1, 1, tzinfo=UTC)
SEALER = Sealer(bytes(32))
VOCABULARY = Vocabulary.load()

one_version = st.builds(
    lambda sender, case, named, version, day, product, term, outcome, status: report(
        sender,
        f"CASE-{case}",
        external_ids=sorted(named - {f"CASE-{case}"}),
        version=version,
        received_at=f"2025-03-{day:02d}",
        products=[{"name": product, "role": "suspect"}],
        reactions=[{"term": term, "outcome": outcome}],
        status=status,
    ),
    st.sampled_from(["clinic", "clinic", "maker", "agency"]),
    st.integers(0, 5),
    st.sets(st.sampled_from(["CASE-0", "CASE-1", "CASE-2", "WW-2025-1"]), max_size=2),
    st.none() | st.integers(1, 3),
    st.integers(1, 9),
    st.sampled_from(["Spravato", "Ketalar", "sertraline"]),
    st.sampled_from(["Dissociation", "Nausea", "Cystitis"]),
    st.sampled_from(["recovered", "fatal"]),
    st.sampled_from(["active", "active", "active", "nullified"]),
)


def entry(index: int, record: dict[str, Any]) -> Entry:
    raw = json.dumps(record).encode()
    found = check("reports", raw, sender=record["sender"], taken_at=TAKEN)
    sealed = SEALER.seal(raw)
    return Entry(
        index,
        record["sender"],
        "push",
        TAKEN.timestamp(),
        *sealed,
        found.record_id,
        found.version,
        found.status,
        found.information_date,
        found.content_hash,
        found.body,
    )


def outcome(new_store: NewStore, lots: list[list[dict[str, Any]]]) -> tuple[Any, ...]:
    """Scores, what case review holds, counted cases and conservation after some lots of records."""
    with new_store() as store:
        with store.write() as connection:
            bind_log(connection, "intake", LOG, {("reports", 0): 10**6})
            bind_log(connection, "detect", LOG, {("changes", 0): 10**6})
        disposal = Disposal("reports", store, VOCABULARY, LOG)
        for offset, lot in enumerate(lots):
            records = tuple(entry(i, record) for i, record in enumerate(lot))
            disposal.dispose([Taken(0, offset, Envelope(VERSION, "reports", records))])
        detector = Detector(store, Configuration.load(), LOG)
        with store.read() as connection:
            sent = connection.scalars(select(tables.outbox.c.value).order_by(tables.outbox.c.id))
            batch = [decode_changes(value) for value in sent]
        batch.append(Changes(VERSION, (Change("checkpoint", reason="test"),)))
        detector.apply(list(enumerate(batch)))
        scores, versions, cases = tables.scores, tables.versions, tables.cases
        signals, held = tables.signals, tables.signal_rules
        with store.read() as connection:
            law = conservation(connection, {})["reports"]
            # where it was scored differs, for lots are of any size
            same = [column for column in scores.c if column.name not in ("position", "fit")]
            scored = connection.execute(select(*same).order_by(*scores.primary_key)).all()
            reviewed = connection.execute(
                select(signals.c.product, signals.c.event, held.c.rule, held.c.data_date)
                .join(held, held.c.signal_id == signals.c.id)
                .where(signals.c.kind == "case_review", held.c.holds)
                .order_by(signals.c.product, signals.c.event, held.c.rule)
            ).all()
            counted = connection.execute(
                select(cases.c.key, versions.c.content_hash)
                .join(versions, versions.c.id == cases.c.newest)
                .order_by(cases.c.key)
            ).all()
            key = {row.id: row.key for row in connection.execute(select(cases.c.id, cases.c.key))}
            linked = {
                (key[row.case_id], key[row.counted_by])
                for row in connection.execute(select(tables.linked_cases))
            }
            assert check_rebuild(connection, Watchlist.load(None, VOCABULARY)).holds
            assert check_looks(connection).holds
    assert law.holds
    assert law.received == sum(map(len, lots))
    return scored, reviewed, counted, linked, {k: law.disposed[k] for k in ("counted", "nullified")}


def cut(records: list[dict[str, Any]], chance: random.Random) -> list[list[dict[str, Any]]]:
    """The records in lots of any size."""
    lots = []
    while records:
        size = chance.randint(1, len(records))
        lots.append(records[:size])
        records = records[size:]
    return lots


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(one_version, min_size=1, max_size=14), st.randoms(use_true_random=False))
def test_any_permutation_counts_the_same(
    new_store: NewStore, records: list[dict[str, Any]], chance: random.Random
) -> None:
    shuffled = records + chance.choices(records, k=len(records) // 2)
    chance.shuffle(shuffled)
    assert outcome(new_store, cut(shuffled, chance)) == outcome(new_store, [records])
