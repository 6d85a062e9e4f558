"""Keys: printed once, stored as a hash, remembered for two seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from schemas.errors import InputError
from streams.gateway.keys import Keyring, create_key, list_keys, revoke_key
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
