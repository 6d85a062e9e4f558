"""Sedation after a dose on the MOAA/S, and sessions that nobody observed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import msgspec

from detectors.followup import session
from detectors.followup.finding import Finding, Level
from detectors.followup.record import Observed
from detectors.followup.session import Mark, said
from detectors.followup.stream import Stream
from schemas.followup import Dose, Sedation

NAME = "sedation"
EVENTS = {
    "sedation": "Sedation",
    "moderate_sedation": "Moderate or deep sedation",
    "loss_of_consciousness": "Loss of consciousness",
    "unresponsive_at_rest": "Loss of consciousness",
    "not_over": "Sedation not over at two hours",
    "not_observed": "Session not observed for sedation",
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """Scores of the MOAA/S, 5 alert to 0 no response, at or below which something is said.

    `sedated` and `unconscious`: esketamine label, section 6 (2021 reprint), where any fall from
    the score before the dose is sedation. `moderate`: unverified. Sedation begins at about 15
    minutes, peaks at 30 to 45 and is over by 60 to 90 (manufacturer's sedation page); at
    `over_minutes`, the two hours of observation, it is not to be there: ours.
    """

    sedated: float = 4
    moderate: float = 3
    unconscious: float = 0
    over_minutes: float = 120


class Session(session.Session, frozen=True):
    """The last score before the dose, the lowest after it, the lowest from two hours on."""

    before: Mark | None = None
    lowest: Mark | None = None
    late: Mark | None = None


class State(msgspec.Struct, frozen=True, array_like=True):
    """Open sessions."""

    sessions: tuple[Session, ...] = ()


def sedation(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    """One dose, MOAA/S score, or exit.

    Any sedation, moderate or deeper sedation, loss of consciousness (urgent), and sedation that is
    still there at two hours, each once a session. A score is sedation where it is low and below
    the last one before the dose, if there is one; low as it was before is a note. A score of a
    dose's day whose time is not known is taken as after the dose, but not as one at two hours. A
    session without a score after the dose is a note once nothing can come for it any more (three
    days later, with the next dose, score or exit): it was not observed, which is never clear, so
    a rate of sedation is per observed session.
    Source: see `Parameters`.
    Verified against worked examples by hand: `tests/detectors/followup/test_sedation.py`.

    >>> from detectors.followup.record import observed
    >>> from schemas.followup import FOLLOWUP
    >>> def at(kind: str, name: str, **values: object) -> Observed:
    ...     return observed(FOLLOWUP.validate_python({"registry": "r", "record_id": name,
    ...         "patient": "p", "course": "c", "at": "2025-07-03", "kind": kind, **values}))
    >>> state, _ = sedation(State(), at("dose", "d", product="Spravato", dose_mg=56), Parameters())
    >>> state, (found,) = sedation(state, at("sedation", "s", minutes=40, score=4), Parameters())
    >>> found.code, found.unit, found.explanation
    ('sedation', 'session', 'MOAA/S 4 at 40 min (sedation from 4 down), not scored before the dose')
    """
    record = observed.record
    sessions, over = session.split(state.sessions, observed.day)
    found = tuple(
        _not_observed(one, observed) for one in over if one.dose.id and one.lowest is None
    )
    if isinstance(record, Sedation):
        given, index, minutes = session.placed(sessions, observed, Session)
        mark = Mark(record.score, minutes, observed.id, observed.day)
        if index < 0 or (minutes is not None and minutes <= 0):
            found += _at_rest(observed, mark, parameters)
        if index < 0:
            return State(given), found
        was = given[index]
        now = _measured(was, mark, parameters)
        given = (*given[:index], now, *given[index + 1 :])
    elif isinstance(record, Dose) and record.dose_mg > 0:
        given, index = session.dosed(sessions, observed, Session)
        now = given[index]
        was = sessions[index] if index < len(sessions) else now
    else:
        return State(sessions), found
    before, after = _judged(was, parameters), _judged(now, parameters)
    return State(given), found + session.news(before, after, observed)


def _measured(one: Session, mark: Mark, parameters: Parameters) -> Session:
    if mark.minutes is not None and mark.minutes <= 0:
        latest = one.before is None or mark.minutes >= (one.before.minutes or 0)
        return msgspec.structs.replace(one, before=mark if latest else one.before)
    late = one.late
    if mark.minutes is not None and mark.minutes >= parameters.over_minutes:
        late = _lower(late, mark)
    return msgspec.structs.replace(one, lowest=_lower(one.lowest, mark), late=late)


def _lower(held: Mark | None, mark: Mark) -> Mark:
    return mark if held is None or mark.value < held.value else held


def _judged(one: Session, parameters: Parameters) -> list[Finding]:
    out = []
    over = f"over by {parameters.over_minutes:g} min, sedation"
    for code, mark, bound, text in (
        ("sedation", one.lowest, parameters.sedated, "sedation"),
        ("moderate_sedation", one.lowest, parameters.moderate, "moderate"),
        ("loss_of_consciousness", one.lowest, parameters.unconscious, "no response"),
        ("not_over", one.late, parameters.sedated, over),
    ):
        if mark is not None and mark.value <= bound:
            out.append(_finding(one, code, mark, f"({text} from {bound:g} down)"))
    return out


def _finding(one: Session, code: str, mark: Mark, text: str) -> Finding:
    before = one.before
    marks = [(mark.id, mark.day)]
    level: Level = "finding"
    if before is None:
        text += ", not scored before the dose"
    else:
        text += f", {before.value:g} before the dose"
        marks.insert(0, (before.id, before.day))
        if mark.value >= before.value:
            level = "note"
    if code == "loss_of_consciousness":
        level = "urgent"
    text = f"MOAA/S {mark.value:g} {mark.when} {text}"
    return said(NAME, one.dose, code, EVENTS[code], level=level, marks=marks, explanation=text)


def _at_rest(observed: Observed, mark: Mark, parameters: Parameters) -> tuple[Finding, ...]:
    if mark.value > parameters.unconscious:
        return ()
    code = "unresponsive_at_rest"
    text = f"MOAA/S {mark.value:g} before a dose or on a day without one"
    return (
        Finding(
            NAME,
            code,
            EVENTS[code],
            observed.day,
            "urgent",
            (observed.id,),
            text,
            anchor=date.fromordinal(observed.day).isoformat(),
        ),
    )


def _not_observed(one: Session, observed: Observed) -> Finding:
    return Finding(
        NAME,
        "not_observed",
        EVENTS["not_observed"],
        observed.day,
        "note",
        (one.dose.id,),
        "not observed: no MOAA/S was recorded after the dose",
        unit="session",
        anchor=one.dose.anchor,
    )


STREAM = Stream(
    name=NAME,
    kinds=frozenset({"dose", "exit", "sedation"}),
    start=State(),
    step=sedation,
    parameters=Parameters(),
    events=EVENTS,
)
