"""Lock-out after failed sign-ins: of an account and of an address, with a delay that grows.

A name that nobody has is counted in the same way, so that a lock says nothing about whether there
is an account; of such a name, which may be a password in the wrong field, 16 bits are kept. A
one-time link signs in past the lock of an account: nobody keeps an officer out by failing for them.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, select

from dashboards.language import _
from schemas.errors import InputError
from streams.store import tables, trail
from streams.store.store import Store
from streams.store.trail import CONSOLE, NOBODY, Actor
from streams.store.writing import upsert

FREE: Final[Mapping[str, int]] = {"account": 5, "address": 20}  # failures before the first delay
FIRST_DELAY = 60.0  # seconds; each further failure doubles it,
LONGEST_DELAY = 3600.0  # up to this
FORGOTTEN = 24 * 3600.0  # seconds after the last failure


class Attempt(NamedTuple):
    """A try that was counted before it was judged; `wait`: seconds until one may be judged."""

    account: str
    address: str
    wait: float


def delay(failures: int, free: int) -> float:
    """Seconds until the next try after so many failures.

    >>> [delay(failures, 5) for failures in (4, 5, 6, 7, 99)]
    [0.0, 60.0, 120.0, 240.0, 3600.0]
    """
    if failures < free:
        return 0.0
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures - free, 30))


class Lockout:
    """Counts the failures of accounts and addresses in the store, for every process of it."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock

    def attempt(self, host: str, name: str | None = None) -> Attempt:
        """Count a try as failed, before it is judged: tries side by side gain nothing.

        While it has to wait nothing is counted. `name`: None for a one-time link.
        """
        now = self._clock()
        table = tables.attempts
        address = _address(host)
        with self._store.write() as connection:
            connection.execute(delete(table).where(table.c.at < now - FORGOTTEN))
            account = "" if name is None else _account(connection, name)
            subjects = {"account": account, "address": address}
            rows = {
                kind: connection.execute(select(table).where(table.c.subject == subject)).first()
                for kind, subject in subjects.items()
                if subject
            }
            if (until := max((row.until for row in rows.values() if row), default=0.0)) > now:
                return Attempt(account, address, until - now)
            for kind, row in rows.items():
                failures = (row.failures if row else 0) + 1
                _write(connection, subjects[kind], failures, now, delay(failures, FREE[kind]))
        return Attempt(account, address, 0.0)

    def passed(self, attempt: Attempt) -> None:
        """It was right: the failures of the account are forgotten, and its own of the address."""
        table = tables.attempts
        with self._store.write() as connection:
            connection.execute(delete(table).where(table.c.subject == attempt.account))
            row = connection.execute(
                select(table).where(table.c.subject == attempt.address)
            ).first()
            if row is not None:
                _write(connection, attempt.address, row.failures - 1, row.at, 0.0)

    def failed(
        self,
        attempt: Attempt,
        by: str,
        actor: Actor = NOBODY,
        what: str = "sign_in_failed",
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Write down that it was wrong, with `more` of it, and each lock that it led to."""
        subjects = {"account": attempt.account, "address": attempt.address}
        nobody = "a link that does not hold" if by == "link" else "a sign-in that does not hold"
        shown = _shown(attempt.account) if attempt.account else nobody
        host = attempt.address.partition(" ")[2]
        table = tables.attempts
        with self._store.write() as connection:
            after: dict[str, Any] = {"by": by, "host": host, **(more or {})}
            trail.append(connection, actor, what, shown, after=after)
            for kind, subject in subjects.items():
                row = connection.execute(select(table).where(table.c.subject == subject)).first()
                if row is None or not (seconds := delay(row.failures, FREE[kind])):
                    continue
                after = {"failures": row.failures, "seconds": int(seconds), "host": host}
                trail.append(connection, NOBODY, "sign_in_locked", _shown(subject), after=after)

    def unlock(self, name: str, by: Actor = CONSOLE) -> None:
        """Forget the failures of an account; `InputError` ("no_such_user", "not_locked")."""
        table, users = tables.attempts, tables.users
        with self._store.write() as connection:
            if connection.scalar(select(users.c.name).where(users.c.name == name)) is None:
                raise InputError("no_such_user", _("there is no user {name!r}", name=name))
            subject = f"user {name}"
            row = connection.execute(select(table).where(table.c.subject == subject)).first()
            if row is None:
                raise InputError("not_locked", _("nothing was counted against {name!r}", name=name))
            connection.execute(delete(table).where(table.c.subject == subject))
            before = {"failures": row.failures}
            trail.append(connection, by, "sign_in_unlocked", subject, before=before)


def locked(connection: Connection, now: float) -> dict[str, float]:
    """The accounts that have to wait, and until when."""
    table = tables.attempts
    rows = connection.execute(
        select(table.c.subject, table.c.until).where(
            table.c.until > now, table.c.subject.startswith("user ", autoescape=True)
        )
    )
    return {row.subject.removeprefix("user "): row.until for row in rows}


def _write(connection: Connection, subject: str, failures: int, at: float, wait: float) -> None:
    row = {"subject": subject, "failures": failures, "at": at, "until": at + wait if wait else 0.0}
    upsert(connection, tables.attempts, [row])


def _account(connection: Connection, name: str) -> str:
    table = tables.users
    known = connection.scalar(select(table.c.name).where(table.c.name == name))
    if known is not None:
        return f"user {known}"
    return f"nobody {hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:4]}"


def _address(host: str) -> str:
    """One who has an address of IPv6 has 2^64 of them.

    >>> _address("2001:db8::17"), _address("192.0.2.7"), _address("a-name")
    ('address 2001:db8::/64', 'address 192.0.2.7', 'address a-name')
    """
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return f"address {host[:100]}"
    if found.version == 4:
        return f"address {found}"
    return f"address {ipaddress.ip_network((found, 64), strict=False)}"


def _shown(subject: str) -> str:
    return "a name that nobody has" if subject.startswith("nobody ") else subject
