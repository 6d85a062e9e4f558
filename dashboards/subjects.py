"""Which account a person at an OpenID provider has here; an administrator says so, nobody else."""

from __future__ import annotations

import time

from sqlalchemy import Connection, delete, insert, select

from dashboards.id_token import is_subject
from schemas.errors import InputError
from streams.store import tables, trail
from streams.store.store import Store
from streams.store.trail import CONSOLE, Actor


def link_subject(store: Store, name: str, issuer: str, subject: str, by: Actor = CONSOLE) -> None:
    """Let a person sign in as who they are at a provider, in place of who they were there.

    Raises `InputError` ("no_such_user", "bad_subject", "subject_taken").
    """
    if not is_subject(subject):
        raise InputError("bad_subject", "a subject has 1 to 255 printable characters of ASCII")
    table = tables.subjects
    with store.write() as connection:
        before = _linked(connection, name)
        holder = connection.scalar(
            select(table.c.user).where(table.c.issuer == issuer, table.c.subject == subject)
        )
        if holder not in (None, name):
            raise InputError("subject_taken", f"this subject is linked to {holder!r}")
        after = {"issuer": issuer, "subject": subject}
        connection.execute(delete(table).where(table.c.user == name))
        connection.execute(insert(table), [after | {"user": name, "linked_at": time.time()}])
        trail.append(connection, by, "user_changed", f"user {name}", before=before, after=after)


def unlink_subject(store: Store, name: str, by: Actor = CONSOLE) -> None:
    """Let a person no longer sign in by a provider, and end their sessions.

    Raises `InputError` ("no_such_user", "not_linked").
    """
    table = tables.subjects
    with store.write() as connection:
        before = _linked(connection, name)
        if before is None:
            raise InputError("not_linked", f"no subject is linked to {name!r}")
        connection.execute(delete(table).where(table.c.user == name))
        connection.execute(delete(tables.sessions).where(tables.sessions.c.user == name))
        after = {"subject": None}
        trail.append(connection, by, "user_changed", f"user {name}", before=before, after=after)


def user_of(store: Store, issuer: str, subject: str) -> str | None:
    """The name of the account that a person at a provider has; None where they have none."""
    table = tables.subjects
    with store.read() as connection:
        return connection.scalar(
            select(table.c.user).where(table.c.issuer == issuer, table.c.subject == subject)
        )


def list_subjects(store: Store) -> dict[str, str]:
    """The subject of each account that has one."""
    with store.read() as connection:
        rows = connection.execute(select(tables.subjects.c.user, tables.subjects.c.subject))
        return {row.user: row.subject for row in rows}


def _linked(connection: Connection, name: str) -> dict[str, str] | None:
    users, table = tables.users, tables.subjects
    if connection.scalar(select(users.c.name).where(users.c.name == name)) is None:
        raise InputError("no_such_user", f"there is no user {name!r}")
    found = select(table.c.issuer, table.c.subject).where(table.c.user == name)
    row = connection.execute(found).first()
    return None if row is None else {"issuer": row.issuer, "subject": row.subject}
