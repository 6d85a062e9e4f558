"""Whether what is erased is what the audit trail says, and nothing else."""

from __future__ import annotations

import json

from sqlalchemy import Connection, func, select

from streams.agents.check import Check
from streams.agents.erased import CODE
from streams.store import tables

ERASING = ("records_erased", "period_over")  # what an entry of the trail is called


def check_erased(connection: Connection) -> Check:
    """Every key that is lost was lost by an entry of the trail, which says how many it took.

    Records that were refused since, because of it, are counted apart: nothing was kept of them.
    """
    records, held, entries = tables.records, tables.quarantine, tables.trail
    refused = dict[int, int]()
    query = select(records.c.erased_by, func.count()).group_by(records.c.erased_by)
    of_refused = query.join(held, held.c.id == records.c.id).where(held.c.code == CODE)
    for number, n in connection.execute(of_refused):
        refused[number] = n
    lost = {
        number: n - refused.get(number, 0)
        for number, n in connection.execute(query.where(records.c.wrapped_key.is_(None)))
    }
    said = {
        seq: json.loads(after)["records"]
        for seq, after in connection.execute(
            select(entries.c.seq, entries.c.after).where(entries.c.what.in_(ERASING))
        )
    }
    wrong = [
        f"entry {number}: {said.get(number)} said, {lost.get(number, 0)} lost"
        for number in sorted({*said, *lost} - {None}, key=int)
        if lost.get(number, 0) != said.get(number)
    ]
    if nobody := lost.get(None, 0):
        wrong.append(f"{nobody} lost by no entry")
    open_still = select(func.count()).where(tables.erasures.c.done_at.is_(None))
    figures = {
        "erasures": len(said),
        "records": sum(said.values()),
        "refused": sum(refused.values()),
        "open": connection.scalar(open_still),
        "wrong": wrong[:10],
    }
    return Check("erased records are those of the audit trail", len(wrong), figures)
