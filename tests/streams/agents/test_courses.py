"""Courses in the store equal the fold of their records, whatever way these came."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from detectors.followup.course import Course, decode_course, fold
from detectors.followup.record import coded
from schemas.envelope import VERSION, Entry, Envelope
from schemas.followup import FOLLOWUP
from schemas.record import check
from schemas.vocabulary import Vocabulary
from streams.agents.courses import Courses
from streams.agents.disposal import Disposal
from streams.agents.items import Taken
from streams.sealing import Sealer
from streams.store import tables
from streams.store.store import bind_log
from tests.conftest import NewStore

LOG = "the log of this test"
TAKEN = datetime(2026, 1, 1, tzinfo=UTC)
SEALER = Sealer(bytes(32))
VOCABULARY = Vocabulary.load()


def urinary(record_id: str, day: str, score: float, **values: Any) -> dict[str, Any]:
    return {
        "registry": "r",
        "record_id": record_id,
        "patient": "p1",
        "course": "c",
        "at": day,
        "kind": "urinary",
        "instrument": "OABSS",
        "score": score,
        **values,
    }


one_version = st.builds(
    lambda number, version, patient, day, score, status: urinary(
        f"F-{number}", f"2025-03-{day:02d}", score, version=version, patient=patient, status=status
    ),
    st.integers(0, 5),
    st.integers(1, 3),
    st.sampled_from(["p1", "p1", "p2"]),
    st.integers(1, 28),
    st.sampled_from([2, 7, 13]),
    st.sampled_from(["active", "active", "active", "nullified"]),
)


def entry(index: int, record: dict[str, Any]) -> Entry:
    raw = json.dumps(record).encode()
    found = check("followups", raw, sender="r", taken_at=TAKEN)
    return Entry(
        index,
        "r",
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


def stored(
    new_store: NewStore, lots: list[list[dict[str, Any]]]
) -> tuple[dict[str, Course], list[Any]]:
    """Courses that hold a record, by patient, and the findings, after some lots of records."""
    with new_store() as store:
        with store.write() as connection:
            bind_log(connection, "follow_up", LOG, {("followups", 0): 10**6})
        disposal = Disposal("followups", store, VOCABULARY, LOG)
        for offset, lot in enumerate(lots):
            records = tuple(entry(i, record) for i, record in enumerate(lot))
            disposal.dispose([Taken(0, offset, Envelope(VERSION, "followups", records))])
        courses, findings = tables.courses, tables.findings
        with store.read() as connection:
            found = {
                row.patient: (row.id, decode_course(row.state))
                for row in connection.execute(select(courses))
            }
            again = Courses(VOCABULARY).replayed(connection, [n for n, _ in found.values()])
            listed = connection.execute(
                select(courses.c.patient, *findings.c)
                .join(courses, courses.c.id == findings.c.course_id)
                .order_by(courses.c.patient, *findings.primary_key)
            ).all()
    for number, course in found.values():
        assert again[number] == course
    rows = [(row.patient, row.code, row.anchor, row.day, row.records) for row in listed]
    assert len(rows) == sum(len(course.findings) for _, course in found.values())
    return {patient: course for patient, (_, course) in found.items() if course.n}, rows


def expected(records: list[dict[str, Any]]) -> dict[str, Course]:
    """The fold of the newest versions, worked out apart from the store."""
    newest: dict[str, dict[str, Any]] = {}
    keys: dict[str, tuple[Any, ...]] = {}
    for record in records:
        found = check("followups", json.dumps(record).encode(), sender="r", taken_at=TAKEN)
        if record["record_id"] not in keys or found.order_key > keys[record["record_id"]]:
            keys[record["record_id"]] = found.order_key
            newest[record["record_id"]] = record
    by_patient: dict[str, list[Any]] = {}
    for record in newest.values():
        if record["status"] == "active":
            placed = coded(FOLLOWUP.validate_python(record), VOCABULARY)
            by_patient.setdefault(record["patient"], []).append(placed)
    return {patient: fold(placed) for patient, placed in by_patient.items()}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(one_version, min_size=1, max_size=14), st.randoms(use_true_random=False))
def test_any_order_and_any_lots_end_in_the_same_courses(
    new_store: NewStore, records: list[dict[str, Any]], chance: random.Random
) -> None:
    """Late, repeated, corrected, nullified, and moved to another patient."""
    arrivals = records + chance.choices(records, k=len(records) // 2)
    chance.shuffle(arrivals)
    lots = []
    while arrivals:
        size = chance.randint(1, len(arrivals))
        lots.append(arrivals[:size])
        arrivals = arrivals[size:]
    found, findings = stored(new_store, lots)
    assert found == expected(records)
    assert findings == stored(new_store, [records])[1]


def test_a_correction_takes_a_finding_back(new_store: NewStore) -> None:
    visits = [urinary("a", "2025-01-01", 2), urinary("b", "2025-02-01", 13, version=1)]
    _, findings = stored(new_store, [visits])
    assert findings == [("p1", "symptoms_worse", "OABSS severe", 739283, '["a", "b"]')]
    courses, findings = stored(new_store, [visits, [urinary("b", "2025-02-01", 3, version=2)]])
    assert findings == []
    assert courses["p1"].n == 2


def test_a_record_that_was_another_patients_leaves_the_first_course(new_store: NewStore) -> None:
    visits = [urinary("a", "2025-01-01", 2), urinary("b", "2025-02-01", 13, version=1)]
    moved = urinary("b", "2025-02-01", 13, version=2, patient="p2")
    courses, findings = stored(new_store, [visits, [moved]])
    assert {patient: course.n for patient, course in courses.items()} == {"p1": 1, "p2": 1}
    assert findings == []


def test_a_nullified_record_leaves_its_course_empty(new_store: NewStore) -> None:
    gone = urinary("a", "2025-01-01", 13, version=2, status="nullified", haematuria=True)
    courses, findings = stored(
        new_store, [[urinary("a", "2025-01-01", 13, version=1, haematuria=True)]]
    )
    assert len(findings) == 1
    courses, findings = stored(
        new_store, [[urinary("a", "2025-01-01", 13, version=1, haematuria=True)], [gone]]
    )
    assert (courses, findings) == ({}, [])
