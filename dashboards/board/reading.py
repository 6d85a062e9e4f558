"""Reading rows of single patients: written to the audit trail before they are shown."""

from __future__ import annotations

from sqlalchemy import Connection
from starlette.requests import Request

from dashboards.access import viewer
from dashboards.sessions import PATIENT_LEVEL
from streams.store import trail


def may_read(request: Request) -> bool:
    """Whether the viewer may read rows of single patients."""
    who = viewer(request)
    return who is not None and PATIENT_LEVEL in who.grants


def record(connection: Connection, request: Request, subject: str, rows: str, n: int) -> None:
    """Write down that the viewer reads `n` rows of a kind ("cases", "courses", ...)."""
    who = viewer(request)
    assert who is not None  # the check of who is asking was passed
    trail.append(connection, who.actor, trail.READ, subject, after={"rows": rows, "n": n})
