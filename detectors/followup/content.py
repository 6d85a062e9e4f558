"""What one course contributes to the cohort dataset: it travels in a message, it counts as a whole.

It says nothing of a lock day: spells reach to the end of observation as the records have it, and
the book of the cohort cuts off what lies behind the day that it is asked about.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

import msgspec

from detectors.disproportionality.method import Parameters
from detectors.followup import STREAMS, exposure
from detectors.followup.course import Course, state_of
from detectors.followup.exposure import DEATH, Stratum
from detectors.followup.finding import Unit
from detectors.followup.spells import Spell, spells
from detectors.followup.stream import Stream
from detectors.subgroups import AGE_BANDS, AGE_EDGES

_OF_TREATMENT = frozenset({"enrolment", "dose", "dispensing", "exit"})
_NEED_NO_RECORD = frozenset({"exposure", "misuse"})


class Event(msgspec.Struct, frozen=True, array_like=True):
    """Something that counts, on a day; per session or per course, as its finding says."""

    name: str
    day: int
    unit: Unit = "course"


class Urgent(msgspec.Struct, frozen=True, array_like=True):
    """An event that is raised at once, and the product that was given then."""

    product: str
    event: str
    day: int


class CourseContent(msgspec.Struct, frozen=True, array_like=True):
    """All that counts of a course, as its newest records say.

    `entry` is the first day under observation, 0 if there is none; `contact` the day of the last
    record; `exit_day` 0 unless it has ended. `days`: as in the state of the exposure stream, days
    with a record of each kind, each from the one before it. `attributes` are (name, value) of the
    patient, sorted: what a cohort may be divided by beside the strata of its spells. `urgent`:
    findings that are raised at once, whatever the rates say.
    """

    registry: str
    entry: int = 0
    contact: int = 0
    exit_day: int = 0
    exit_reason: str = ""
    strata: tuple[Stratum, ...] = ()
    spells: tuple[Spell, ...] = ()
    days: dict[str, tuple[int, ...]] = {}
    events: tuple[Event, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    urgent: tuple[Urgent, ...] = ()


def content(
    course: Course,
    registry: str,
    *,
    attributes: Mapping[str, str] | None = None,
    parameters: Mapping[str, Parameters] | None = None,
) -> CourseContent:
    """The content of a course.

    Findings count, notes do not; two findings of one event on one day are one. A death counts on
    the day of its exit. The patient's sex, age band at enrolment (children, adults, old) and kept
    markers are attributes, and those given. `parameters` as for `fold`: those of the exposure
    stream must be the same.

    >>> from detectors.followup.course import fold
    >>> from detectors.followup.record import observed
    >>> from schemas.followup import FOLLOWUP
    >>> def record(kind: str, at: str, **fields: object):
    ...     common = {"registry": "r", "record_id": at, "patient": "p", "course": "c", "at": at}
    ...     return observed(FOLLOWUP.validate_python({**common, "kind": kind, **fields}))
    >>> course = fold([
    ...     record("enrolment", "2025-07-01", product="x", sex="female", age_years=70),
    ...     record("urinary", "2025-07-02", haematuria=True),
    ...     record("exit", "2025-07-10", reason="death")])
    >>> counted = content(course, "r")
    >>> counted.events, counted.attributes
    ((Event(name='Death', day=739442, unit='course'), Event(name='Haematuria', day=739434, \
unit='course')), (('age', 'old'), ('sex', 'female')))
    """
    name = exposure.STREAM.name
    state = state_of(course, name)
    given = (parameters or {}).get(name, exposure.STREAM.parameters)
    assert isinstance(state, exposure.State)
    assert isinstance(given, exposure.Parameters)
    reason = state.windows[-1].why if state.exit_day else ""
    events = {
        (finding.event, finding.day, finding.unit)
        for finding in course.findings
        if finding.level != "note"
    }
    if reason == "death":
        events.add((DEATH, state.exit_day, "course"))
    cut, planned = spells(state, given), state.plan.product
    urgent = {
        (
            _given_on(cut, state.strata, finding.day) or planned,
            finding.event,
            finding.day,
        )
        for finding in course.findings
        if finding.level == "urgent"
    }
    known = dict(state.markers)
    if state.sex:
        known["sex"] = state.sex
    if state.age_years is not None:
        known["age"] = AGE_BANDS[bisect_right(AGE_EDGES, state.age_years)]
    return CourseContent(
        registry,
        entry=state.windows[0].start if state.windows else 0,
        contact=state.contact,
        exit_day=state.exit_day,
        exit_reason=reason,
        strata=state.strata,
        spells=cut,
        days=state.days,
        events=tuple(Event(*event) for event in sorted(events)),
        attributes=tuple(sorted((known | dict(attributes or {})).items())),
        urgent=tuple(Urgent(*one) for one in sorted(urgent)),
    )


def _given_on(cut: tuple[Spell, ...], strata: tuple[Stratum, ...], day: int) -> str:
    """The product of the spell that a day lies in, or of the last one before it."""
    begun = [spell for spell in cut if spell.start <= day] or list(cut[:1])
    return strata[begun[-1].stratum].product if begun else ""


def assessed_by(streams: Iterable[Stream] = STREAMS) -> dict[str, frozenset[str]]:
    """For each event of a stream, the kinds of record that can show it (see `Scope`).

    The kind of the stream's own name where it reads one, else those that it reads but for doses
    and supplies, enrolments and exits. What misuse shows may lie in the doses alone, and a death
    in the exit: they need no other record.

    >>> assessed_by()["Haematuria"]
    frozenset({'urinary'})
    """
    found: dict[str, frozenset[str]] = {}
    for stream in streams:
        own = frozenset({stream.name})
        kinds = own if own <= stream.kinds else stream.kinds - _OF_TREATMENT
        if stream.name not in _NEED_NO_RECORD and kinds:
            for event in stream.events.values():
                found[event] = found.get(event, frozenset()) | kinds
    return found


encode_content = msgspec.msgpack.Encoder().encode
decode_content = msgspec.msgpack.Decoder(CourseContent).decode
