"""Erasure: nothing of the patient can be read, and everything that was counted still stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from schemas.envelope import decode_envelope
from schemas.errors import InputError
from schemas.record import STREAMS
from streams.privacy.erasing import Erased, erase, finish, plan, waiting
from streams.privacy.finding import Subject
from streams.privacy.losing import Lost
from streams.store import tables, trail
from streams.store.enclosed import disclosed, raw
from streams.store.trail import Actor
from tests.streams.privacy.house import House, enrolment, report, urinary, wrong

WHO = Actor("Dana", "admin")
PATIENT = Subject("patient", "clinic", "p-17")
WHY = "asked for in writing"


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    """Reports and a course of two patients, versions, copies and held records among them."""
    opened = House.open(tmp_path / "data", store_url)
    opened.take(
        "reports",
        report("A-1", "p-17"),
        report("A-1", "p-17", version=2, reactions=[{"term": "Cystitis"}, {"term": "Pain"}]),
        report("A-2", "p-17", "Nausea"),
        report("A-2", "p-17", "Nausea"),
        report("B-1", "p-2"),
        report("B-2", "p-170", "Nausea"),
        report("A-3", "p-17", products=[]),
        b'{"broken": "p-17"',
        report("C-1", "p-17", "Headache", sender="other"),
    )
    opened.take(
        "followups",
        enrolment("F-1", "p-17"),
        urinary("F-2", "p-17", 2),
        urinary("F-3", "p-17", 3, version=2),
        enrolment("F-4", "p-2"),
        urinary("F-5", "p-2", 2),
        # corrected to another patient, and to this one
        urinary("F-6", "p-17", 4),
        urinary("F-6", "p-2", 4, version=2),
        urinary("F-7", "p-2", 5),
        urinary("F-7", "p-17", 5, version=2),
    )
    yield opened
    opened.close()


def done(house: House, subject: Subject = PATIENT, why: str = WHY) -> Erased:
    found = erase(house.store, house.settings, house.log, subject, why=why, by=WHO)
    house.work()
    finish(house.store, house.settings, house.log, by=WHO, timeout=5)
    return found


def everything(house: House) -> bytes:
    """All that can be read of records: raw bytes, what was read, states, what the log holds."""
    found: list[bytes] = []
    sealer = house.store.sealer
    assert sealer is not None
    with house.store.read() as connection:
        rows = connection.execute(select(tables.records)).all()
        found += [raw(connection, row.sealed, row.wrapped_key) or b"" for row in rows]
        for column in (tables.versions.c.body, tables.courses.c.state):
            found += [disclosed(connection, one) for one in connection.scalars(select(column))]
        found += filter(None, connection.scalars(select(tables.quarantine.c.entry)))
        for table in (tables.courses, tables.findings, tables.quarantine, tables.cases):
            found += [json.dumps(list(map(str, row))).encode() for row in _texts(connection, table)]
    for stream in STREAMS:
        for partition in range(house.settings.partitions()):
            for message in house.log.read(stream, partition, 0, 1_000):
                for one in decode_envelope(message.value or b"").records:
                    found.append(sealer.open(one.sealed, one.wrapped_key))
                    found.append(sealer.disclose(one.body))
    return b"\n".join(found)


def _texts(connection: Any, table: Any) -> Any:
    return connection.execute(select(*(c for c in table.c if c.type.python_type is str)))


def test_nothing_of_the_patient_can_be_read_and_others_can(house: House) -> None:
    before = everything(house)
    assert before.count(b"p-17") > before.count(b"p-170") > 0
    told = done(house)
    # 4 reports, a copy's among them, 2 held, and F-1, F-2, F-3, F-7 twice, F-6 once
    assert told.lost == Lost(records=12, bodies=9, courses=1)
    assert told.cases == 6
    after = everything(house)
    # another sender's p-17 is another patient, and so is p-170
    lines = [line for line in after.split(b"\n") if b"p-17" in line and b"p-170" not in line]
    assert lines
    assert all(b'"C-1"' in line for line in lines)
    assert b"What p-2 told." in after


def test_what_was_counted_stands_and_verification_says_what_was_erased(
    house: House, tmp_path: Path
) -> None:
    house.checkpoint()
    scores, counted = house.scores(), house.count(tables.changes)
    done(house)
    assert [row[:7] for row in house.scores()] == [row[:7] for row in scores]
    assert house.count(tables.changes) == counted
    checks = house.checks()
    assert wrong(checks) == {}
    assert checks["sealed records are as received"].figures["erased"] == 12
    assert checks["courses equal the replay of their records"].figures["erased"] == 1
    assert checks["erased records are those of the audit trail"].figures == {
        "erasures": 1,
        "records": 12,
        "refused": 0,
        "open": 0,
        "wrong": [],
    }
    assert wrong(house.rebuilt(tmp_path / "rebuilt")) == {}


def test_the_trail_says_who_why_and_how_much_but_not_whose(house: House) -> None:
    number = done(house).entry
    table = tables.trail
    with house.store.read() as connection:
        rows = connection.execute(select(table).order_by(table.c.seq)).all()
        assert list(trail.faults(connection)) == []
    row, end = (one for one in rows if one.what in ("records_erased", "erasure_done"))
    assert (row.seq, row.who, row.role, row.why) == (number, "Dana", "admin", WHY)
    assert json.loads(row.after) == {"bodies": 9, "cases": 6, "courses": 1, "records": 12}
    assert end.subject == f"entry {number}"
    assert not any("p-17" in str(value) for one in rows for value in one)


def test_a_second_time_does_nothing(house: House) -> None:
    done(house)
    again = done(house)
    assert again == Erased(None, Lost(0, 0, 0), 0)
    with house.store.read() as connection:
        assert connection.scalars(select(tables.erasures.c.id)).all().__len__() == 1


def test_a_dry_run_says_what_an_erasure_does(house: House) -> None:
    with house.store.read() as connection:
        planned = plan(connection, PATIENT)
    assert planned == done(house)._replace(entry=None)


def test_what_comes_later_of_the_patient_is_refused_and_not_kept(
    house: House, tmp_path: Path
) -> None:
    done(house)
    house.take("reports", report("A-9", "p-17"), report("A-1", "p-99", version=3))
    house.take("reports", report("A-10", "p-17", products=[]), report("D-1", "p-5"))
    house.take("followups", urinary("F-9", "p-17", 9), urinary("F-2", "p-17", 2, version=5))
    held = tables.quarantine
    with house.store.read() as connection:
        rows = connection.execute(
            select(held.c.report_id, held.c.entry, tables.records.c.wrapped_key)
            .join(tables.records, tables.records.c.id == held.c.id)
            .where(held.c.code == "erased_patient")
        ).all()
    assert sorted(row.report_id for row in rows) == ["A-1", "A-10", "A-9", "F-2", "F-9"]
    assert {(row.entry, row.wrapped_key) for row in rows} == {(None, None)}
    assert house.count(tables.cases, tables.cases.c.report_id == "D-1") == 1
    checks = house.checks()
    assert wrong(checks) == {}
    assert checks["erased records are those of the audit trail"].figures["refused"] == 5
    assert wrong(house.rebuilt(tmp_path / "rebuilt")) == {}


def test_what_is_in_flight_is_refused_when_it_is_disposed_of(house: House) -> None:
    house.send("reports", [report("A-1", "p-17", version=7), report("E-1", "p-6")])
    found = erase(house.store, house.settings, house.log, PATIENT, why=WHY, by=WHO)
    with pytest.raises(Exception, match="waited"):
        finish(house.store, house.settings, house.log, by=WHO, timeout=0.1)
    with house.store.read() as connection:
        assert waiting(connection) == 1
    house.work()
    assert finish(house.store, house.settings, house.log, by=WHO, timeout=5) == [found.entry]
    assert house.count(tables.quarantine, tables.quarantine.c.code == "erased_patient") == 1
    assert b"What p-6 told." in everything(house)
    assert wrong(house.checks()) == {}


def test_one_case_can_be_erased(house: House, tmp_path: Path) -> None:
    told = done(house, Subject("report", "clinic", "A-1"))
    assert told.lost == Lost(records=2, bodies=2, courses=0)
    left = everything(house)
    assert b'"A-2"' in left
    house.take("reports", report("A-1", "p-17", version=3))
    assert house.count(tables.quarantine, tables.quarantine.c.code == "erased_patient") == 1
    assert wrong(house.checks()) == {}
    assert wrong(house.rebuilt(tmp_path / "rebuilt")) == {}


# PostgreSQL keeps files of its own: rotation of the master key reaches them
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_the_files_of_the_log_and_the_store_hold_no_key_of_it(house: House, tmp_path: Path) -> None:
    table = tables.records
    with house.store.read() as connection:
        keys = connection.scalars(select(table.c.wrapped_key).where(table.c.sender == "clinic"))
        known = keys.all()
    done(house)
    with house.store.read() as connection:
        kept = set(connection.scalars(select(table.c.wrapped_key)))
    lost = [key for key in known if key not in kept]
    assert len(lost) == 12
    data = b"".join(one.read_bytes() for one in sorted((tmp_path).rglob("*.db*")))
    assert not [key for key in lost if key in data]
    assert all(key in data for key in kept if key)


@pytest.mark.parametrize(
    ("subject", "why", "code"),
    [
        (Subject("patient", "clinic", " "), WHY, "bad_subject"),
        (Subject("patient", "", "p-17"), WHY, "bad_subject"),
        (PATIENT, " ", "no_reason"),
        (PATIENT, "w" * 501, "no_reason"),
        (PATIENT, "p-17 asked", "reason_names_patient"),
    ],
)
def test_a_request_that_cannot_be_is_refused(
    house: House, subject: Subject, why: str, code: str
) -> None:
    with pytest.raises(InputError) as refused:
        done(house, subject, why)
    assert refused.value.code == code
