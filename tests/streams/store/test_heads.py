"""Signed heads: whatever is done to the trail or to a head is found, and named."""

from __future__ import annotations

import base64
import json
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from schemas.errors import InputError, StoreError
from streams.agents.trail_verification import check_acts, check_heads, check_trail
from streams.cli import main
from streams.signing import Signer, load_signer, replace_key
from streams.store import heads, tables, trail
from streams.store.heads import Head
from streams.store.reading import legible
from streams.store.store import Store, open_store
from streams.store.trail import FIRST, Actor

ANN = Actor("Ann", "officer")
SIGNER = Signer(b"k" * 32)
DAYS = [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 4)]  # on the third nobody did anything


def at(day: date, hour: int = 12) -> int:
    moment = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Two entries on each of three days, the heads of four, and an entry of today."""
    opened = open_store(f"sqlite:///{tmp_path}/store.db")
    for day in DAYS:
        for hour in (9, 17):
            monkeypatch.setattr("streams.store.trail.time.time_ns", lambda d=day, h=hour: at(d, h))
            with opened.write() as connection:
                trail.append(connection, ANN, "noted", f"signal {hour}", why="päd")
        heads.sign_due(opened, SIGNER, day + timedelta(days=1))
    monkeypatch.undo()
    with opened.write() as connection:
        trail.append(connection, ANN, "noted", "signal 9")
    yield opened
    opened.close()


def faults(store: Store, *outside: Head) -> list[str]:
    with store.read() as connection:
        legible(connection)
        return list(heads.faults(connection, outside))


def stored(store: Store) -> list[Head]:
    with store.read() as connection:
        return heads.stored(connection)


def behind(store: Store, *statements: tuple[str, tuple[Any, ...]]) -> None:
    """What somebody does who has the file, and takes the triggers away first."""
    with sqlite3.connect(store.url.removeprefix("sqlite:///")) as connection:
        for name in ("trail_update", "trail_delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement, values in statements:
            connection.execute(statement, values)
    connection.close()


def chained_anew(store: Store, until: int | None = None, **changes: Any) -> None:
    """A trail that is whole in itself and not the one that was: up to an entry, or with changes."""
    with store.read() as connection:
        rows = [tuple(row) for row in connection.execute(select(tables.trail))]
    previous, statements = FIRST, list[tuple[str, tuple[Any, ...]]]()
    for row in rows:
        if until is not None and row[0] > until:
            statements.append(("DELETE FROM trail WHERE seq = ?", (row[0],)))
            continue
        values = list(row[:9])
        if row[0] == changes.get("seq"):
            values[6] = changes["why"]
        hashed = trail.digest(previous, tuple(values))
        change = "UPDATE trail SET why = ?, previous = ?, hash = ? WHERE seq = ?"
        statements.append((change, (values[6], previous, hashed, row[0])))
        previous, newest = hashed, row[0]
    head = f"{newest} {previous.hex()}"
    behind(store, *statements, ("UPDATE meta SET value = ? WHERE key = 'trail'", (head,)))
    with store.read() as connection:
        assert list(trail.faults(connection)) == []  # the chain alone finds nothing


def test_each_day_that_is_over_has_a_head_that_can_be_checked_by_hand(store: Store) -> None:
    found = stored(store)
    assert [(head.day, head.seq) for head in found] == [
        ("2026-03-01", 3),
        ("2026-03-02", 5),
        ("2026-03-03", 5),
        ("2026-03-04", 7),
    ]
    with store.read() as connection:
        table = tables.trail
        hashes = {row.seq: row.hash.hex() for row in connection.execute(select(table))}
        key_made = connection.execute(select(table).where(table.c.seq == 3)).one()
    assert (key_made.what, key_made.who) == ("trail_key_made", "ketavigil")
    public = Ed25519PrivateKey.from_private_bytes(b"k" * 32).public_key()
    for head in found:
        assert head.hash == hashes[head.seq]
        text = f"ketavigil trail head 1\n{store.id()}\n{head.day}\n{head.seq}\n{head.hash}"
        signed = f"{text}\n{head.signed_at}".encode()
        public.verify(base64.b64decode(head.signature), signed)
        assert base64.b64decode(head.key) == public.public_bytes_raw()
    assert faults(store) == []
    assert faults(store, *found) == []


def test_nothing_is_signed_twice_or_before_its_day_is_over(store: Store) -> None:
    assert heads.sign_due(store, SIGNER, date(2026, 3, 5)) == []
    (made,) = heads.sign_due(store, SIGNER, date(2026, 3, 6))
    assert (made.day, made.seq) == ("2026-03-05", 7)


def test_an_empty_trail_has_no_head(tmp_path: Path) -> None:
    empty = open_store(f"sqlite:///{tmp_path}/empty.db")
    assert heads.sign_due(empty, SIGNER) == []
    assert faults(empty) == []
    with empty.read() as connection:
        assert trail.head(connection)[0] == 0
    empty.close()


@pytest.mark.parametrize("column", [column.name for column in tables.trail_heads.columns])
@pytest.mark.parametrize("day", ["2026-03-01", "2026-03-04"])
def test_any_byte_of_a_head_that_is_flipped_names_it(store: Store, column: str, day: str) -> None:
    path = store.url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        query = f'SELECT rowid, "{column}", CAST("{column}" AS BLOB) FROM trail_heads WHERE day = ?'
        row, value, raw = connection.execute(query, (day,)).fetchone()
    connection.close()
    if isinstance(value, int):
        changes: list[tuple[str, Any]] = [("?", value ^ 1 << bit) for bit in range(0, 52, 5)]
    else:
        changes = [
            ("CAST(? AS TEXT)", raw[:i] + bytes([raw[i] ^ flip]) + raw[i + 1 :])
            for i in range(len(raw))
            for flip in (1, 0x80)
        ]
    others = {head.day for head in stored(store)} - {day}
    for kind, changed in changes:
        if column == "day" and changed.decode("utf-8", "replace") in others:
            continue  # the database has that day, and refuses
        assign = f'UPDATE trail_heads SET "{column}" = {kind} WHERE rowid = ?'
        behind(store, (assign, (changed, row)))
        found = faults(store)
        name = changed.decode("utf-8", "replace") if column == "day" else day
        assert f"head of {name}: its signature does not hold" in found, (changed, found)
    kind = "?" if isinstance(value, int) else "CAST(? AS TEXT)"
    back = f'UPDATE trail_heads SET "{column}" = {kind} WHERE rowid = ?'
    behind(store, (back, (value if isinstance(value, int) else raw, row)))
    assert faults(store) == []


def test_a_head_that_is_missing_is_named(store: Store) -> None:
    behind(store, ("DELETE FROM trail_heads WHERE day = '2026-03-02'", ()))
    assert faults(store) == ["head of 2026-03-02 is missing"]
    behind(store, ("DELETE FROM trail_heads WHERE day = '2026-03-01'", ()))
    assert faults(store) == ["head of 2026-03-01 is missing", "head of 2026-03-02 is missing"]


def test_a_trail_that_was_rewritten_is_named_by_the_entries_between_which(store: Store) -> None:
    chained_anew(store, seq=4, why="nothing happened")
    first, second, third = faults(store)
    assert first.startswith("the trail was rewritten between the entries 4 and 5: ")
    assert "the head of 2026-03-02 ends in entry 5" in first
    assert "the head of 2026-03-03 ends in entry 5" in second
    assert third.startswith("the trail was rewritten between the entries 4 and 7: ")


def test_a_trail_that_was_cut_off_is_named_by_what_is_missing(store: Store) -> None:
    chained_anew(store, until=5)
    assert faults(store) == [
        "the trail is cut off: the head of 2026-03-04 ends in entry 7, entries 6 to 7 missing"
    ]


def test_a_trail_made_anew_with_its_heads_is_found_by_one_that_was_kept_elsewhere(
    store: Store,
) -> None:
    kept = stored(store)
    key = Signer(b"z" * 32)  # whoever owns everything has the key too, or makes another
    public = base64.b64encode(key.public).decode()
    behind(
        store,
        ("UPDATE trail SET after = ? WHERE seq = 3", (json.dumps({"key": public}),)),
        ("DELETE FROM trail_heads", ()),
    )
    chained_anew(store, seq=4, why="nothing happened")
    assert len(heads.sign_due(store, key, date(2026, 3, 5))) == 4
    assert faults(store) == []
    found = faults(store, *kept)
    assert len(found) == 4
    rewritten = "kept elsewhere: the trail was rewritten between the entries 1 and 3: "
    assert found[0].startswith(rewritten)
    chained_anew(store, until=6)
    behind(store, ("DELETE FROM trail_heads WHERE day = '2026-03-04'", ()))
    assert faults(store) == []
    (cut,) = faults(store, kept[3])
    assert cut.startswith("kept elsewhere: the trail is cut off: ")
    assert cut.endswith("entry 7 missing")


def test_entries_in_another_order_are_found_by_the_chain_and_by_the_heads(store: Store) -> None:
    swap = "UPDATE trail SET seq = ? WHERE seq = ?"
    behind(store, (swap, (99, 4)), (swap, (4, 5)), (swap, (5, 99)))
    with store.read() as connection:
        assert {fault.seq for fault in trail.faults(connection)} >= {4, 5}
    assert any("between the entries 4 and 5" in fault for fault in faults(store))


def test_nothing_is_signed_over_a_trail_that_is_not_the_one_signed_before(store: Store) -> None:
    chained_anew(store, seq=6, why="nothing happened")
    with pytest.raises(StoreError) as error:
        heads.sign_due(store, SIGNER, date(2026, 3, 8))
    assert error.value.code == "trail_rewritten"
    assert len(stored(store)) == 4


def test_a_head_signed_with_a_key_that_nobody_introduced_is_named(store: Store) -> None:
    head = stored(store)[3]
    with store.read() as connection:
        day = date.fromisoformat(head.day)
        forged = heads.sign(connection, Signer(b"z" * 32), day, head.seq, head.hash)
    change = "UPDATE trail_heads SET key = ?, signature = ?, signed_at = ? WHERE day = ?"
    behind(store, (change, (forged.key, forged.signature, forged.signed_at, head.day)))
    assert faults(store) == ["head of 2026-03-04: signed with a key that the trail does not name"]


@pytest.mark.parametrize("field", ["store", "day", "seq", "hash", "signed_at", "key", "signature"])
def test_a_kept_head_that_was_changed_is_no_proof_and_said_to_be_none(
    store: Store, field: str
) -> None:
    head = stored(store)[1]
    value = getattr(head, field)
    other: Any = value + 1 if isinstance(value, int) else "A" + value[1:]
    (found,) = faults(store, replace(head, **{field: other}))
    assert found.endswith("kept elsewhere: its signature does not hold")


def test_a_head_of_another_store_is_no_proof_of_this_one(store: Store, tmp_path: Path) -> None:
    other = open_store(f"sqlite:///{tmp_path}/other.db")
    with other.write() as connection:
        trail.append(connection, ANN, "noted", "signal 1")
    made = heads.sign_now(other, SIGNER)
    other.close()
    (found,) = faults(store, made)
    assert f"it is of the store {made.store}, this is {store.id()}" in found


def test_a_head_can_be_made_at_any_time_and_names_the_newest_entry(store: Store) -> None:
    made = heads.sign_now(store, SIGNER)
    assert made.seq == 8
    assert faults(store, made) == []
    assert [head.day for head in stored(store)][-1] == "2026-03-04"  # it is only handed out
    assert heads.read(made.to_json() + "\n\n" + made.to_json()) == [made, made]


def test_another_key_is_introduced_by_an_entry_and_both_hold(store: Store) -> None:
    other = Signer(b"n" * 32)
    (made,) = heads.sign_due(store, other, date(2026, 3, 6))
    assert made.key == base64.b64encode(other.public).decode()
    with store.read() as connection:
        row = connection.execute(
            select(tables.trail).where(tables.trail.c.what == "trail_key_changed")
        ).one()
    assert json.loads(row.before)["key"] == base64.b64encode(SIGNER.public).decode()
    assert json.loads(row.after)["key"] == made.key
    assert faults(store) == []


@pytest.mark.parametrize(
    "text", ["", "\n", "x", "{}", "[]", "null", "1", '{"format": "ketavigil trail head 2"}']
)
def test_what_is_no_head_is_refused(store: Store, text: str) -> None:
    with pytest.raises(InputError) as error:
        heads.read(text)
    assert error.value.code == "bad_head"


@pytest.mark.parametrize("change", [{"seq": "5"}, {"seq": -1}, {"signed_at": None}, {"more": 1}])
def test_a_head_with_a_field_of_another_kind_is_refused(
    store: Store, change: dict[str, Any]
) -> None:
    given = {"format": heads.FORMAT} | asdict(stored(store)[0]) | change
    with pytest.raises(InputError) as error:
        heads.read(json.dumps(given))
    assert error.value.code == "bad_head"


def test_the_key_is_made_once_is_its_owners_alone_and_can_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KETAVIGIL_TRAIL_KEY", raising=False)
    first, again = load_signer(tmp_path), load_signer(tmp_path)
    assert first is not None
    assert again is not None
    assert first.public == again.public
    assert stat.S_IMODE((tmp_path / "trail.key").stat().st_mode) == 0o600
    new = replace_key(tmp_path)
    after = load_signer(tmp_path)
    assert after is not None
    assert first.public != new.public == after.public
    assert [path.name for path in tmp_path.iterdir()] == ["trail.key"]
    assert load_signer(None) is None


def test_the_key_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KETAVIGIL_TRAIL_KEY", base64.b64encode(b"k" * 32).decode())
    found = load_signer(None)
    assert found is not None
    assert found.public == SIGNER.public
    with pytest.raises(InputError) as error:
        replace_key(tmp_path)
    assert error.value.code == "no_key_file"
    for wrong in ("no base64!", base64.b64encode(b"short").decode()):
        monkeypatch.setenv("KETAVIGIL_TRAIL_KEY", wrong)
        with pytest.raises(StoreError) as failure:
            load_signer(None)
        assert failure.value.code == "trail_key"


def test_the_check_prints_the_newest_day_and_what_is_wrong(store: Store) -> None:
    with store.read() as connection:
        good = check_heads(connection, stored(store)[:1])
    assert good.holds
    assert good.figures == {"heads": 4, "newest": "2026-03-04", "kept_elsewhere": 1, "wrong": []}
    behind(store, ("DELETE FROM trail_heads WHERE day = '2026-03-03'", ()))
    with store.read() as connection:
        bad = check_heads(connection)
    assert bad.figures["wrong"] == ["head of 2026-03-03 is missing"]


def test_the_command_prints_heads_appends_them_and_changes_the_key(
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KETAVIGIL_TRAIL_KEY", raising=False)
    given = ("--data", str(tmp_path))
    assert main(["trail", "head", *given]) == 0
    (made,) = heads.read(capsys.readouterr().out)
    assert faults(store, made) == []
    out = tmp_path / "kept.ndjson"
    for _ in range(2):
        assert main(["trail", "head", *given, "--out", str(out)]) == 0
    assert len(heads.read(out.read_text(encoding="utf-8"))) == 2
    assert main(["trail", "heads", *given]) == 0
    listed = heads.read(capsys.readouterr().out)
    assert listed[-1].day == (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    assert main(["trail", "rotate-key", *given]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["before"] == base64.b64decode(made.key).hex() != told["after"]
    assert faults(store, *heads.read(out.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("seq", [3, 5])
def test_a_byte_that_is_no_text_any_more_is_named_and_stops_no_check(
    store: Store, seq: int
) -> None:
    path = store.url.removeprefix("sqlite:///")
    names = ("who", "role", "what", "subject", "why", "after")
    for name in names:
        with sqlite3.connect(path) as file:
            query = f"SELECT CAST({name} AS BLOB) FROM trail WHERE seq = ?"
            (raw,) = file.execute(query, (seq,)).fetchone()
        file.close()
        if not raw:
            continue
        change = f"UPDATE trail SET {name} = CAST(? AS TEXT) WHERE seq = ?"
        for i in range(len(raw)):
            damaged = raw[:i] + bytes([raw[i] ^ 0x80]) + raw[i + 1 :]
            behind(store, (change, (damaged, seq)))
            with store.read() as connection:
                legible(connection)
                found = check_trail(connection).figures["wrong"]
                assert found == [f"entry {seq} was changed"], (name, i)
                assert check_acts(connection).figures["acts"] == 0
                check_heads(connection)
        behind(store, (change, (raw, seq)))
    assert faults(store) == []
