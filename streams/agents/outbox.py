"""What a transaction has to publish: rows written with it, sent in order after the commit."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select

from streams.log.base import Log, Message
from streams.store import tables
from streams.store.store import Store

_AT_A_TIME = 64


def owner(consumer: str, topic: str, partition: int) -> str:
    """Whose rows they are: what the consumer of a partition wrote.

    >>> owner("detect", "changes", 0)
    'detect/changes/0'
    """
    return f"{consumer}/{topic}/{partition}"


def drain(store: Store, log: Log, owners: Iterable[str]) -> None:
    """Send what some owners have not sent yet, in order.

    A row is gone once the log has its message. Where the process dies in between it is sent again,
    and whoever reads it knows its revision already.
    """
    table = tables.outbox
    names = list(owners)
    while True:
        with store.read() as connection:
            rows = connection.execute(
                select(table.c.id, table.c.topic, table.c.key, table.c.value)
                .where(table.c.owner.in_(names))
                .order_by(table.c.id)
                .limit(_AT_A_TIME)
            ).all()
        if not rows:
            return
        log.append([Message(row.topic, 0, row.key, row.value) for row in rows])
        with store.write() as connection:
            connection.execute(delete(table).where(table.c.id.in_([row.id for row in rows])))
