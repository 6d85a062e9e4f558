"""Reading what may be damaged."""

from __future__ import annotations

from sqlalchemy import Connection


def legible(connection: Connection) -> None:
    """Let a connection to SQLite read texts that are no UTF-8 any more, with a mark for each byte.

    A check has to name what was damaged; SQLite's driver would refuse to read it. The connection
    goes on so when it is used again: what is no UTF-8 is then read as what it is not, so this is
    for a process that does nothing but check.
    """
    if connection.dialect.name == "sqlite":
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.text_factory = lambda text: text.decode("utf-8", "replace")
