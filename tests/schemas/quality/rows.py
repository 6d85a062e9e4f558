"""Rows that the quality tests start from."""

from __future__ import annotations

from datetime import date
from typing import Any

from schemas.quality import QualitySuite, Row
from schemas.record import Stream

TAKEN = date(2025, 7, 4).toordinal()


def row(place: int = 0, sender: str = "clinic-a", version: int | None = None, **body: Any) -> Row:
    """A report of two known products and one event received on 2025-07-03, with a body added."""
    return Row(
        place=place,
        sender=sender,
        record_id=f"A-{place}",
        version=version,
        taken_day=TAKEN,
        body={"received_at": "2025-07-03"} | body,
        unknown_products=0,
        unknown_events=0,
        n_products=2,
        n_events=1,
    )


def broken(found: Row, stream: Stream = "reports") -> list[str]:
    """The names of the row rules that a row alone breaks."""
    result = QualitySuite(stream).check([found])
    assert not result.suite_errors
    return [rule for rule, _ in result.row_faults.get(found.place, [])]
