"""Contents of courses for tests, and the counts of a cohort written out day by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from detectors.followup.content import CourseContent, Event
from detectors.followup.exposure import Stratum
from detectors.followup.spells import BANDS, KINDS, Spell
from detectors.scope import Scope

FIRST = 739_000
EVENTS = ("Cystitis", "Haematuria", "Sedation")
Counts = dict[tuple[tuple[str, ...], str], int]


def deltas(days: Iterable[int]) -> tuple[int, ...]:
    """Days as a content holds them, each from the one before it."""
    out, last = [], 0
    for day in sorted(days):
        out.append(day - last)
        last = day
    return tuple(out)


@st.composite
def contents(draw: st.DrawFn) -> CourseContent:
    """A course of a few short spells in any order of kinds, events and records anywhere."""
    strata = tuple(
        draw(st.lists(
            st.builds(Stratum, st.sampled_from(["esketamine", "ketamine"]),
                      st.sampled_from(["", "oral"]), st.sampled_from(["clinic", "home"])),
            min_size=1, max_size=3, unique=True,
        ))
    )  # fmt: skip
    day = FIRST + draw(st.integers(0, 10))
    spells = []
    for _ in range(draw(st.integers(0, 5))):
        day += draw(st.sampled_from([0, 0, 3]))
        end = day + draw(st.integers(1, 8))
        kind, stratum = draw(st.integers(0, 3)), draw(st.integers(0, len(strata) - 1))
        spells.append(Spell(day, end, kind, stratum, draw(st.integers(0, 5))))
        day = end
    some = st.integers(FIRST, FIRST + 45)
    events = draw(st.lists(
        st.builds(Event, st.sampled_from(EVENTS), some, st.sampled_from(["course", "session"])),
        max_size=5, unique=True,
    ))  # fmt: skip
    days = {
        kind: deltas(held)
        for kind in ("dose", "sedation", "urinary")
        if (held := draw(st.lists(some, max_size=5, unique=kind != "dose")))
    }
    return CourseContent(
        draw(st.sampled_from(["a", "b"])),
        contact=draw(some),
        strata=strata,
        spells=tuple(spells),
        days=days,
        events=tuple(events),
        attributes=draw(st.sampled_from([(), (("sex", "female"),)])),
    )


def row_of(content: CourseContent, spell: Spell, by: Sequence[str]) -> tuple[str, ...]:
    special = {"sessions": BANDS[spell.band], "kind": KINDS[spell.kind],
               "registry": content.registry}  # fmt: skip
    values: dict[str, Any] = dict(content.attributes) | special
    stratum = content.strata[spell.stratum]
    return tuple(
        getattr(stratum, axis) if hasattr(stratum, axis) else values.get(axis, "") for axis in by
    )


def written_out(
    courses: Sequence[CourseContent], by: Sequence[str], scope: Scope, events: Sequence[str]
) -> dict[str, Counter[tuple[int, tuple[str, ...], str]]]:
    """Each of the counts by (day, row, event), one day of one course after the other."""
    out = {name: Counter[tuple[int, tuple[str, ...], str]]() for name in
           ("n", "days", "sessions", "sessions_with", "sessions_to_first",
            "outside")}  # fmt: skip
    per_session = set(scope.per_session) | {
        name
        for name in events
        for course in courses
        for event in course.events
        if event.unit == "session" and event.name in scope.members(name)
    }
    contact: dict[str, int] = {}
    for course in courses:
        contact[course.registry] = max(contact.get(course.registry, 0), course.contact)
    for course in courses:
        row = {
            day: row_of(course, spell, by)
            for spell in course.spells
            if KINDS[spell.kind] in scope.kinds
            for day in range(spell.start, spell.end)
        }
        seen_at = {day for s in course.spells for day in range(s.start, s.end)}
        held = {kind: _absolute(days) for kind, days in course.days.items()}
        doses = Counter(day for day in held.get("dose", []) if day in seen_at)
        for name in events:
            members = scope.members(name)
            kinds = scope.assessing(members)
            found = sorted(e.day for e in course.events if e.name in members)
            last = min(scope.through, contact[course.registry])
            if found:
                last = min(scope.through, found[0])
                if found[0] <= scope.through:
                    where = "n" if found[0] in row else "outside"
                    out[where][found[0], row.get(found[0], ()), name] += 1
            elif kinds is not None:
                last = min(last, max((d for k in kinds for d in held.get(k, [])), default=0))
            for day, place in row.items():
                if day <= last:
                    out["days"][day, place, name] += 1
            if name not in per_session:
                continue
            for dose, times in doses.items():
                # the evening's session is measured after midnight, unless there is one that day
                own = {dose, dose + 1} - ({dose + 1} & doses.keys())
                had = any(e.day in own and e.unit == "session" and e.name in members
                          for e in course.events)  # fmt: skip
                known = kinds is None or any(d in own for k in kinds for d in held.get(k, []))
                if dose in row and dose <= scope.through:
                    if had or known:
                        out["sessions"][dose, row[dose], name] += times
                        if not found or dose <= found[0]:
                            out["sessions_to_first"][dose, row[dose], name] += times
                    if had:
                        out["sessions_with"][dose, row[dose], name] += 1
    return out


def _absolute(days: Sequence[int]) -> list[int]:
    out, last = [], 0
    for day in days:
        last += day
        out.append(last)
    return out
