"""Whole courses, from enrolment to exit, as columns: everything that clinics would send of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from streams.simulate.cohort import (
    acute,
    amiss,
    body,
    cognition,
    harms,
    mood,
    patients,
    pressure,
    sessions,
    supply,
)
from streams.simulate.cohort.amiss import Sent
from streams.simulate.cohort.figures import figures
from streams.simulate.cohort.harms import Harmed
from streams.simulate.cohort.patients import Patients
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.sessions import NEVER, Sessions
from streams.simulate.cohort.table import Column, Ints, Table, joined, table

# of a course's records of one day, in the order in which they are sent
KINDS = (
    "enrolment",
    "biomarker",
    "dose",
    "vital_signs",
    "dissociation",
    "sedation",
    "cognitive",
    "mood",
    "suicidality",
    "urinary",
    "liver",
    "dispensing",
    "misuse_screen",
    "exit",
)


@dataclass(frozen=True, slots=True)
class Cohort:
    """Courses, and what is true of them.

    `records` has an entry for each kind there is: its rows as sent, one a version. `sessions`,
    `acute`, `pressures` and `harmed` are the truth, of which the records have what was measured;
    sessions after `harmed.stops` were not given.
    """

    plan: Plan
    people: Patients
    sessions: Sessions
    acute: acute.Acute
    pressures: pressure.Pressures
    harmed: Harmed
    records: dict[str, Sent]

    def __len__(self) -> int:
        """Records that are sent, versions and repeats counted each."""
        return sum(
            len(s) + int(np.count_nonzero(~np.isnan(s.again))) for s in self.records.values()
        )

    @property
    def patient_years(self) -> float:
        """Time from the first dose until a course is last seen, all courses together."""
        until = np.minimum(self.sessions.until, self.harmed.stops)
        return float(np.maximum(until - self.sessions.first + 1, 0).sum()) / harms.YEAR


def simulate(
    plan: Plan,
    *,
    amiss_too: bool = True,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Cohort:
    """The courses of a plan.

    Without `amiss_too` each record is there, right, and sent on its day. `progress` hears how
    many of the kinds are done.

    >>> cohort = simulate(Plan(courses=20, days=120))
    >>> sorted(cohort.records) == sorted(KINDS), len(cohort) > 500
    (True, True)
    """
    people = patients.patients(plan)
    given = sessions.sessions(plan, people)
    found = acute.acute(plan, people, given)
    harmed = harms.harmed(plan, people, given)
    # on the quarter, from nine to three
    start = plan.draws("start").integers(36, 61, len(given)) * 900
    pressures = pressure.vital_signs(plan, people, given, found, start=start, harmed=harmed)
    tables = [
        patients.enrolments(plan, people, given.usual_mg(), given.interval),
        patients.markers(plan, people),
        _doses(plan, people, given, start, harmed),
        pressures.readings,
        *acute.scales(plan, given, found, start),
        *cognition.cognitive(plan, people, given, start, harmed),
        *mood.mood(plan, people, given),
        *body.urinary(plan, people, given, harmed),
        body.liver(plan, people, given),
        supply.dispensing(plan, people, given, harmed),
        *supply.misuse_screens(plan, people, given, harmed),
    ]
    by_kind: dict[str, list[Table]] = defaultdict(list)
    for one in tables:
        if len(one):
            by_kind[one.kind].append(one)
    records = {}
    for done, (kind, parts) in enumerate(by_kind.items()):
        progress(done, len(by_kind))
        rows = amiss.sent(plan, joined(parts), amiss=amiss_too)
        # what was to come after a harm had ended the course
        records[kind] = rows.take(rows.table.day <= harmed.stops[rows.table.course])
    records["exit"] = amiss.sent(plan, _exits(given, harmed), amiss=amiss_too)
    return Cohort(
        plan,
        people,
        given,
        found,
        pressures,
        harmed,
        {kind: amiss.arrived(records[kind], float(plan.days)) for kind in KINDS if kind in records},
    )


def _doses(plan: Plan, people: Patients, given: Sessions, start: Ints, harmed: Harmed) -> Table:
    """One record a session; whoever misuses takes more than was planned."""
    misusing = given.day >= harmed.misuse[given.course]
    dose = given.dose_mg * np.where(misusing, figures().supply.escalation, 1.0)
    phase = np.where(given.induction, "induction", "maintenance").astype(object)
    parts = []
    for place, arm in enumerate(people.arms):
        if not arm.induction:
            continue
        rows = np.flatnonzero(people.arm[given.course] == place)
        columns: dict[str, Column] = {
            "product": np.array(arm.names, dtype=object)[given.course[rows] % len(arm.names)],
            "dose_mg": np.round(dose[rows], 1),
            "route": arm.route,
            "setting": arm.setting,
            "phase": phase[rows],
            "formulation": arm.formulation,
        }
        if arm.dose_minutes:
            columns["duration_minutes"] = plan.draws(f"duration, {arm.name}").choice(
                list(map(float, arm.dose_minutes)), len(rows), p=list(arm.dose_minutes.values())
            )
        parts.append(table("dose", given.course[rows], given.day[rows], start[rows], **columns))
    none = np.zeros(0, dtype=np.int64)
    return joined(parts or [table("dose", none, none, none)])


def _exits(given: Sessions, harmed: Harmed) -> Table:
    """The records that close a course, a week after a harm has ended it where one has."""
    day = np.minimum(given.exit, harmed.stops + 7)
    reason = np.where(day < given.exit, "adverse_event", given.reason)
    course = np.flatnonzero(day < NEVER)
    return table("exit", course, day[course], reason=reason[course])
