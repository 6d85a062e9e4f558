"""Misuse: markers in plan, doses, supply and screening scores, added up into levels."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from detectors.followup.finding import Finding, Level
from detectors.followup.misuse_dispensing import dispensed
from detectors.followup.misuse_doses import dosed
from detectors.followup.misuse_evidence import Evidence, level, reasons
from detectors.followup.misuse_markers import Parameters, State, planned, screened
from detectors.followup.record import Observed
from detectors.followup.stream import Stream
from schemas.followup import Dispensing, Dose, Enrolment, MisuseScreen

LEVELS: tuple[Level, ...] = ("note", "finding", "urgent")
EVENTS = {
    "abuse_scale": "Drug abuse",
    "dependence_scale": "Drug dependence",
    "diversion": "Drug diversion",
    "level_1": "Intentional product misuse",
    "level_2": "Intentional product misuse",
    "level_3": "Intentional product misuse",
}


def misuse(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    """One enrolment, dose, dispensing or misuse screen.

    The level of a course on a day, by hand: list the markers seen in the last 180 days; take each
    once, with the points of `Parameters`, in full up to 90 days after it was seen and by half up
    to 180; add them; 1 point makes level 1 (a note), 4 level 2 (a finding), 6 level 3 (urgent).
    So two moderate markers of 2 points make a finding and three an urgent one, and what has the
    points of a level alone raises it at once: five prescribers and dispensers, DAST-10 from 6
    (from 9: urgent), SDS from 4, esketamine nasal spray at home. A record that raises the level
    brings a finding of the level that it raises to, with every marker in its sentence and their
    records. A low score or a quiet month takes nothing back: evidence only fades.
    Home dispensing of esketamine nasal spray is a finding of its own each time, and so is a
    DAST-10 or SDS score that alone has the points of level 2, in a band above the one before
    treatment, unless as much is known and has not faded. Doses in mg, supply in days;
    dispensings with the setting "clinic" put nothing into the patient's hands and count for
    providers alone. Lost and returned doses are those of earlier supplies. Fields that are missing
    give no marker; products other than the course's (`Treatment.covers`) are passed over.
    Source: see `Parameters`; the model of points is ours.
    Verified against worked examples by hand: `tests/detectors/followup/test_misuse.py`.

    >>> from detectors.followup.record import observed
    >>> def refill(day: int) -> Observed:
    ...     return observed(Dispensing(registry="r", record_id=str(day), patient="p", course="c",
    ...         at=f"2025-07-{day:02}", kind="dispensing", product="ketamine", days_supply=20,
    ...         setting="home", compounded=True), product="ketamine")
    >>> state, found = State(), []
    >>> for day in (1, 9, 17):
    ...     state, (*new,) = misuse(state, refill(day), Parameters())
    ...     found += new
    >>> [(one.code, one.anchor) for one in found]
    [('level_1', '2025-07-01'), ('level_2', '2025-07-17')]
    >>> for clause in found[1].explanation.split("; "):
    ...     print(clause)
    misuse level 2 of 3, 4 points (from 4): compounded product at home (1)
    refills after 8 of 20 and 8 of 20 days of supply (2)
    12 days of overlapping supply (1)
    """
    record, day, fading = observed.record, observed.day, parameters.fading
    state = replace(state, treatment=state.treatment.after(observed, parameters.products))
    seen_now: list[Evidence] = []
    if isinstance(record, Enrolment):
        state = planned(state, observed, record)
    elif isinstance(record, MisuseScreen):
        state, seen_now = screened(state, observed, record, parameters)
    elif state.treatment.covers(observed.product, parameters.products):
        if isinstance(record, Dose) and record.dose_mg > 0:
            state, seen_now = dosed(state, observed, record, parameters)
        elif isinstance(record, Dispensing):
            state, seen_now = dispensed(state, observed, record, parameters)
    if not seen_now:
        return state, ()
    evidence = fading.kept((*state.evidence, *seen_now), day)
    found = [
        _finding(observed, one.marker, alone, one.records, one.text)
        for one in seen_now
        if one.marker in EVENTS and (alone := _alone(one, state, observed, parameters))
    ]
    before = level(fading.total(state.evidence, day), parameters.level_points)
    points = fading.total(evidence, day)
    now = level(points, parameters.level_points)
    if now > before:
        strongest = fading.strongest(evidence, day)
        found.append(
            _finding(
                observed,
                f"level_{now}",
                LEVELS[now - 1],
                tuple(dict.fromkeys(name for one in strongest for name in one.records)),
                f"misuse level {now} of 3, {points:g} points (from "
                f"{parameters.level_points[now - 1]:g}): {reasons(strongest, day, fading)}",
            )
        )
    return replace(state, evidence=evidence), tuple(found)


def _alone(one: Evidence, state: State, observed: Observed, parameters: Parameters) -> Level | None:
    """The level of a marker that has a code of its own and more points than are left of it."""
    known = [other for other in state.evidence if other.marker == one.marker]
    strength = level(one.points, parameters.level_points)
    if strength > 1 and one.points > parameters.fading.total(known, observed.day):
        return LEVELS[strength - 1]
    handed_out = one.marker == "diversion" and isinstance(observed.record, Dispensing)
    return "finding" if handed_out else None


def _finding(
    observed: Observed, code: str, level: Level, records: tuple[str, ...], explanation: str
) -> Finding:
    anchor = date.fromordinal(observed.day).isoformat()
    return Finding(
        "misuse", code, EVENTS[code], observed.day, level, records, explanation, anchor=anchor
    )


STREAM = Stream(
    name="misuse",
    kinds=frozenset({"enrolment", "dose", "dispensing", "misuse_screen"}),
    shown_by=frozenset({"dose", "dispensing", "misuse_screen"}),
    start=State(),
    step=misuse,
    parameters=Parameters(),
    events=EVENTS,
)
