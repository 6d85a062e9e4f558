"""Writing many rows: the same calls on SQLite and PostgreSQL, past SQLAlchemy's work per value.

On PostgreSQL many new rows travel by COPY, which has no statement for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table

from streams.store.failing import as_sqlalchemy

_MANY = 32  # rows from which COPY costs less than its own statement


def insert_tuples(
    connection: Connection, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Insert rows given as tuples of the named columns."""
    listed = list(rows)
    if connection.dialect.name == "postgresql" and len(listed) >= _MANY:
        _copy(connection, table, names, listed)
    else:
        _execute(connection, table, names, listed, "")


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns."""
    if rows:
        insert_tuples(connection, table, list(rows[0]), [tuple(row.values()) for row in rows])


def upsert_tuples(
    connection: Connection,
    table: Table,
    names: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    add: str | None = None,
) -> None:
    """Write rows by primary key; other columns are replaced, the column `add` is summed up."""
    quote = connection.dialect.identifier_preparer.quote
    keys = [column.name for column in table.primary_key]
    sets = ", ".join(
        f"{quote(name)} = "
        + (f"{quote(table.name)}.{quote(name)} + " if name == add else "")
        + f"excluded.{quote(name)}"
        for name in names
        if name not in keys
    )
    clause = f" ON CONFLICT ({', '.join(map(quote, keys))}) DO UPDATE SET {sets}"
    _execute(connection, table, names, list(rows), clause)


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    add: str | None = None,
) -> None:
    """Write rows that all name the same columns, as `upsert_tuples`."""
    if rows:
        values = [tuple(row.values()) for row in rows]
        upsert_tuples(connection, table, list(rows[0]), values, add=add)


def _copy(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(map(quote, names))
    statement = f"COPY {quote(table.name)} ({columns}) FROM STDIN"
    cursor: Any = connection.connection.cursor()
    with as_sqlalchemy(connection, statement), cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _execute(
    connection: Connection,
    table: Table,
    names: Sequence[str],
    listed: Sequence[Sequence[Any]],
    clause: str,
) -> None:
    if not listed:
        return
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(map(quote, names))
    marks = ", ".join([mark] * len(names))
    # table and columns are those of `tables`, never of a request
    statement = f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({marks}){clause}"  # noqa: S608
    connection.exec_driver_sql(statement, listed)
