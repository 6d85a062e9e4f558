"""Exposure: when a course is under observation, and what it is exposed to on each of its days."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from detectors.followup.finding import Finding
from detectors.followup.record import Observed
from detectors.followup.stream import Stream
from schemas.followup import Dose, Enrolment, Exit, Followup
from schemas.report import Biomarker

SILENT = "silent"
DEATH = "Death"
EVENTS = {"exit_adverse_event": "Stopped for an adverse event", "exit_death": DEATH}
# not a contact in itself, and nothing that an outcome is looked for at
_NOT_SEEN = frozenset({"enrolment", "exit"})


@dataclass(frozen=True, slots=True)
class Parameters:
    """Days, the lower edges of the dose bands (mg), and the markers whose text is kept.

    All ours. `gap_days`: longer without a dose is a gap, twice the label's longest interval of two
    weeks. `carry_over_days`: how long after a dose a day still counts as exposed, four times that
    interval; the harms that person-time is for build up over months, acute ones are counted by
    session and by risk interval. `grace_days`: without a record for longer the patient is silent.
    The dose edges lie between the label's doses of esketamine (28, 56, 84 mg), and part those at
    home (300 to 450 mg, Hull 2022) from the rest; a middle dose of 0.5 mg/kg is the lowest band.
    `markers`: CYP2B6 takes part in the breakdown of ketamine (unverified).
    """

    gap_days: int = 28
    carry_over_days: int = 56
    grace_days: int = 90
    dose_edges_mg: tuple[float, ...] = (42, 70, 98, 200, 400)
    markers: tuple[str, ...] = ("CYP2B6",)

    def dose_band(self, mg: float) -> str:
        """The band of a dose, its lower edge included.

        >>> [Parameters().dose_band(mg) for mg in (35, 42, 56, 400)]
        ['<42 mg', '42-70 mg', '42-70 mg', '400+ mg']
        """
        edges = self.dose_edges_mg
        if not edges:
            return ""
        place = bisect_right(edges, mg)
        names = [f"{low:g}-{high:g} mg" for low, high in pairwise(edges)]
        return [f"<{edges[0]:g} mg", *names, f"{edges[-1]:g}+ mg"][place]


class Stratum(msgspec.Struct, frozen=True, array_like=True):
    """What is given, how and why: names as coded, "" where not known."""

    product: str = ""
    route: str = ""
    setting: str = ""
    phase: str = ""
    dose: str = ""
    indication: str = ""


class Window(msgspec.Struct, frozen=True, array_like=True):
    """Days under observation; `end` is the day after the last, 0 while open.

    `why` it ended: the reason of the exit, or "silent" where contact came too late.
    """

    start: int
    end: int = 0
    why: str = ""


class State(msgspec.Struct, frozen=True, array_like=True):
    """What `detectors.followup.spells` makes the spells, and the status at any day, from.

    `changes`: from a day on, the place in `strata` of what is given. `days`: by kind of record, the
    days that have one, each counted from the one before it (the first from 0); a session is an
    entry of its own in those of "dose". `contact`: the day of the last record.
    """

    windows: tuple[Window, ...] = ()
    strata: tuple[Stratum, ...] = ()
    changes: tuple[tuple[int, int], ...] = ()
    days: dict[str, tuple[int, ...]] = {}
    contact: int = 0
    enrolled: bool = False
    plan: Stratum = Stratum()
    exit_day: int = 0
    sex: str = ""
    age_years: float | None = None
    markers: dict[str, str] = {}


def exposure(
    state: State, observed: Observed, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    """One record of any kind.

    Observation begins at the enrolment; without one, at the first dose. Doses from before the
    enrolment count among the sessions and give no person-time (left truncation). It ends on the
    day of the exit, or when no record came for longer than the grace: the days from then to the
    next record are never counted, since only of those who come back would they be known. A dose
    or an enrolment after an exit begins it anew. What a day is exposed to follows from the doses
    up to that day, never from later ones (no immortal time). A dose of 0 mg was not given. An exit
    for an adverse event and a death are notes.
    Source: the denominators of the reference, D.5; Suissa, Pharmacoepidemiol Drug Saf 2007, doi
    10.1002/pds.1357 (immortal time). Days as ordinals, doses in mg.
    Verified against worked examples by hand: `tests/detectors/followup/test_exposure.py`.

    >>> from detectors.followup.record import observed
    >>> from schemas.followup import FOLLOWUP
    >>> def record(kind: str, at: str, **fields: object) -> Observed:
    ...     common = {"registry": "r", "record_id": at, "patient": "p", "course": "c", "at": at}
    ...     return observed(FOLLOWUP.validate_python({**common, "kind": kind, **fields}))
    >>> state, none = exposure(State(), record("dose", "2025-07-03", product="x", dose_mg=56),
    ...     Parameters())
    >>> state, (note,) = exposure(state, record("exit", "2025-07-13", reason="adverse_event"),
    ...     Parameters())
    >>> none, state.windows, note.level, note.explanation
    ((), (Window(start=739435, end=739446, why='adverse_event'),), 'note', 'left for an adverse \
event after 1 session, 11 days seen')
    """
    record, day = observed.record, observed.day
    if isinstance(record, Exit):
        return _left(state, observed, record.reason, parameters)
    windows = state.windows
    if windows and not windows[-1].end and day - state.contact > parameters.grace_days:
        until = state.contact + parameters.grace_days + 1
        windows = (*windows[:-1], Window(windows[-1].start, until, SILENT), Window(day))
    state = msgspec.structs.replace(
        state,
        windows=windows,
        contact=day,
        markers=_marked(state.markers, record.biomarkers, parameters),
        days=state.days if record.kind in _NOT_SEEN else _seen(state.days, record, day),
    )
    if isinstance(record, Enrolment):
        return _enrolled(state, observed, record), ()
    if isinstance(record, Dose) and record.dose_mg > 0:
        return _dosed(state, observed, record, parameters), ()
    return state, ()


def _enrolled(state: State, observed: Observed, record: Enrolment) -> State:
    day, windows = observed.day, state.windows
    plan = Stratum(
        observed.product,
        observed.route,
        record.setting or "",
        indication=" ".join((record.indication or "").split()),
    )
    if not state.enrolled:
        windows = (Window(day),)  # left truncation: whatever was before it does not count
    elif windows[-1].end:
        windows = (*windows, Window(day))
    state = msgspec.structs.replace(
        state,
        windows=windows,
        enrolled=True,
        plan=plan,
        exit_day=0,
        sex=record.sex or state.sex,
        age_years=state.age_years if record.age_years is None else record.age_years,
    )
    return state if "dose" in state.days else _turned(state, day, plan)


def _dosed(state: State, observed: Observed, record: Dose, parameters: Parameters) -> State:
    day, plan, windows = observed.day, state.plan, state.windows
    as_planned = plan if observed.product == plan.product else Stratum()
    given = Stratum(
        observed.product,
        observed.route or as_planned.route,
        record.setting or as_planned.setting,
        record.phase or "",
        parameters.dose_band(record.dose_mg),
        plan.indication,
    )
    if not windows or windows[-1].end:
        state = msgspec.structs.replace(state, windows=(*windows, Window(day)), exit_day=0)
    return _turned(state, day, given)


def _left(
    state: State, observed: Observed, reason: str, parameters: Parameters
) -> tuple[State, tuple[Finding, ...]]:
    day = observed.day
    *before, last = state.windows or (Window(day, day),)
    end = last.end or min(day, state.contact + parameters.grace_days) + 1
    windows = (*before, Window(last.start, end, reason))
    state = msgspec.structs.replace(state, windows=windows, exit_day=day)
    code = f"exit_{reason}"
    if code not in EVENTS:
        return state, ()
    sessions, seen = len(state.days.get("dose", ())), sum(w.end - w.start for w in windows)
    cause = "for an adverse event" if reason == "adverse_event" else "by death"
    text = f"left {cause} after {_several(sessions, 'session')}, {_several(seen, 'day')} seen"
    note = Finding("exposure", code, EVENTS[code], day, "note", (observed.id,), text)
    return state, (note,)


def _several(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _turned(state: State, day: int, stratum: Stratum) -> State:
    """From this day on it is `stratum`; of two on a day the later holds."""
    changes = state.changes
    if changes and changes[-1][0] == day:
        changes = changes[:-1]
    if changes and state.strata[changes[-1][1]] == stratum:
        return msgspec.structs.replace(state, changes=changes)
    strata = state.strata if stratum in state.strata else (*state.strata, stratum)
    changes = (*changes, (day, strata.index(stratum)))
    return msgspec.structs.replace(state, strata=strata, changes=changes)


def _seen(
    days: dict[str, tuple[int, ...]], record: Followup, day: int
) -> dict[str, tuple[int, ...]]:
    held = days.get(record.kind, ())
    since = day - sum(held)
    # two sessions of a day are two, two measurements of a day are one day with a measurement
    counts = record.dose_mg > 0 if isinstance(record, Dose) else since > 0
    return days | {record.kind: (*held, since)} if counts else days


def _marked(
    markers: dict[str, str], biomarkers: tuple[Biomarker, ...], parameters: Parameters
) -> dict[str, str]:
    for marker in biomarkers:
        for name in parameters.markers:
            if marker.name.casefold() == name.casefold() and isinstance(marker.value, str):
                markers = markers | {name: marker.value}
    return markers


STREAM = Stream(
    name="exposure",
    kinds=frozenset(
        {
            "biomarker",
            "cognitive",
            "dispensing",
            "dissociation",
            "dose",
            "enrolment",
            "exit",
            "liver",
            "misuse_screen",
            "mood",
            "sedation",
            "suicidality",
            "urinary",
            "vital_signs",
        }
    ),
    start=State(),
    step=exposure,
    parameters=Parameters(),
    events=EVENTS,
)
