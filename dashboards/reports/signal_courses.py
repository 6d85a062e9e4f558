"""The annex on patient courses: each with the event, and how they add up to the rate."""

from __future__ import annotations

from dashboards.reports.document import (
    NONE,
    Section,
    Table,
    Text,
    column,
    count,
    numbers,
    table,
    words,
)
from dashboards.reports.figures import CourseLine, CourseLines
from dashboards.reports.model import Report

MOST = 500  # courses on the pages


def listing(report: Report) -> tuple[Section, ...]:
    """The courses with the event, or `MOST` of very many; no section where none are listed."""
    found = report.cohort.listing if report.cohort else None
    if found is None:
        return ()
    chosen = found.lines[-MOST:]
    text = (
        "Each patient course with the event that was given the product, the earliest first event "
        "first. No pseudonym and nothing that was measured is in it; the registry's officer finds "
        "a course by its number. "
    )
    if len(chosen) < len(found.lines):
        text += (
            f"Of {count(len(found.lines))} courses these are the {count(MOST)} newest; JSON and "
            "CSV have all of them. "
        )
    if not found.lines:
        return (Section("Course listing", (Text("There is no course."),), wide=True),)
    blocks = (Text(text + _sum(found)), _lines(report, chosen))
    return (Section("Course listing", blocks, wide=True),)


def _sum(found: CourseLines) -> str:
    n, days = (sum(getattr(one, name) for one in found.lines) for name in ("n", "person_days"))
    return (
        f"Together they add n = {count(n)} and {count(days)} person-days to the product; "
        f"{count(found.other_courses)} courses without the event add "
        f"{count(found.other_person_days)} person-days, which makes "
        f"{count(days + found.other_person_days)}."
    )


def _lines(report: Report, chosen: tuple[CourseLine, ...]) -> Table:
    return table(
        f"Courses of {report.subject.product} with the event",
        (
            column("Course", 1.3),
            column("Patient", 0.9),
            column("Given on that day", 1.6),
            column("Begun, first event (days)", 1.5),
            column("Events", 1.7),
            numbers("Days with it", 0.8),
            column("Last record, end", 1.3),
            numbers("n", 0.4),
            numbers("person-days", 0.9),
        ),
        (_row(one) for one in chosen),
    )


def _row(one: CourseLine) -> tuple[str, ...]:
    days = "" if one.days_to_event is None else f" ({count(one.days_to_event)})"
    return (
        f"{one.course}{', erased' if one.erased else ''}; {one.registry}",
        _joined(one.sex, one.age),
        _joined(one.product, one.route, one.setting, one.phase),
        f"{one.started or NONE}, {one.first_event}{days}",
        "; ".join(one.terms) + (" (urgent)" if one.urgent else ""),
        count(one.event_days),
        _joined(one.last_contact, words(one.ended)),
        count(one.n),
        count(one.person_days),
    )


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part) or NONE
