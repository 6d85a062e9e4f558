"""The patient courses of a pair: those with the event, and what each adds to the product's rate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec
from sqlalchemy import Connection, select

from dashboards.reports.figures import CourseLine, CourseLines
from detectors.coding import base
from detectors.cohort import Cohort as Book
from detectors.cohort_lines import Line, lines
from detectors.followup.content import CourseContent
from detectors.followup.exposure import Stratum
from detectors.scope import Scope
from streams.store import tables
from streams.store.enclosed import ERASED

_NOTHING = Stratum()


def course_lines(
    connection: Connection,
    book: Book,
    contents: Mapping[int, CourseContent | None],
    scope: Scope,
    pair: tuple[str, str],
) -> CourseLines:
    """The listing of a product and an event; `contents` in the order of the book."""
    product, event = base(pair[0]), pair[1]
    found = lines(book, scope, product, event)
    numbers = list(contents)
    gone = frozenset(
        connection.scalars(select(tables.courses.c.id).where(tables.courses.c.state == ERASED))
    )
    terms = frozenset(scope.members(event))
    listed = []
    for one in found.lines:
        number = numbers[one.place]
        content = contents[number]
        assert content is not None
        own = [e for e in content.events if e.name in terms and e.day <= scope.through]
        urgent = any(u.event in terms and u.day <= scope.through for u in content.urgent)
        made = _line(number, one, content, _started(content, product))
        listed.append(
            msgspec.structs.replace(
                made,
                event_days=len({event.day for event in own}),
                terms=tuple(sorted({event.name for event in own})),
                urgent=urgent,
                erased=number in gone,
            )
        )
    return CourseLines(
        lines=tuple(sorted(listed, key=lambda line: (line.first_event, line.course))),
        other_courses=found.other_courses,
        other_person_days=found.other_days,
    )


def _started(content: CourseContent, product: str) -> int:
    given = [s.start for s in content.spells if content.strata[s.stratum].product == product]
    return min(given) if given else 0


def _line(number: int, one: Line, content: CourseContent, started: int) -> CourseLine:
    """A line but for what depends on the event."""
    known, stratum = dict(content.attributes), one.stratum or _NOTHING
    return CourseLine(
        course=number,
        registry=content.registry,
        sex=known.get("sex", ""),
        age=known.get("age", ""),
        product=stratum.product,
        route=stratum.route,
        setting=stratum.setting,
        phase=stratum.phase,
        started=_iso(started),
        first_event=_iso(one.day),
        days_to_event=one.day - started if 0 < started <= one.day else None,
        event_days=0,
        terms=(),
        urgent=False,
        last_contact=_iso(content.contact),
        ended=content.exit_reason,
        n=one.n,
        person_days=one.days,
        erased=False,
    )


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat() if day else ""
