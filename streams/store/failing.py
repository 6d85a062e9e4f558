"""What can go wrong with a database, in the words of this program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from schemas.errors import StoreError

# SQLSTATE: serialisation failure, deadlock, lock not available
_CONFLICTS = frozenset({"40001", "40P01", "55P03"})
_SQLITE_AWAY = ("locked", "disk", "unable to open", "full")


class StoreConflict(StoreError):
    """Another writer was in the way: nothing was written, and the same again can succeed."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise `StoreConflict`, or `StoreError` ("store_away") where waiting helps; else as it was."""
    try:
        yield
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state in _CONFLICTS:
            raise StoreConflict("store_conflict", f"two writers met: {error.orig}") from error
        if error.connection_invalidated:
            raise StoreError("store_away", f"the store went away: {error.orig}") from error
        message = str(error.orig)
        kind = type(error.orig)
        away = (
            kind.__module__.startswith("psycopg")
            and any(base.__name__ in ("OperationalError", "InterfaceError") for base in kind.mro())
        ) or any(word in message for word in _SQLITE_AWAY)
        if away:
            raise StoreError("store_away", f"the store cannot be used now: {message}") from error
        raise


@contextmanager
def as_sqlalchemy(connection: Connection, statement: str) -> Iterator[None]:
    """Raise what the driver raises, where it is used past SQLAlchemy, as SQLAlchemy would."""
    base = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except base as error:
        raise DBAPIError.instance(
            statement, None, error, base, dialect=connection.dialect
        ) from error
