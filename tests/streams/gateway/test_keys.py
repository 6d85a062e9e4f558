"""Keys: printed once, stored as a hash, remembered for two seconds."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from schemas.errors import InputError
from streams.gateway.keys import Keyring, create_key, list_keys, revoke_key, rotate_key
from streams.store import tables
from streams.store.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    found = open_store(f"sqlite:///{tmp_path}/store.db")
    yield found
    found.close()


def test_only_the_hash_of_a_key_is_stored(store: Store) -> None:
    key = create_key(store, "clinic-a")
    assert key.startswith("kv_")
    assert len(key) == 46
    with store.read() as connection:
        row = connection.execute(select(tables.keys)).one()
    assert row.hash == hashlib.sha256(key.encode()).digest()
    assert key not in str(row)


def test_a_sender_may_have_two_keys_and_each_is_its_own(store: Store) -> None:
    first, second = create_key(store, "clinic-a"), create_key(store, "clinic-a")
    revoke_key(store, 1)
    ring = Keyring(store)
    assert ring.find(first) is None
    found = ring.find(second)
    assert found is not None
    assert (found.id, found.name, found.role) == (2, "clinic-a", "registry")
    assert [key.revoked_at is None for key in list_keys(store)] == [False, True]


def test_a_new_key_is_known_at_once_and_a_revoked_one_forgotten_in_two_seconds(
    store: Store,
) -> None:
    now = 0.0
    ring = Keyring(store, clock=lambda: now)
    assert ring.find("kv_nobody") is None
    key = create_key(store, "clinic-a")
    assert ring.cached(key) is None
    assert ring.find(key) is not None
    assert ring.cached(key) is not None
    revoke_key(store, 1)
    now = 1.9
    assert ring.find(key) is not None
    now = 2.1
    assert ring.find(key) is None
    assert ring.cached(key) is None


@pytest.mark.parametrize("name", ["", " a", "a\n", "a\x1fb", "x" * 101, "import:csv"])
def test_names_that_no_sender_can_have(store: Store, name: str) -> None:
    with pytest.raises(InputError) as error:
        create_key(store, name)
    assert error.value.code == "bad_name"
    assert list_keys(store) == []


def test_a_key_that_there_is_not_cannot_be_revoked(store: Store) -> None:
    create_key(store, "clinic-a")
    revoke_key(store, 1)
    for number in (1, 2):
        with pytest.raises(InputError) as error:
            revoke_key(store, number)
        assert error.value.code == "no_such_key"


DAY = 86_400.0


def test_a_key_holds_for_its_days_and_then_no_longer(store: Store) -> None:
    ring = Keyring(store)
    key = ring.find(create_key(store, "clinic-a", days=30))
    assert key is not None
    assert key.expires_at is not None
    assert key.expires_at == pytest.approx(time.time() + 30 * DAY, abs=60)
    assert not key.expired(key.expires_at - 1)
    assert key.expired(key.expires_at)
    forever = ring.find(create_key(store, "clinic-a"))
    assert forever is not None
    assert not forever.expired(1e12)


def test_after_a_rotation_two_keys_hold_side_by_side_until_the_old_one_ends(store: Store) -> None:
    old = create_key(store, "clinic-a", days=300)
    new = rotate_key(store, 1, days=365, overlap_days=7)
    ring = Keyring(store)
    first, second = ring.find(old), ring.find(new)
    assert first is not None
    assert second is not None
    assert first.name == second.name == "clinic-a"
    now = time.time()
    assert not first.expired(now + 6.9 * DAY)
    assert first.expired(now + 7.1 * DAY)
    assert not second.expired(now + 364 * DAY)
    with store.read() as connection:
        table = tables.trail
        rows = connection.execute(select(table).order_by(table.c.seq)).all()
    assert [(row.what, row.subject) for row in rows] == [
        ("key_made", "key 1"),
        ("key_changed", "key 1"),
        ("key_made", "key 2"),
    ]
    assert json.loads(rows[1].before)["expires"] > json.loads(rows[1].after)["expires"]
    assert json.loads(rows[2].after)["follows"] == 1
    assert old not in str(rows)
    assert new not in str(rows)


def test_a_rotation_never_lets_the_old_key_live_longer(store: Store) -> None:
    create_key(store, "clinic-a", days=2)
    rotate_key(store, 1, overlap_days=30)
    first, second = list_keys(store)
    assert first.expires_at == pytest.approx(time.time() + 2 * DAY, abs=60)
    assert second.expires_at == pytest.approx(time.time() + 365 * DAY, abs=60)


@pytest.mark.parametrize("days", [0, -1, 3651, float("nan")])
def test_days_that_no_key_can_hold(store: Store, days: float) -> None:
    with pytest.raises(InputError) as error:
        create_key(store, "clinic-a", days=days)
    assert error.value.code == "bad_days"
    create_key(store, "clinic-a")
    with pytest.raises(InputError) as error:
        rotate_key(store, 1, days=days)
    assert error.value.code == "bad_days"
    with pytest.raises(InputError) as error:
        rotate_key(store, 1, overlap_days=-1)
    assert error.value.code == "bad_days"
    assert [key.expires_at for key in list_keys(store)] == [None]


def test_a_key_that_is_not_in_use_is_not_rotated(store: Store) -> None:
    create_key(store, "clinic-a")
    revoke_key(store, 1)
    for number in (1, 2):
        with pytest.raises(InputError) as error:
            rotate_key(store, number)
        assert error.value.code == "no_such_key"


def test_the_last_use_is_written_to_the_minute_and_off_the_way(store: Store) -> None:
    ring = Keyring(store)
    key = ring.find(create_key(store, "clinic-a"))
    assert key is not None
    ring.used(key)
    assert list_keys(store)[0].used_at is None
    ring.write_uses()
    first = list_keys(store)[0].used_at
    assert first == pytest.approx(time.time(), abs=60)
    ring.used(key)
    ring.write_uses()
    assert list_keys(store)[0].used_at == first
