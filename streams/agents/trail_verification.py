"""Whether the audit trail is whole."""

from __future__ import annotations

from sqlalchemy import Connection

from streams.agents.check import Check
from streams.store import trail

_NAMED = 10


def check_trail(connection: Connection) -> Check:
    """Every entry is as it was written, in its place, and none is missing; those that are not.

    The newest hash is printed, so that it can be kept where this database's owner cannot reach.
    """
    found = list(trail.faults(connection))
    try:
        entries, newest = trail.head(connection)
    except ValueError:
        entries, newest = 0, "damaged"
    wrong = [f"entry {fault.seq} {fault.message}" for fault in found[:_NAMED]]
    figures = {"entries": entries, "newest_hash": newest, "wrong": wrong}
    return Check("the audit trail is whole", len(found), figures)
