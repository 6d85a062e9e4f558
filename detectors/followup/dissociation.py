"""Dissociation after a dose on the CADSS, and whether it weakens over sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from detectors.followup import session, tolerance
from detectors.followup.finding import Finding, Level
from detectors.followup.record import Observed
from detectors.followup.session import Mark, said
from detectors.followup.stream import Stream
from detectors.followup.tolerance import Course, Expected, Peak
from schemas.followup import Dissociation, Dose

NAME = "dissociation"
EVENTS = {
    "dissociation": "Dissociation",
    "not_over": "Dissociation not over at two hours",
    "above_course": "Dissociation above its expected course",
}


@dataclass(frozen=True, slots=True)
class Parameters(Expected):
    """Scores of the CADSS (0 to 92), and the course they are expected to take.

    `dissociated`: a total above it and above the one before the dose, as the manufacturer's
    dissociation page (2024) and the esketamine label have it. It peaks at 40 minutes and is over
    by 90; above `dissociated` at `over_minutes` is a finding of ours. `peak_from` and `peak_to`,
    between which a score can be the peak of a session: ours, round those 40 minutes and the end
    of an infusion of 40 to 60. The others, all ours: see `detectors.followup.tolerance`.
    """

    dissociated: float = 4
    over_minutes: float = 120
    peak_from: float = 20
    peak_to: float = 75


class Session(session.Session, frozen=True):
    """The last score before the dose, the highest after it, from two hours on, and at the peak."""

    before: Mark | None = None
    highest: Mark | None = None
    late: Mark | None = None
    peak: Mark | None = None


class State(msgspec.Struct, frozen=True, array_like=True):
    """Open sessions, and the course of those that are over."""

    sessions: tuple[Session, ...] = ()
    course: Course = Course()
    above_said: bool = False


def dissociation(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    """One dose or CADSS total.

    Of a session: dissociation (a total above 4 and above the last one before the dose), and
    dissociation still there at two hours. Where there was no total before the dose, or none lower,
    it is a note. A total of a dose's day whose time is not known is taken as after the dose, and
    neither as its peak nor as one at two hours. Of the course, once: peaks that are reliably above
    what the sessions before let expect of a course with tolerance, on several sessions.
    Source: see `Parameters` and `detectors.followup.tolerance`.
    Verified against worked examples by hand: `tests/detectors/followup/test_dissociation.py`.

    >>> from detectors.followup.record import observed
    >>> from schemas.followup import FOLLOWUP
    >>> def at(kind: str, name: str, **values: object) -> Observed:
    ...     return observed(FOLLOWUP.validate_python({"registry": "r", "record_id": name,
    ...         "patient": "p", "course": "c", "at": "2025-07-03", "kind": kind, **values}))
    >>> state, found = State(), ()
    >>> for one in (at("dose", "d", product="Spravato", dose_mg=56),
    ...             at("dissociation", "c1", minutes=-10, score=0),
    ...             at("dissociation", "c2", minutes=40, score=5)):
    ...     state, found = dissociation(state, one, Parameters())
    >>> [(one.code, one.unit, one.explanation) for one in found]
    [('dissociation', 'session', 'CADSS 5 at 40 min (dissociation above 4), 0 before the dose')]
    """
    record = observed.record
    sessions, over = session.split(state.sessions, observed.day)
    course, found = _followed(state.course, over, parameters)
    state = State(sessions, course, state.above_said or found is not None)
    if isinstance(record, Dissociation):
        given, index, minutes = session.placed(sessions, observed, Session)
        if index < 0:
            return state, ()
        was = given[index]
        mark = Mark(record.score, minutes, observed.id, observed.day)
        now = _measured(was, mark, parameters)
        given = (*given[:index], now, *given[index + 1 :])
    elif isinstance(record, Dose) and record.dose_mg > 0:
        given, index = session.dosed(sessions, observed, Session)
        now = given[index]
        was = sessions[index] if index < len(sessions) else now
    else:
        return state, ()
    after = msgspec.structs.replace(state, sessions=given)
    before, then = _judged(was, parameters), _judged(now, parameters)
    if (was.dose, was.before, was.peak) != (now.dose, now.before, now.peak):
        before += _above(state, parameters)
        then += _above(after, parameters)
    return after, session.news(before, then, observed)


def _measured(one: Session, mark: Mark, parameters: Parameters) -> Session:
    minutes = mark.minutes
    if minutes is not None and minutes <= 0:
        latest = one.before is None or minutes >= (one.before.minutes or 0)
        return msgspec.structs.replace(one, before=mark if latest else one.before)
    late, peak = one.late, one.peak
    if minutes is not None and minutes >= parameters.over_minutes:
        late = _higher(late, mark)
    if minutes is not None and parameters.peak_from <= minutes <= parameters.peak_to:
        peak = _higher(peak, mark)
    highest = _higher(one.highest, mark)
    return msgspec.structs.replace(one, highest=highest, late=late, peak=peak)


def _higher(held: Mark | None, mark: Mark) -> Mark:
    return mark if held is None or mark.value > held.value else held


def _judged(one: Session, parameters: Parameters) -> list[Finding]:
    over = f"over by {parameters.over_minutes:g} min, "
    return [
        _finding(one, code, mark, f"({text}dissociation above {parameters.dissociated:g})")
        for code, mark, text in (("dissociation", one.highest, ""), ("not_over", one.late, over))
        if mark is not None and mark.value > parameters.dissociated
    ]


def _finding(one: Session, code: str, mark: Mark, text: str) -> Finding:
    before = one.before
    marks = [(mark.id, mark.day)]
    level: Level = "note"
    if before is None:
        text += ", no total before the dose to compare with"
    else:
        text += f", {before.value:g} before the dose"
        marks.insert(0, (before.id, before.day))
        if mark.value > before.value:
            level = "finding"
    text = f"CADSS {mark.value:g} {mark.when} {text}"
    return said(NAME, one.dose, code, EVENTS[code], level=level, marks=marks, explanation=text)


def _followed(
    course: Course, sessions: Sequence[Session], parameters: Parameters
) -> tuple[Course, Finding | None]:
    """The course after sessions in order, and the first of them whose peak is above it."""
    found: Finding | None = None
    for one in sessions:
        dose, mark = one.dose, one.peak
        if not dose.id:
            continue
        value, name = (None, "") if mark is None else (mark.value, mark.id)
        course = tolerance.followed(
            course, Peak(dose.day, dose.what, dose.mg, value, name), parameters
        )
        if found is None and mark is not None and _is_dissociated(one, mark, parameters):
            found = _above_course(course, dose.mg, mark, parameters)
    return course, found


def _is_dissociated(one: Session, mark: Mark, parameters: Parameters) -> bool:
    before = parameters.dissociated if one.before is None else one.before.value
    return mark.value > max(before, parameters.dissociated)


def _above_course(course: Course, mg: float, mark: Mark, parameters: Parameters) -> Finding | None:
    above = tolerance.above(course, mg, parameters)
    if above is None:
        return None
    return Finding(
        NAME,
        "above_course",
        EVENTS["above_course"],
        mark.day,
        "finding",
        tuple(dict.fromkeys((course.first, *above.records))),
        f"CADSS {mark.value:g} {mark.when} of session {course.sessions}, {above.expected:.0f} "
        f"expected: the last {above.n} peaks are {above.ratio:.1f} times what the {above.n_before} "
        f"before let expect ({above.errors:.1f} standard errors, from {parameters.bound:g})",
    )


def _above(state: State, parameters: Parameters) -> list[Finding]:
    if state.above_said:
        return []
    _, found = _followed(state.course, state.sessions, parameters)
    return [found] if found else []


STREAM = Stream(
    name=NAME,
    kinds=frozenset({"dissociation", "dose"}),
    start=State(),
    step=dissociation,
    parameters=Parameters(),
    events=EVENTS,
)
