"""What tests of the live cohort share: courses as changes, a detector that takes them, its rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select

from detectors.followup.content import CourseContent, encode_content
from schemas.envelope import VERSION, Change, Changes
from streams.agents.detector import Detector
from streams.store.store import Store

LOG = "the log of this test"


def noon(day: date) -> float:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()


def changed(number: int, revision: int, content: CourseContent) -> Change:
    """A course as the follow-up agent publishes it."""
    return Change(
        "course",
        case_id=number,
        revision=revision,
        dataset="cohort",
        payload=encode_content(content),
    )


def rows(store: Store, table: Any) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)).all())


def apply(one: Detector, position: int, *changes: Change) -> None:
    one.apply([(position, Changes(VERSION, changes))])


def checkpoint(one: Detector, position: int) -> None:
    apply(one, position, Change("checkpoint", reason="test"))
