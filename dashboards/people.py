"""People who sign in: their passwords, one-time links and sessions, each stored as a hash."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import Select, delete, insert, select, update

from schemas.errors import InputError
from streams.store import tables
from streams.store.store import Store

Role = Literal["officer", "regulator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

SESSION_SECONDS = 12 * 3600.0
LINK_SECONDS = 12 * 3600.0
SHORTEST_PASSWORD = 12

_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is asking; `csrf` is the token that every form of theirs sends back."""

    name: str
    role: str
    csrf: str


@dataclass(frozen=True, slots=True)
class User:
    """A person as stored."""

    name: str
    role: str
    created_at: float
    disabled_at: float | None


def create_user(store: Store, name: str, role: Role, password: str | None = None) -> None:
    """Add a person; without a password they sign in by link only.

    Raises `InputError` ("bad_name", "user_exists", "weak_password").
    """
    if not name or len(name) > 100 or name != name.strip() or not name.isprintable():
        raise InputError(
            "bad_name", "a name has 1 to 100 printable characters, and no space at either end"
        )
    if password is not None and not SHORTEST_PASSWORD <= len(password) <= 1000:
        raise InputError("weak_password", f"a password has {SHORTEST_PASSWORD} to 1000 characters")
    row = {
        "name": name,
        "role": role,
        "password_hash": _hasher.hash(password) if password is not None else None,
        "created_at": time.time(),
    }
    with store.write() as connection:
        if connection.scalar(select(tables.users.c.name).where(tables.users.c.name == name)):
            raise InputError("user_exists", f"there is a user {name!r} already")
        connection.execute(insert(tables.users), [row])


def list_users(store: Store) -> list[User]:
    """Everyone, by name."""
    table = tables.users
    with store.read() as connection:
        rows = connection.execute(
            select(table.c.name, table.c.role, table.c.created_at, table.c.disabled_at).order_by(
                table.c.name
            )
        )
        return [User(*row) for row in rows]


def disable_user(store: Store, name: str) -> None:
    """End a person's access and sessions; `InputError` ("no_such_user")."""
    with store.write() as connection:
        disabled = connection.execute(
            update(tables.users)
            .where(tables.users.c.name == name, tables.users.c.disabled_at.is_(None))
            .values(disabled_at=time.time())
        ).rowcount
        connection.execute(delete(tables.sessions).where(tables.sessions.c.user == name))
        connection.execute(delete(tables.links).where(tables.links.c.user == name))
    if not disabled:
        raise InputError("no_such_user", f"there is no user {name!r} to disable")


def create_link(store: Store, user: str) -> str:
    """A path that signs a person in once, within twelve hours: `/sign-in/TOKEN`.

    A person that is not there yet is added as an officer without a password.
    Raises `InputError` ("user_disabled").
    """
    if user not in {known.name for known in list_users(store)}:
        create_user(store, user, "officer")
    token = secrets.token_urlsafe(32)
    now = time.time()
    with store.write() as connection:
        if not connection.scalar(_active(user)):
            raise InputError("user_disabled", f"the user {user!r} is disabled")
        connection.execute(delete(tables.links).where(tables.links.c.expires_at < now))
        row = {"hash": _hash(token), "user": user, "expires_at": now + LINK_SECONDS}
        connection.execute(insert(tables.links), [row])
    return f"/sign-in/{token}"


def link_holds(store: Store, token: str) -> bool:
    """Whether a link can still be used; looking does not use it up."""
    table = tables.links
    with store.read() as connection:
        found = connection.scalar(
            select(table.c.user).where(
                table.c.hash == _hash(token),
                table.c.used_at.is_(None),
                table.c.expires_at > time.time(),
            )
        )
    return found is not None


def use_link(store: Store, token: str) -> str | None:
    """Use a link up and open a session: its token, or None where the link holds no longer."""
    table = tables.links
    now = time.time()
    with store.write() as connection:
        used = connection.execute(
            update(table)
            .where(
                table.c.hash == _hash(token), table.c.used_at.is_(None), table.c.expires_at > now
            )
            .values(used_at=now)
        ).rowcount
        if not used:
            return None
        user = connection.scalar(select(table.c.user).where(table.c.hash == _hash(token)))
    return open_session(store, str(user))


def check_password(store: Store, name: str, password: str) -> bool:
    """Whether this is the password of a person who may sign in.

    It takes as long for a name that nobody has, so that names cannot be told apart by time.
    """
    table = tables.users
    with store.read() as connection:
        found = connection.scalar(
            select(table.c.password_hash).where(table.c.name == name, table.c.disabled_at.is_(None))
        )
    try:
        _hasher.verify(found or _nobody(), password[:1000])
    except (Argon2Error, InvalidHashError):
        return False
    return found is not None


@lru_cache(maxsize=1)
def _nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(32))


def open_session(store: Store, user: str) -> str | None:
    """Sign a person in: the token of a new session, or None where they are disabled."""
    token = secrets.token_urlsafe(32)
    now = time.time()
    with store.write() as connection:
        if not connection.scalar(_active(user)):
            return None
        table = tables.sessions
        connection.execute(delete(table).where(table.c.expires_at < now))
        row = {
            "hash": _hash(token),
            "user": user,
            "created_at": now,
            "expires_at": now + SESSION_SECONDS,
        }
        connection.execute(insert(table), [row])
    return token


def close_session(store: Store, token: str) -> None:
    """Sign out."""
    with store.write() as connection:
        connection.execute(delete(tables.sessions).where(tables.sessions.c.hash == _hash(token)))


def viewer_of(store: Store, token: str) -> Viewer | None:
    """Who holds a session, or None where it is over."""
    sessions, users = tables.sessions, tables.users
    with store.read() as connection:
        row = connection.execute(
            select(users.c.name, users.c.role)
            .join(sessions, sessions.c.user == users.c.name)
            .where(
                sessions.c.hash == _hash(token),
                sessions.c.expires_at > time.time(),
                users.c.disabled_at.is_(None),
            )
        ).first()
    if row is None:
        return None
    # from the cookie's token, which no other site can read; it does not lead back to it
    csrf = hashlib.sha256(b"csrf\x00" + token.encode()).hexdigest()
    return Viewer(row.name, row.role, csrf)


def _active(name: str) -> Select[tuple[str]]:
    table = tables.users
    return select(table.c.name).where(table.c.name == name, table.c.disabled_at.is_(None))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
