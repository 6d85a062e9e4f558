"""Suicidality: ideation and behaviour above what was there before treatment, raised at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import msgspec
from msgspec.structs import replace

from detectors.followup.finding import Finding, Level
from detectors.followup.record import Observed
from detectors.followup.stream import Stream
from detectors.followup.treatment import KINDS, Treatment
from schemas.followup import Suicidality

IDEATION, BEHAVIOUR = "Suicidal ideation", "Suicidal behaviour"
EVENTS = {
    "before_treatment": IDEATION,
    "behaviour": BEHAVIOUR,
    "ideation_as_before": IDEATION,
    "ideation_new": IDEATION,
    "ideation_severe": IDEATION,
    "ideation_without_baseline": IDEATION,
    "item9": IDEATION,
    "item9_unanswered": IDEATION,
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """Levels of the C-SSRS and of item 9 of the PHQ-9.

    `severe` 4: ideation with intent (4) or with intent and a plan (5) has higher odds of an attempt
    (Posner et al., Am J Psychiatry 2011;168:1266-77); that it alerts at once is unverified, as is
    `item9` 1 as the score that asks for a C-SSRS. Ours are `item9_days` 7, until it must have been
    taken, and `untold_days` 56, for which a course may be seen without a dose and still be before
    its first.
    """

    severe: int = 4
    item9: int = 1
    item9_days: int = 7
    untold_days: int = 56


class State(msgspec.Struct, frozen=True, array_like=True):
    """The level before treatment, and what is open.

    `ideation` is the worst level before treatment, with its record ("" while none is known);
    `told` the worst level told since the last visit that was not above it. `asked` is an item 9
    that waits for a C-SSRS, `assessed_day` the last day with one.
    """

    treatment: Treatment = Treatment()
    ideation: int = 0
    ideation_record: str = ""
    told: int = 0
    asked: str = ""
    asked_day: int = 0
    asked_score: int = 0
    assessed_day: int = 0


def suicidality(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    """One suicidality record, or another of the course, which tells the time and the treatment.

    After the first dose any behaviour is urgent, and so is ideation of `severe` or more above the
    worst level before it, at each visit that has it. A lower level above that before
    treatment is a finding, told again only if it rises further or comes back. What was there
    before is a note at most. Where no level before treatment is known, the first assessment in
    treatment stands for it: a low level is a note then, a severe one still urgent. Item 9 of the
    PHQ-9 from `item9` is a note that asks for a C-SSRS; a finding once a record shows that
    `item9_days` are over without one. Ideation and behaviour are read whatever the instrument is
    called, since their fields have one meaning. Levels 0 to 5, items 0 to 3, days as ordinals.
    Source: see `Parameters`; the rules are ours.
    Verified against worked examples by hand: `tests/detectors/followup/test_suicidality.py`.

    >>> from detectors.followup.record import observed
    >>> from schemas.followup import Dose
    >>> common = dict(registry="r", patient="p", course="c")
    >>> def visit(day: int, level: int) -> Observed:
    ...     return observed(Suicidality(**common, record_id=str(day), at=f"2025-07-{day:02}",
    ...         kind="suicidality", ideation=level))
    >>> dose = Dose(**common, record_id="d", at="2025-07-01", kind="dose", product="x", dose_mg=56)
    >>> state, _ = suicidality(State(), observed(dose), Parameters())
    >>> state, _ = suicidality(state, visit(1, 2), Parameters())
    >>> state, same = suicidality(state, visit(8, 2), Parameters())
    >>> state, (worse,) = suicidality(state, visit(15, 4), Parameters())
    >>> same, worse.level, worse.explanation
    ((), 'urgent', 'C-SSRS ideation 4 (severe from 4), 2 at the start')
    """
    state, found = _overdue(state, observed, parameters)
    state = replace(state, treatment=state.treatment.after(observed, parameters.untold_days))
    record = observed.record
    if not isinstance(record, Suicidality):
        return state, found
    if record.ideation is not None or record.behaviour is not None:
        state = replace(state, assessed_day=observed.day)
        if state.asked:
            state = replace(state, asked="", asked_day=0, asked_score=0)
    before = state.treatment.preceded_by(observed)
    if record.behaviour:
        found += (_behaviour(observed, before),)
    if record.ideation is not None:
        judge = _ideation_before if before else _ideation
        state, more = judge(state, observed, record.ideation, parameters)
        found += more
    name = "".join(one for one in record.instrument.lower() if one.isalnum())
    if name.startswith("phq9") and (record.item_score or 0) >= parameters.item9:
        found += (_item9(observed, record.item_score or 0, parameters),)
        if not before and not state.asked and state.assessed_day != observed.day:
            state = replace(
                state,
                asked=observed.id,
                asked_day=observed.day,
                asked_score=record.item_score or 0,
            )
    return state, found


def _overdue(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    if not state.asked or observed.day <= state.asked_day + parameters.item9_days:
        return state, ()
    text = (
        f"PHQ-9 item 9 was {state.asked_score} (from {parameters.item9}) and no C-SSRS followed "
        f"within {parameters.item9_days} days: {observed.day - state.asked_day} have passed"
    )
    found = _finding(observed, "item9_unanswered", "finding", (state.asked, observed.id), text)
    return replace(state, asked="", asked_day=0, asked_score=0), (found,)


def _behaviour(observed: Observed, before: bool) -> Finding:
    text = "C-SSRS: suicidal behaviour"
    if before:
        text += " before treatment"
        return _finding(
            observed, "before_treatment", "note", (observed.id,), text, anchor="behaviour"
        )
    return _finding(observed, "behaviour", "urgent", (observed.id,), text)


def _ideation_before(
    state: State, observed: Observed, level: int, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    if level > state.ideation or not state.ideation_record:
        state = replace(state, ideation=level, ideation_record=observed.id)
    if level < parameters.severe:
        return state, ()
    text = f"C-SSRS ideation {level} before treatment (severe from {parameters.severe})"
    found = _finding(
        observed, "before_treatment", "note", (observed.id,), text, anchor=f"level {level}"
    )
    return state, (found,)


def _ideation(
    state: State, observed: Observed, level: int, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    severe, base, known = parameters.severe, state.ideation, bool(state.ideation_record)
    records = (*((state.ideation_record,) if known else ()), observed.id)
    then = f"{base} at the start" if known else "no level at the start is known"
    name, anchor = f"C-SSRS ideation {level}", f"level {level}"
    if level >= severe:
        if known and level <= base:
            text = f"{name} (severe from {severe}), {then}: not new"
            note = _finding(observed, "ideation_as_before", "note", records, text, anchor=anchor)
            return replace(state, told=0), (note,)
        text = f"{name} (severe from {severe}), {then}"
        found = _finding(observed, "ideation_severe", "urgent", records, text, anchor=anchor)
        return replace(state, told=max(level, state.told)), (found,)
    if not known:
        state = replace(state, ideation=level, ideation_record=observed.id)
        if level == 0:
            return state, ()
        text = f"{name}, {then}: it stands for that level from now on"
        note = _finding(observed, "ideation_without_baseline", "note", records, text, anchor=anchor)
        return state, (note,)
    if level <= base:
        return replace(state, told=0), ()
    if level <= state.told:
        return state, ()
    found = _finding(observed, "ideation_new", "finding", records, f"{name}, {then}", anchor=anchor)
    return replace(state, told=level), (found,)


def _item9(observed: Observed, score: int, parameters: Parameters) -> Finding:
    text = f"PHQ-9 item 9 is {score} (from {parameters.item9}): it asks for a C-SSRS within "
    text += f"{parameters.item9_days} days"
    return _finding(observed, "item9", "note", (observed.id,), text)


def _finding(
    observed: Observed,
    code: str,
    level: Level,
    records: tuple[str, ...],
    explanation: str,
    *,
    anchor: str = "",
) -> Finding:
    day = date.fromordinal(observed.day).isoformat()
    return Finding(
        "suicidality",
        code,
        EVENTS[code],
        observed.day,
        level,
        records,
        explanation,
        anchor=f"{day} {anchor}".strip(),
    )


STREAM = Stream(
    name="suicidality",
    kinds=KINDS | {"mood", "suicidality"},
    start=State(),
    step=suicidality,
    parameters=Parameters(),
    events=EVENTS,
)
