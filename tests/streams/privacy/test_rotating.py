"""A new master key: everything opens before, during and after, and the old one opens nothing."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from schemas.errors import InputError, StoreError
from streams import master_key
from streams.gateway.receipts import Place, Receipts
from streams.gateway.refusals import Refusal
from streams.master_key import load_sealer
from streams.privacy import rotating
from streams.privacy.erasing import erase
from streams.privacy.finding import Subject
from streams.sealing import Sealer
from streams.store import tables
from streams.store.enclosed import disclosed, raw
from streams.store.trail import Actor
from tests.streams.privacy.house import House, enrolment, report, urinary, wrong

NOTHING_OLD = dict.fromkeys(("records", "versions", "courses", "quarantine", "log"), 0)


@pytest.fixture
def house(tmp_path: Path, store_url: str) -> Iterator[House]:
    opened = House.open(tmp_path / "data", store_url)
    opened.take("reports", *(report(f"A-{n}", f"p-{n}") for n in range(20)))
    # held by the quality suite, so that it is kept as it was checked
    opened.take("reports", report("B-1", "p-1", patient={"pseudonym": "p-1", "age_years": 900}))
    opened.take("followups", enrolment("F-1", "p-17"), urinary("F-2", "p-17", 2))
    who = Actor("Dana", "admin")
    subject = Subject("patient", "clinic", "p-3")
    erase(opened.store, opened.settings, opened.log, subject, why="asked for", by=who)
    yield opened
    opened.close()


def old(house: House) -> dict[str, int]:
    assert house.store.sealer is not None
    return dict(rotating.needed(house.store, house.log, house.settings, house.store.sealer))


def opened_by(house: House, *keys: bytes) -> int:
    """How many records and states open with some keys alone."""
    sealer, count = Sealer(*keys), 0
    with house.store.read() as connection:
        held: list[Any] = [
            *connection.execute(select(tables.records.c.sealed, tables.records.c.wrapped_key))
        ]
        bodies = [*connection.scalars(select(tables.versions.c.body))]
        states = [*connection.scalars(select(tables.courses.c.state))]
    for sealed, wrapped in held:
        count += wrapped is not None and _opens(lambda s=sealed, w=wrapped: sealer.open(s, w))
    for enclosed in (*bodies, *states):
        count += bool(enclosed) and _opens(lambda e=enclosed: sealer.disclose(e))
    return count


def _opens(work: Any) -> bool:
    try:
        work()
    except StoreError:
        return False
    return True


def test_all_of_it_is_wrapped_anew_and_the_old_key_opens_nothing(
    house: House, tmp_path: Path
) -> None:
    (first,) = master_key.held(house.settings.data)
    everything = opened_by(house, first)
    assert rotating.begin(house.settings.data)
    assert not rotating.begin(house.settings.data)
    sealer = house.store.sealer
    assert sealer is not None
    sealer.refresh()
    assert old(house)["records"] == 22
    done = rotating.rewrap(house.store, sealer)
    # 20 reports, one held, two records of a course, less the report that was erased
    assert done == {"records": 22, "versions": 21, "courses": 1, "quarantine": 1, "meta": 1}
    assert old(house) == NOTHING_OLD
    rotating.drop(house.settings.data)
    (second,) = master_key.held(house.settings.data)
    assert opened_by(house, first) == 0
    assert opened_by(house, second) == everything
    sealer.refresh()
    house.take("reports", report("Z-1", "p-90"), report("Z-2", "p-3"))
    assert house.count(tables.quarantine, tables.quarantine.c.code == "erased_patient") == 1
    assert wrong(house.checks()) == {}
    assert wrong(house.rebuilt(tmp_path / "rebuilt")) == {}


def test_a_second_run_finds_nothing_to_do(house: House) -> None:
    rotating.begin(house.settings.data)
    sealer = house.store.sealer
    assert sealer is not None
    sealer.refresh()
    rotating.rewrap(house.store, sealer)
    assert set(rotating.rewrap(house.store, sealer).values()) == {0}


def test_interrupted_it_goes_on_and_everything_opens_meanwhile(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotating, "_ROWS", 5)
    rotating.begin(house.settings.data)
    sealer = house.store.sealer
    assert sealer is not None
    sealer.refresh()
    turns = iter(range(100))

    def interrupt(_: int) -> None:
        if next(turns) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotating.rewrap(house.store, sealer, interrupt)
    keys = master_key.held(house.settings.data)
    assert 0 < opened_by(house, keys[0]) < opened_by(house, *keys)
    assert wrong(house.checks()) == {}
    house.take("reports", report("M-1", "p-91"))
    rotating.rewrap(house.store, sealer)
    assert old(house) == NOTHING_OLD


def test_what_is_in_flight_under_the_old_key_keeps_it_from_going(house: House) -> None:
    house.send("reports", [report("L-1", "p-70")])
    rotating.begin(house.settings.data)
    sealer = house.store.sealer
    assert sealer is not None
    sealer.refresh()
    rotating.rewrap(house.store, sealer)
    assert old(house) == NOTHING_OLD | {"log": 1}
    house.work()
    assert old(house) == NOTHING_OLD | {"records": 1, "versions": 1}
    rotating.rewrap(house.store, sealer)
    assert old(house) == NOTHING_OLD


def test_another_process_sees_the_new_key_within_a_second_and_opens_at_once(
    tmp_path: Path,
) -> None:
    running, other = load_sealer(tmp_path), load_sealer(tmp_path)
    before = running.enclose(b"before")
    rotating.begin(tmp_path)
    other.refresh()
    assert running.disclose(other.enclose(b"after")) == b"after"
    assert other.disclose(before) == b"before"
    again = load_sealer(tmp_path)
    time.sleep(master_key.LOOK * 1.1)
    running.enclose(b"looks")
    assert running.names == again.names
    assert len(running.names) == 2


def test_receipts_of_before_are_known_as_long_as_the_old_key_is(tmp_path: Path) -> None:
    sealer = load_sealer(tmp_path)
    receipts = Receipts(sealer)
    given = receipts.give("reports", "clinic", [Place(0, 1, 2)])
    rotating.begin(tmp_path)
    sealer.refresh()
    assert receipts.read(given, "clinic") == ("reports", [Place(0, 1, 2)])
    fresh = receipts.give("reports", "clinic", [Place(0, 1, 2)])
    assert fresh != given
    rotating.drop(tmp_path)
    sealer.refresh()
    assert receipts.read(fresh, "clinic")[0] == "reports"
    with pytest.raises(Refusal):
        receipts.read(given, "clinic")


def test_keys_of_the_environment_are_not_the_files_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, first = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    monkeypatch.setenv(master_key.VARIABLE, first)
    sealed = load_sealer(None).enclose(b"x")
    monkeypatch.setenv(master_key.VARIABLE, f"{new},{first}")
    sealer = load_sealer(None)
    assert sealer.disclose(sealed) == b"x"
    assert len(sealer.names) == 2
    with pytest.raises(InputError) as refused:
        rotating.begin(tmp_path)
    assert refused.value.code == "key_in_environment"


@pytest.mark.parametrize("text", ["", "no base64 *", base64.b64encode(b"short").decode()])
def test_a_damaged_key_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "master.key").write_text(text)
    with pytest.raises(StoreError) as refused:
        load_sealer(tmp_path)
    assert refused.value.code == "master_key"


def test_a_store_without_its_key_says_so(house: House) -> None:
    with house.store.read() as connection:
        body = connection.scalars(select(tables.versions.c.body)).first()
        assert body
        row = connection.execute(select(tables.records)).first()
        assert row is not None
        connection = connection.execution_options(ketavigil_sealer=None)
        with pytest.raises(StoreError) as refused:
            disclosed(connection, body)
        assert refused.value.code == "no_master_key"
        with pytest.raises(StoreError) as refused:
            raw(connection, row.sealed, row.wrapped_key)
        assert refused.value.code == "no_master_key"
