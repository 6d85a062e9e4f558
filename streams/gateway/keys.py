"""Keys of those who push: made once, stored as a hash, looked up on every request."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, insert, select, update

from schemas.errors import InputError
from streams.store import tables, trail
from streams.store.store import Store
from streams.store.trail import CONSOLE, Actor

KeyRole = Literal["registry", "officer", "regulator", "admin"]
ROLES: tuple[KeyRole, ...] = get_args(KeyRole)

DAYS = 365.0  # that a key holds, unless told
OVERLAP_DAYS = 14.0  # in which the old key holds beside the new one
_DAY = 86_400.0
_USED = 60.0  # seconds; a last use is written down this often
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
    expires_at: float | None = None
    used_at: float | None = None

    def expired(self, now: float) -> bool:
        """Whether its time is over; that of a key that never expires is not."""
        return self.expires_at is not None and self.expires_at <= now


def create_key(
    store: Store,
    name: str,
    role: KeyRole = "registry",
    by: Actor = CONSOLE,
    *,
    days: float | None = None,
) -> str:
    """Make a key for a sender and return it; it can never be read again.

    It holds for so many `days`, or until it is revoked. Raises `InputError` ("bad_name") where no
    record could carry the name, and ("bad_days").
    """
    check_name(name)
    with store.write() as connection:
        return _make(connection, {"name": name, "role": role}, days, by)


def rotate_key(
    store: Store,
    key_id: int,
    by: Actor = CONSOLE,
    *,
    days: float | None = DAYS,
    overlap_days: float = OVERLAP_DAYS,
) -> str:
    """A new key of the same sender; the old one holds beside it for `overlap_days`, no longer.

    Raises `InputError` ("no_such_key") where there is none in use, and ("bad_days").
    """
    if not 0 <= overlap_days <= 3650:
        raise InputError("bad_days", "the keys overlap by 0 to 3,650 days")
    table = tables.keys
    with store.write() as connection:
        found = connection.execute(
            select(table).where(table.c.id == key_id, table.c.revoked_at.is_(None))
        ).first()
        if found is None:
            raise InputError("no_such_key", f"there is no key {key_id} in use")
        until = time.time() + overlap_days * _DAY
        if found.expires_at is None or until < found.expires_at:
            connection.execute(update(table).where(table.c.id == key_id).values(expires_at=until))
            trail.append(
                connection,
                by,
                "key_changed",
                f"key {key_id}",
                before={"expires": _iso(found.expires_at)},
                after={"expires": _iso(until)},
            )
        said = {"name": found.name, "role": found.role, "follows": key_id}
        return _make(connection, said, days, by)


def _make(connection: Connection, said: dict[str, Any], days: float | None, by: Actor) -> str:
    if days is not None and not 0 < days <= 3650:
        raise InputError("bad_days", "a key holds for up to 3,650 days")
    key = f"kv_{secrets.token_urlsafe(32)}"
    now = time.time()
    row = {
        "name": said["name"],
        "role": said["role"],
        "hash": _hash(key),
        "created_at": now,
        "expires_at": None if days is None else now + days * _DAY,
    }
    made = connection.execute(insert(tables.keys).values(row)).inserted_primary_key
    assert made is not None
    after = said | ({} if days is None else {"expires": _iso(row["expires_at"])})
    trail.append(connection, by, "key_made", f"key {made[0]}", after=after)
    return key


def _iso(at: float | None) -> str | None:
    return None if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


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
        columns = [table.c[name] for name in Key.__slots__]
        return [Key(*row) for row in connection.execute(select(*columns).order_by(table.c.id))]


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
        self._used: dict[int, float] = {}
        self._lock = threading.Lock()

    def cached(self, key: str) -> Key | None:
        """The key if it was found a moment ago, without asking the store."""
        with self._lock:
            until, found = self._found.get(_hash(key), (0.0, None))
        return found if self._clock() < until else None

    def find(self, key: str) -> Key | None:
        """The key, or None where it is unknown or revoked; whether it expired is asked of it."""
        if found := self.cached(key):
            return found
        table = tables.keys
        hashed = _hash(key)
        until = self._clock() + _CACHED
        with self._store.read() as connection:
            row = connection.execute(
                select(*(table.c[name] for name in Key.__slots__)).where(
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

    def used(self, key: Key) -> None:
        """It was used now; `write_uses` says so to the store, off the way of what is pushed."""
        with self._lock:
            self._used[key.id] = time.time()

    def write_uses(self) -> None:
        """Write down when keys were last used, where that is over a minute newer."""
        with self._lock:
            used, self._used = self._used, {}
        if not used:
            return
        table = tables.keys
        old = table.c.used_at.is_(None)
        with self._store.write() as connection:
            for number, at in used.items():
                connection.execute(
                    update(table)
                    .where(table.c.id == number, old | (table.c.used_at < at - _USED))
                    .values(used_at=at)
                )


def _hash(key: str) -> bytes:
    # a key has 256 random bits: there is nothing to guess, so nothing to slow down
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
