"""Blood pressure, heart rate, oxygen saturation and QTc: after each dose, and over the course."""

from __future__ import annotations

from datetime import date

import msgspec

from detectors.followup import after_dose, resting, session, vitals
from detectors.followup.finding import Finding, Level
from detectors.followup.record import Observed
from detectors.followup.resting import Resting
from detectors.followup.session import Mark
from detectors.followup.stream import Stream
from detectors.followup.vitals import EVENTS, NAME, Parameters, Pressure, Session
from schemas.followup import Dose, Enrolment, VitalSigns


class State(msgspec.Struct, frozen=True, array_like=True):
    """Open sessions, resting blood pressure, age at enrolment, QTc baseline and what it gave."""

    sessions: tuple[Session, ...] = ()
    at_rest: Resting = Resting()
    age: float | None = None
    qtc: Mark | None = None
    qtc_said: tuple[str, ...] = ()


def cardiovascular(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    """One enrolment (age), dose, or record of vital signs.

    Of a session (`detectors.followup.session` says which reading belongs to which): excursion over
    the value before the dose, treatment-emergent hypertension, crisis (urgent), not back at the
    last reading from two hours on, prolonged from four, heart rate and saturation out of range.
    Before is what was measured on the day of the dose, its last reading; where there is none
    nothing is compared with it and a note says so. A start above the label's advice is a note
    too: the label asks to weigh a delay and forbids nothing, so it is a practice, not an event. Of
    the course: a new stage 2 at rest, the slope of systolic pressure, a long or longer QTc, each
    first time; a crisis before a dose or at rest, urgent, by the day. Excursions are counted per
    session by vital signs; the 0.9 % of sessions with raised blood pressure in the REMS are what
    forms reported, and the 8-19 % of the label are patients: three rates never compared.
    Source: see `detectors.followup.vitals.Parameters`.
    Verified against worked examples by hand: `tests/detectors/followup/test_cardiovascular.py`,
    `test_session.py` and `test_resting.py` beside it.

    >>> from detectors.followup.record import observed
    >>> from schemas.followup import FOLLOWUP
    >>> def at(kind: str, name: str, **values: object) -> Observed:
    ...     return observed(FOLLOWUP.validate_python({"registry": "r", "record_id": name,
    ...         "patient": "p", "course": "c", "at": "2025-07-03", "kind": kind, **values}))
    >>> state, found = State(), ()
    >>> for one in (at("dose", "d", product="Spravato", dose_mg=56),
    ...             at("vital_signs", "v1", systolic_mmhg=120, diastolic_mmhg=80),
    ...             at("vital_signs", "v2", minutes=40, systolic_mmhg=160, diastolic_mmhg=95)):
    ...     state, found = cardiovascular(state, one, Parameters())
    >>> [(one.code, one.level, one.unit, one.records) for one in found]
    [('excursion', 'finding', 'session', ('d', 'v1', 'v2'))]
    >>> found[0].explanation
    'systolic 160 at 40 min, 40 above 120 before the dose (from 40 within 90 min)'
    """
    record = observed.record
    if isinstance(record, Enrolment):
        age = state.age if record.age_years is None else record.age_years
        return msgspec.structs.replace(state, age=age), ()
    sessions, _ = session.split(state.sessions, observed.day)
    if isinstance(record, Dose):
        state = msgspec.structs.replace(state, sessions=sessions)
        return _dosed(state, observed, parameters) if record.dose_mg > 0 else (state, ())
    assert isinstance(record, VitalSigns)
    given, index, minutes = session.placed(sessions, observed, Session)
    reading = Pressure(
        record.systolic_mmhg, record.diastolic_mmhg, minutes, observed.id, observed.day
    )
    found: tuple[Finding, ...] = ()
    if index >= 0:
        was = given[index]
        now = vitals.measured(was, reading, record, parameters, state.age)
        given = (*given[:index], now, *given[index + 1 :])
        found = _change(was, now, observed, parameters, state.age)
    is_after = index >= 0 and minutes is not None and minutes > 0
    state = msgspec.structs.replace(
        state, sessions=given, at_rest=resting.turned(state.at_rest, observed.day, parameters)
    )
    if not is_after:
        state, more = _at_rest(state, observed, reading, parameters)
        found += more
    state, more = _qtc(state, observed, record.qtc_ms, parameters, is_after=is_after)
    return state, found + more


def _dosed(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    given, index = session.dosed(state.sessions, observed, Session)
    found: tuple[Finding, ...] = ()
    if index < len(state.sessions):
        found = _change(state.sessions[index], given[index], observed, parameters, state.age)
    return msgspec.structs.replace(state, sessions=given), found


def _change(
    was: Session, now: Session, observed: Observed, parameters: Parameters, age: float | None
) -> tuple[Finding, ...]:
    before = after_dose.judged(was, parameters, age)
    return session.news(before, after_dose.judged(now, parameters, age), observed)


def _at_rest(
    state: State, observed: Observed, reading: Pressure, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    found: tuple[Finding, ...] = ()
    if vitals.is_crisis(reading, parameters):
        day = date.fromordinal(observed.day).isoformat()
        text = (
            f"{reading} before a dose or at rest (crisis above {vitals.text_of(parameters.crisis)})"
        )
        found = (_of_course(observed, "crisis_at_rest", (observed.id,), text, anchor=day),)
    systolic, diastolic = reading.pair
    if systolic is None or diastolic is None:
        return state, found
    was = resting.judged(state.at_rest, parameters)
    at_rest = resting.measured(state.at_rest, observed.day, systolic, diastolic, observed.id)
    found += session.news(was, resting.judged(at_rest, parameters), observed)
    return msgspec.structs.replace(state, at_rest=at_rest), found


def _qtc(
    state: State,
    observed: Observed,
    qtc: float | None,
    parameters: Parameters,
    *,
    is_after: bool,
) -> tuple[State, tuple[Finding, ...]]:
    if qtc is None:
        return state, ()
    base, known = state.qtc, set(state.qtc_said)
    found: list[Finding] = []
    if qtc > parameters.qtc_ms and "qtc_long" not in known:
        text = f"QTc {qtc:g} ms (above {parameters.qtc_ms:g})"
        found.append(_of_course(observed, "qtc_long", (observed.id,), text))
    if base and qtc - base.value > parameters.qtc_rise_ms and "qtc_rise" not in known:
        text = (
            f"QTc {qtc:g} ms, {qtc - base.value:g} above {base.value:g} at the first reading "
            f"before a dose or at rest (above {parameters.qtc_rise_ms:g})"
        )
        found.append(_of_course(observed, "qtc_rise", (base.id, observed.id), text))
    if base is None and not is_after:
        base = Mark(qtc, None, observed.id, observed.day)
    told = tuple(sorted(known | {one.code for one in found}))
    return msgspec.structs.replace(state, qtc=base, qtc_said=told), tuple(found)


def _of_course(
    observed: Observed, code: str, records: tuple[str, ...], explanation: str, *, anchor: str = ""
) -> Finding:
    level: Level = "urgent" if code == "crisis_at_rest" else "finding"
    return Finding(
        NAME, code, EVENTS[code], observed.day, level, records, explanation, anchor=anchor
    )


STREAM = Stream(
    name=NAME,
    kinds=frozenset({"dose", "enrolment", "vital_signs"}),
    start=State(),
    step=cardiovascular,
    parameters=Parameters(),
    events=EVENTS,
)
