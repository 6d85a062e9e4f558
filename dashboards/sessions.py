"""Sessions: who is signed in, by the hash of a cookie; they end, and each is in the audit trail."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import Select, delete, insert, select, update

from streams.store import tables, trail
from streams.store.store import Store
from streams.store.trail import Actor

# what a viewer has beside the role: rows of single patients (line listings, courses)
PATIENT_LEVEL = "patient_level"
NARRATIVES = "narratives"  # of cases, for who has those rows: by grant alone, whatever the role

SESSION_SECONDS = 12 * 3600.0
IDLE_SECONDS = 3600.0
TOUCH_SECONDS = 60.0  # a session in use is written down this often


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is asking; `csrf` is the token that every form of theirs sends back."""

    name: str
    role: str
    csrf: str
    patient_level: bool = False
    narratives: bool = False

    @property
    def grants(self) -> frozenset[str]:
        """The role, and what goes with it: officers read rows of single patients, others by grant.

        >>> sorted(Viewer("Ann", "officer", "").grants)
        ['officer', 'patient_level']
        >>> sorted(Viewer("Rex", "regulator", "").grants)
        ['regulator']
        >>> sorted(Viewer("Ann", "officer", "", narratives=True).grants)
        ['narratives', 'officer', 'patient_level']
        """
        patients = self.patient_level or self.role == "officer"
        more = {PATIENT_LEVEL} if patients else set()
        if patients and self.narratives:
            more.add(NARRATIVES)
        return frozenset({self.role} | more)

    @property
    def actor(self) -> Actor:
        """The same in the audit trail."""
        return Actor(self.name, self.role)


def open_session(store: Store, user: str, *, by: str = "password", host: str = "") -> str | None:
    """Sign a person in: the token of a new session, or None where they are disabled."""
    token = secrets.token_urlsafe(32)
    now = time.time()
    with store.write() as connection:
        found = connection.execute(active_role(user)).first()
        if found is None:
            return None
        table = tables.sessions
        over = (table.c.expires_at < now) | (table.c.seen_at < now - IDLE_SECONDS)
        connection.execute(delete(table).where(over))
        row = {
            "hash": hashed(token),
            "user": user,
            "created_at": now,
            "expires_at": now + SESSION_SECONDS,
            "seen_at": now,
        }
        connection.execute(insert(table), [row])
        after = {"by": by, "host": host}
        trail.append(connection, Actor(user, found.role), "signed_in", f"user {user}", after=after)
    return token


def close_session(store: Store, token: str, viewer: Viewer) -> None:
    """Sign out."""
    with store.write() as connection:
        connection.execute(delete(tables.sessions).where(tables.sessions.c.hash == hashed(token)))
        trail.append(connection, viewer.actor, "signed_out", f"user {viewer.name}")


def viewer_of(store: Store, token: str, *, uses: bool = True) -> Viewer | None:
    """Who holds a session, or None where it is over: twelve hours old, or an hour without use.

    `uses`: this is a use of it; what a page asks for by itself is none.
    """
    sessions, users = tables.sessions, tables.users
    now = time.time()
    mine = sessions.c.hash == hashed(token)
    with store.read() as connection:
        row = connection.execute(
            select(
                users.c.name,
                users.c.role,
                users.c.patient_level,
                users.c.narratives,
                sessions.c.seen_at,
            )
            .join(sessions, sessions.c.user == users.c.name)
            .where(
                mine,
                sessions.c.expires_at > now,
                sessions.c.seen_at > now - IDLE_SECONDS,
                users.c.disabled_at.is_(None),
            )
        ).first()
    if row is None:
        return None
    if uses and row.seen_at < now - TOUCH_SECONDS:
        with store.write() as connection:
            connection.execute(update(sessions).where(mine).values(seen_at=now))
    # from the cookie's token, which no other site can read; it does not lead back to it
    csrf = hashlib.sha256(b"csrf\x00" + token.encode()).hexdigest()
    return Viewer(row.name, row.role, csrf, row.patient_level, row.narratives)


def active_role(name: str) -> Select[tuple[str]]:
    """The role of a person who may sign in; nothing where there is none."""
    table = tables.users
    return select(table.c.role).where(table.c.name == name, table.c.disabled_at.is_(None))


def hashed(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
