"""Sessions: which dose a reading belongs to, and what is said of a session."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from typing import TypeVar

import msgspec

from detectors.followup.finding import Finding, Level
from detectors.followup.record import Observed

DAY = 1440
# minutes; all ours
ONE_SESSION = 30  # devices of 28 mg are given 5 min apart: one session
SLACK = 60  # by how much clocks and stated minutes may disagree
AFTER = 720  # a timed reading without minutes is of the dose up to this long before it
OPEN_DAYS = 2  # `minutes` reach 2,880


class Dose(msgspec.Struct, frozen=True, array_like=True):
    """Where a session begins; `id` is "" where readings name a dose that is not recorded.

    `instant` in days, exact where `timed`; `mg` of all doses in it; `what` product and route.
    """

    id: str
    day: int
    instant: float
    timed: bool
    mg: float = 0.0
    what: str = ""

    @property
    def anchor(self) -> str:
        """What tells the findings of sessions apart: the dose, else the day."""
        return self.id or date.fromordinal(self.day).isoformat()


class Session(msgspec.Struct, frozen=True, array_like=True):
    """A dose and what was measured around it; streams add their own fields."""

    dose: Dose


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """One measured value: minutes after the dose (None: not known), its record, its day."""

    value: float
    minutes: float | None
    id: str
    day: int

    @property
    def when(self) -> str:
        """Its place in the session, in words.

        >>> Mark(170, 40, "r1", 739435).when, Mark(3, None, "r1", 739435).when
        ('at 40 min', 'at a time not stated')
        """
        return "at a time not stated" if self.minutes is None else f"at {self.minutes:g} min"


S = TypeVar("S", bound=Session)


def split(sessions: Sequence[S], day: int) -> tuple[tuple[S, ...], tuple[S, ...]]:
    """Those that a reading of a day may still belong to, and those that are over."""
    kept = tuple(one for one in sessions if one.dose.day >= day - OPEN_DAYS)
    return kept, tuple(one for one in sessions if one.dose.day < day - OPEN_DAYS)


def dosed(
    sessions: tuple[S, ...], observed: Observed, start: Callable[[Dose], S]
) -> tuple[tuple[S, ...], int]:
    """The sessions after a dose record, and which of them it belongs to.

    A dose within half an hour of a session's first one joins it, and so does a dose of the same
    day that cannot be told from it since one of the two has no time. A session that readings
    announced (a dose just after midnight UTC, measured before it) takes the dose as its own.

    >>> from detectors.followup.record import observed
    >>> from schemas.followup import FOLLOWUP
    >>> sessions: tuple[Session, ...] = ()
    >>> for at in ("2025-07-03T09:00Z", "2025-07-03T09:05Z", "2025-07-03T15:00Z"):
    ...     record = FOLLOWUP.validate_python({"registry": "r", "record_id": at[11:16],
    ...         "patient": "p", "course": "c", "at": at, "kind": "dose",
    ...         "product": "Spravato", "dose_mg": 28})
    ...     sessions, _ = dosed(sessions, observed(record), Session)
    >>> [(one.dose.id, one.dose.mg) for one in sessions]
    [('09:00', 56.0), ('15:00', 28.0)]
    """
    mg = float(getattr(observed.record, "dose_mg", 0.0))
    what = f"{observed.product} {observed.route}"
    for i, one in enumerate(sessions):
        dose = one.dose
        gap = _minutes(observed, dose)
        if dose.id:
            same = gap <= ONE_SESSION if gap is not None else dose.day == observed.day
        else:
            same = gap is not None and abs(gap) <= SLACK
        if same:
            known = bool(dose.id) and (dose.timed or not observed.timed)
            joined = Dose(
                dose.id or observed.id,
                dose.day if known else observed.day,
                dose.instant if known else observed.instant,
                dose.timed if known else observed.timed,
                dose.mg + mg,
                dose.what or what,
            )
            after = msgspec.structs.replace(one, dose=joined)
            return (*sessions[:i], after, *sessions[i + 1 :]), i
    new = Dose(observed.id, observed.day, observed.instant, observed.timed, mg, what)
    return (*sessions, start(new)), len(sessions)


def placed(
    sessions: tuple[S, ...], observed: Observed, start: Callable[[Dose], S]
) -> tuple[tuple[S, ...], int, float | None]:
    """The sessions, which of them a reading belongs to (-1: none, at rest), minutes after it.

    With minutes after a dose it is of the last dose at or before the reading, with minutes
    before one of the dose that they point to. Without minutes, but with a time: of a dose within
    the hour after it, else of the last one in the twelve hours before it, and the times give the
    minutes. Without both: of the day's (last) dose, minutes None. Minutes that no dose fits make
    a session whose dose is not recorded.

    >>> from detectors.followup.record import observed
    >>> from schemas.followup import VitalSigns
    >>> evening = Dose("d1", 739435, 739435 + 23.5 / 24, True)
    >>> for at, minutes in (("2025-07-04T00:10Z", None), ("2025-07-04T01:30Z", 120)):
    ...     record = VitalSigns(registry="r", record_id="1", patient="p", course="c", at=at,
    ...         kind="vital_signs", minutes=minutes)
    ...     print(placed((Session(evening),), observed(record), Session)[1:])
    (0, 40.0)
    (0, 120.0)
    """
    stated = getattr(observed.record, "minutes", None)
    doses = [one.dose for one in sessions]
    if stated is None:
        index, minutes = _untold(doses, observed)
        return sessions, index, minutes
    index = _before(doses, observed, stated) if stated <= 0 else _after(doses, observed, stated)
    if index >= 0:
        return sessions, index, stated
    instant = observed.instant - stated / DAY if observed.timed else float(observed.day)
    unknown = Dose("", math.floor(instant), instant, observed.timed)
    return (*sessions, start(unknown)), len(sessions), stated


def _minutes(observed: Observed, dose: Dose) -> float | None:
    """Minutes from a dose to a record by their times, None where one has none."""
    if not (observed.timed and dose.timed):
        return None
    return round((observed.instant - dose.instant) * DAY, 2)


def _gaps(doses: Sequence[Dose], observed: Observed) -> list[tuple[int, float]]:
    gaps = [(i, _minutes(observed, dose)) for i, dose in enumerate(doses)]
    return [(i, gap) for i, gap in gaps if gap is not None]


def _of_day(doses: Sequence[Dose], observed: Observed) -> list[int]:
    return [i for i, dose in enumerate(doses) if dose.day == observed.day]


def _before(doses: Sequence[Dose], observed: Observed, stated: float) -> int:
    gaps = _gaps(doses, observed)
    if gaps:
        off, index = min((abs(gap - stated), i) for i, gap in gaps)
        if off <= SLACK or doses[index].day == observed.day:
            return index
    return (_of_day(doses, observed) or [-1])[-1]


def _after(doses: Sequence[Dose], observed: Observed, stated: float) -> int:
    behind = [(i, gap) for i, gap in _gaps(doses, observed) if gap >= 0]
    if behind:
        index, gap = behind[-1]
        if doses[index].day == observed.day or abs(gap - stated) <= SLACK:
            return index
    today = _of_day(doses, observed)
    if today:
        return today[0] if observed.timed else today[-1]
    days = math.ceil(stated / DAY)
    open_ended = [
        i
        for i, dose in enumerate(doses)
        if not (observed.timed and dose.timed) and 0 < observed.day - dose.day <= days
    ]
    return (open_ended or [-1])[-1]


def _untold(doses: Sequence[Dose], observed: Observed) -> tuple[int, float | None]:
    gaps = _gaps(doses, observed)
    ahead = [(i, gap) for i, gap in gaps if gap <= 0 and doses[i].day == observed.day]
    behind = [(i, gap) for i, gap in gaps if 0 < gap <= AFTER]
    if ahead and (ahead[0][1] >= -SLACK or not behind):
        return ahead[0]
    if behind:
        return behind[-1]
    unclear = [i for i in _of_day(doses, observed) if not (observed.timed and doses[i].timed)]
    return (unclear or [-1])[-1], None


def said(
    stream: str,
    dose: Dose,
    code: str,
    event: str,
    *,
    level: Level,
    marks: Sequence[tuple[str, int]],
    explanation: str,
) -> Finding:
    """A finding of a session; `marks` are the ids and days of the readings it rests on.

    Where the dose is not recorded the session is in no denominator: what would be a finding is a
    note, and an urgent one counts for the course.
    """
    days = [day for _, day in marks]
    if dose.id:
        ids = (dose.id, *(name for name, _ in marks))
        days.append(dose.day)
    else:
        ids = tuple(name for name, _ in marks)
        level = level if level == "urgent" else "note"
        explanation += "; the dose is not recorded"
    return Finding(
        stream,
        code,
        event,
        max(days),
        level,
        tuple(dict.fromkeys(ids)),
        explanation,
        unit="session" if dose.id else "course",
        anchor=dose.anchor,
    )


def news(
    before: Sequence[Finding], after: Sequence[Finding], observed: Observed
) -> tuple[Finding, ...]:
    """What a record changed in what is said: new and other findings, and those that fell away.

    A finding that no longer holds stays as a note that says so, since a step cannot take one
    back; it counts no more.
    """
    keys = {finding.key for finding in after}
    gone = [
        msgspec.structs.replace(
            finding,
            day=observed.day,
            level="note",
            records=tuple(dict.fromkeys((*finding.records, observed.id))),
            explanation=f"no longer so after a later record: {finding.explanation}",
        )
        for finding in before
        if finding.key not in keys
    ]
    return (*(finding for finding in after if finding not in before), *gone)
