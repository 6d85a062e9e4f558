"""People who sign in: their passwords and one-time links, each stored as a hash.

What changes here is written to the audit trail in the same transaction.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import delete, insert, select, update

from dashboards.sessions import NARRATIVES, PATIENT_LEVEL, active_role, hashed, open_session
from schemas.errors import InputError
from streams.store import tables, trail
from streams.store.store import Store
from streams.store.trail import CONSOLE, Actor

Role = Literal["officer", "regulator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

LINK_SECONDS = 12 * 3600.0
SHORTEST_PASSWORD = 12

_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class User:
    """A person as stored."""

    name: str
    role: str
    created_at: float
    disabled_at: float | None
    patient_level: bool
    narratives: bool


def create_user(
    store: Store,
    name: str,
    role: Role,
    password: str | None = None,
    *,
    patient_level: bool = False,
    by: Actor = CONSOLE,
) -> None:
    """Add a person; without a password they sign in by link only.

    `patient_level`: may read rows of single patients, as every officer may.
    Raises `InputError` ("bad_name", "user_exists", "weak_password").
    """
    if not name or len(name) > 100 or name != name.strip() or not name.isprintable():
        raise InputError(
            "bad_name", "a name has 1 to 100 printable characters, and no space at either end"
        )
    if password is not None:
        _check_length(password)
    row = {
        "name": name,
        "role": role,
        "password_hash": _hasher.hash(password) if password is not None else None,
        "created_at": time.time(),
        "patient_level": patient_level,
        "narratives": False,
    }
    said = {"role": role, "patient_level": patient_level, "password": password is not None}
    with store.write() as connection:
        if connection.scalar(select(tables.users.c.name).where(tables.users.c.name == name)):
            raise InputError("user_exists", f"there is a user {name!r} already")
        connection.execute(insert(tables.users), [row])
        trail.append(connection, by, "user_made", f"user {name}", after=said)


def list_users(store: Store) -> list[User]:
    """Everyone, by name."""
    table = tables.users
    with store.read() as connection:
        rows = connection.execute(
            select(
                table.c.name,
                table.c.role,
                table.c.created_at,
                table.c.disabled_at,
                table.c.patient_level,
                table.c.narratives,
            ).order_by(table.c.name)
        )
        return [User(*row) for row in rows]


def set_password(store: Store, name: str, password: str, by: Actor = CONSOLE) -> None:
    """Give a person a password in place of what they had, and end their sessions.

    Raises `InputError` ("no_such_user", "weak_password").
    """
    _check_length(password)
    hashed_password = _hasher.hash(password)
    table = tables.users
    with store.write() as connection:
        found = connection.execute(
            select(table.c.password_hash).where(table.c.name == name)
        ).first()
        if found is None:
            raise InputError("no_such_user", f"there is no user {name!r}")
        connection.execute(
            update(table).where(table.c.name == name).values(password_hash=hashed_password)
        )
        connection.execute(delete(tables.sessions).where(tables.sessions.c.user == name))
        before = {"password": found.password_hash is not None}
        trail.append(
            connection,
            by,
            "user_changed",
            f"user {name}",
            before=before,
            after={"password": True, "password_changed": True},
        )


def _check_length(password: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= 1000:
        raise InputError("weak_password", f"a password has {SHORTEST_PASSWORD} to 1000 characters")


def grant(
    store: Store,
    name: str,
    *,
    patient_level: bool | None = None,
    narratives: bool | None = None,
    why: str = "",
    by: Actor = CONSOLE,
) -> None:
    """Let a person read rows of single patients, or narratives of cases too, or no longer.

    None leaves a grant as it is. Narratives are for who may read the rows, and need a reason.
    Raises `InputError` ("no_such_user", "no_reason").
    """
    given = {PATIENT_LEVEL: patient_level, NARRATIVES: narratives}
    after = {grant: value for grant, value in given.items() if value is not None}
    if narratives and not why.strip():
        raise InputError("no_reason", "say why this person is to read narratives")
    table = tables.users
    with store.write() as connection:
        columns = [table.c[grant] for grant in after]
        row = connection.execute(select(table.c.name, *columns).where(table.c.name == name)).first()
        if row is None:
            raise InputError("no_such_user", f"there is no user {name!r}")
        connection.execute(update(table).where(table.c.name == name).values(after))
        before = {grant: getattr(row, grant) for grant in after}
        subject = f"user {name}"
        trail.append(
            connection, by, "user_changed", subject, why=why.strip(), before=before, after=after
        )


def disable_user(store: Store, name: str, by: Actor = CONSOLE) -> None:
    """End a person's access and sessions; `InputError` ("no_such_user")."""
    with store.write() as connection:
        disabled = connection.execute(
            update(tables.users)
            .where(tables.users.c.name == name, tables.users.c.disabled_at.is_(None))
            .values(disabled_at=time.time())
        ).rowcount
        connection.execute(delete(tables.sessions).where(tables.sessions.c.user == name))
        connection.execute(delete(tables.links).where(tables.links.c.user == name))
        if disabled:
            trail.append(connection, by, "user_disabled", f"user {name}")
    if not disabled:
        raise InputError("no_such_user", f"there is no user {name!r} to disable")


def create_link(store: Store, user: str, by: Actor = CONSOLE) -> str:
    """A path that signs a person in once, within twelve hours: `/sign-in/TOKEN`.

    A person that is not there yet is added as an officer without a password.
    Raises `InputError` ("user_disabled").
    """
    if user not in {known.name for known in list_users(store)}:
        create_user(store, user, "officer", by=by)
    token = secrets.token_urlsafe(32)
    now = time.time()
    with store.write() as connection:
        if not connection.scalar(active_role(user)):
            raise InputError("user_disabled", f"the user {user!r} is disabled")
        connection.execute(delete(tables.links).where(tables.links.c.expires_at < now))
        row = {"hash": hashed(token), "user": user, "expires_at": now + LINK_SECONDS}
        connection.execute(insert(tables.links), [row])
        trail.append(connection, by, "link_made", f"user {user}")
    return f"/sign-in/{token}"


def link_holds(store: Store, token: str) -> bool:
    """Whether a link can still be used; looking does not use it up."""
    table = tables.links
    with store.read() as connection:
        found = connection.scalar(
            select(table.c.user).where(
                table.c.hash == hashed(token),
                table.c.used_at.is_(None),
                table.c.expires_at > time.time(),
            )
        )
    return found is not None


def use_link(store: Store, token: str, host: str = "") -> str | None:
    """Use a link up and open a session: its token, or None where the link holds no longer."""
    table = tables.links
    now = time.time()
    with store.write() as connection:
        used = connection.execute(
            update(table)
            .where(
                table.c.hash == hashed(token), table.c.used_at.is_(None), table.c.expires_at > now
            )
            .values(used_at=now)
        ).rowcount
        if not used:
            return None
        user = connection.scalar(select(table.c.user).where(table.c.hash == hashed(token)))
    return open_session(store, str(user), by="link", host=host)


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
