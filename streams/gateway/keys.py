"""Keys of those who push: made once, stored as a hash, looked up on every request."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import insert, select, update

from schemas.errors import InputError
from streams.store import tables, trail
from streams.store.store import Store
from streams.store.trail import CONSOLE, Actor

KeyRole = Literal["registry", "officer", "regulator", "admin"]
ROLES: tuple[KeyRole, ...] = get_args(KeyRole)

_CACHED = 2.0  # seconds; a key that is revoked is refused this much later at the latest
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Key:
    """A key as stored; `name` is the sender of every record that comes with it."""

    id: int
    name: str
    role: str
    created_at: float
    revoked_at: float | None = None


def create_key(store: Store, name: str, role: KeyRole = "registry", by: Actor = CONSOLE) -> str:
    """Make a key for a sender and return it; it can never be read again.

    A sender may have several, so that one can follow another. Raises `InputError`
    ("bad_name") where no record could carry the name.
    """
    check_name(name)
    key = f"kv_{secrets.token_urlsafe(32)}"
    row = {"name": name, "role": role, "hash": _hash(key), "created_at": time.time()}
    with store.write() as connection:
        made = connection.execute(insert(tables.keys).values(row)).inserted_primary_key
        assert made is not None
        after = {"name": name, "role": role}
        trail.append(connection, by, "key_made", f"key {made[0]}", after=after)
    return key


def check_name(name: str) -> None:
    """Raise `InputError` ("bad_name") unless the name can be that of a sender or a person.

    >>> check_name("import:faers")
    Traceback (most recent call last):
    ...
    schemas.errors.InputError: names that begin with import: belong to imports
    """
    if not name or len(name) > 100 or name != name.strip() or not name.isprintable():
        raise InputError(
            "bad_name", "a name has 1 to 100 printable characters, and no space at either end"
        )
    if name.startswith("import:"):
        raise InputError("bad_name", "names that begin with import: belong to imports")


def list_keys(store: Store) -> list[Key]:
    """Every key, revoked ones too, oldest first."""
    table = tables.keys
    with store.read() as connection:
        rows = connection.execute(
            select(
                table.c.id, table.c.name, table.c.role, table.c.created_at, table.c.revoked_at
            ).order_by(table.c.id)
        )
        return [Key(*row) for row in rows]


def revoke_key(store: Store, key_id: int, by: Actor = CONSOLE) -> None:
    """Refuse a key from now on; `InputError` ("no_such_key") where there is none in use."""
    table = tables.keys
    with store.write() as connection:
        revoked = connection.execute(
            update(table)
            .where(table.c.id == key_id, table.c.revoked_at.is_(None))
            .values(revoked_at=time.time())
        ).rowcount
        if revoked:
            trail.append(connection, by, "key_revoked", f"key {key_id}")
    if not revoked:
        raise InputError("no_such_key", f"there is no key {key_id} in use")


class Keyring:
    """Finds keys, and remembers those found for two seconds. Safe for several threads."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._found: dict[bytes, tuple[float, Key]] = {}
        self._lock = threading.Lock()

    def cached(self, key: str) -> Key | None:
        """The key if it was found a moment ago, without asking the store."""
        with self._lock:
            until, found = self._found.get(_hash(key), (0.0, None))
        return found if self._clock() < until else None

    def find(self, key: str) -> Key | None:
        """The key, or None where it is unknown or revoked."""
        if found := self.cached(key):
            return found
        table = tables.keys
        hashed = _hash(key)
        until = self._clock() + _CACHED
        with self._store.read() as connection:
            row = connection.execute(
                select(table.c.id, table.c.name, table.c.role, table.c.created_at).where(
                    table.c.hash == hashed, table.c.revoked_at.is_(None)
                )
            ).first()
        with self._lock:
            if row is None:
                self._found.pop(hashed, None)
                return None
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = Key(*row)
            self._found[hashed] = (until, found)
        return found


def _hash(key: str) -> bytes:
    # a key has 256 random bits: there is nothing to guess, so nothing to slow down
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
