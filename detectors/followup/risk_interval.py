"""Self-controlled risk intervals: an event in the days after a dose against later days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.cases import Bools
from detectors.cohort import Cohort
from detectors.courses import DAY, NOWHERE, Courses
from detectors.disproportionality.method import Integers
from detectors.followup import sprt
from detectors.followup.protocol import IntervalTest
from detectors.followup.rates import Estimate, rate_ratio
from detectors.scope import Scope
from detectors.sequential import two_sample_rates
from detectors.sequential.method import Evidence
from detectors.sequential.two_sample_rates import DEFAULT, Parameters


class Intervals(NamedTuple):
    """What each day, from the opening of the test on, adds of dose intervals that compare.

    `cases` have the event in the risk window, `controls` in the control window; they are known at
    the end of the control window. `several` had it in both or more than once: they compare nothing.
    """

    cases: Integers
    controls: Integers
    several: Integers


@dataclass(frozen=True, slots=True)
class Found:
    """A test of a risk interval: counts, relative incidence, evidence at every look, and runs."""

    intervals: Intervals
    incidence: Estimate
    evidence: Evidence
    runs: tuple[sprt.Run, ...]


def risk_interval(
    cohort: Cohort, scope: Scope, test: IntervalTest, parameters: Parameters = DEFAULT
) -> Found:
    """Whether an event comes sooner after a dose than chance would have it.

        given one event day in the windows of a dose: P(in the risk window) = 1 / (1 + z)
        z = days of the control window / days of the risk window
        relative incidence = z cases / controls

    Each patient is his own control, so nothing that stays the same over days confounds. A dose
    compares if no other dose falls before the end of its control window, and if the patient was
    under observation so long, or left on the day of the event or the next because of harm: else a
    death after a dose would be lost where one before the next dose is not. A dose with one event
    day is a case or a control. With `measured_by` the first day with a measurement in each window
    is compared, and a dose that lacks either compares nothing: nobody measures blood pressure
    between visits, which is no sign that it was low. An event that only a dose can bring (a rise
    over pre-dose) has no control days and does not belong here. Events counted by course are taken
    at the first one. Exact limits; binomial maxSPRT to the horizon of the protocol, and the
    two-sample e-process, which has a margin.
    Source: an exposed against a control period of the same people under maxSPRT, Greene et al.,
    Am J Epidemiol 2010;171:177-88 (PMC2878099); Kulldorff et al., Sequential Analysis
    2011;30:58-78. Verified one by one, and by simulation under recurrence:
    `tests/detectors/followup/test_risk_interval.py`.

    >>> from detectors.followup.protocol import read
    >>> found = risk_interval(Cohort(), Scope(739_700), read().interval[0])
    >>> int(found.intervals.cases.sum()), found.runs[0].end
    (0, 'running')
    """
    counted = intervals(cohort.courses, scope, test)
    ratio = test.ratio
    cases, controls = (column.astype(np.float64) for column in counted[:2])
    look = two_sample_rates.Look(
        cases[:, None],
        np.ones((len(cases), 1)),
        controls[:, None],
        np.full((len(cases), 1), ratio),
    )
    evidence = Evidence(np.zeros((0, 1)), np.zeros((0, 1)))
    if len(cases):
        evidence = two_sample_rates.batch(1, look, parameters)
    return Found(
        counted,
        rate_ratio(cases.sum(), 1.0, controls.sum(), ratio),
        Evidence(evidence.log_e[:, 0], evidence.log_e_sup[:, 0]),
        sprt.binomial(
            cases,
            controls,
            ratio=ratio,
            horizon=test.horizon,
            alpha=test.alpha,
            min_events=test.min_events,
        ),
    )


def intervals(courses: Courses, scope: Scope, test: IntervalTest) -> Intervals:
    """The intervals of a test by the day on which they are known."""
    met, end = courses.sessions, test.control[1]
    following = np.append(met.day[1:], 0)
    same = np.append(met.course[1:] == met.course[:-1], False)
    alone = ~same | (following - met.day > end)
    product = [stratum.product in test.products for stratum in courses.coding.strata.values]
    chosen = np.array([*product, False])[courses.spells.stratum[met.spell]]
    opened = test.opened.toordinal()
    known = met.day + end
    usable = alone & chosen & (met.day >= opened) & (known <= scope.through)
    whole = courses.unbroken(met.spell, courses.place(met.course, known))
    course, day = _event_days(courses, scope, test.event)
    dose = courses.session_of(course, day, end)
    seen = (dose != NOWHERE) & (courses.place(course, day) != NOWHERE)
    course, day, dose = course[seen], day[seen], dose[seen]
    since = day - met.day[dose]
    if test.measured_by:
        first = _first_measured(courses, test)
        inside, after = (since == window[dose] for window in first)
        counts = usable & whole & (first[0] != DAY) & (first[1] != DAY)
        counts = counts[dose]
    else:
        inside, after = (_within(since, window) for window in (test.risk, test.control))
        left = courses.harmed[course]
        counts = usable[dose] & (whole[dose] | ((left >= day) & (left <= day + 1)))
    in_risk = np.bincount(dose[inside & counts], minlength=len(met.day))
    in_control = np.bincount(dose[after & counts], minlength=len(met.day))
    both = in_risk + in_control
    length = max(scope.through - opened + 1, 0)

    def by_day(doses: Bools) -> Integers:
        return np.bincount(known[doses] - opened, minlength=length).astype(np.int64)

    return Intervals(
        by_day((both == 1) & (in_risk == 1)),
        by_day((both == 1) & (in_control == 1)),
        by_day(both > 1),
    )


def _event_days(courses: Courses, scope: Scope, event: str) -> tuple[Integers, Integers]:
    """Course and day of the events: all that are counted by session, else the first of a course."""
    held = courses.events
    codes = [courses.coding.events.find(name) for name in scope.members(event)]
    rows = np.isin(held.code, [code for code in codes if code is not None])
    key = held.course.astype(np.int64) * (DAY + 1) + held.day
    by_course = np.sort(key[rows & ~held.session])
    first = by_course[np.diff(by_course // (DAY + 1), prepend=-1) > 0]
    days = np.unique(np.concatenate([key[rows & held.session], first]))
    return days // (DAY + 1), days % (DAY + 1)


def _first_measured(courses: Courses, test: IntervalTest) -> tuple[Integers, Integers]:
    """For each dose, the first day with a measurement in each window, from the dose; DAY: none."""
    course, day = courses.days_of(test.measured_by)
    dose = courses.session_of(course, day, test.control[1])
    kept = dose != NOWHERE
    dose = dose[kept]
    since = day[kept] - courses.sessions.day[dose]
    out = []
    for window in (test.risk, test.control):
        first = np.full(len(courses.sessions.day), DAY, dtype=np.int64)
        inside = _within(since, window)
        np.minimum.at(first, dose[inside], since[inside])
        out.append(first)
    return out[0], out[1]


def _within(days: Integers, window: tuple[int, int]) -> Bools:
    inside: Bools = (days >= window[0]) & (days <= window[1])
    return inside
