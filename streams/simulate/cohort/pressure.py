"""Blood pressure, heart rate and saturation around a dose; QTc at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.simulate.cohort.acute import BEFORE, Acute
from streams.simulate.cohort.figures import figures
from streams.simulate.cohort.harms import Harmed
from streams.simulate.cohort.patients import OLD, Patients
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.sessions import Sessions, visits
from streams.simulate.cohort.table import Bools, Floats, Ints, Table, joined, table

RISE = (40, 25)
CRISIS = (180, 120)
_REMEASURED = 2


@dataclass(frozen=True, slots=True)
class Pressures:
    """The readings; by session, whether one rose by 40/25 mmHg or more, or passed 180/120."""

    readings: Table
    raised: Bools
    crisis: Bools


def vital_signs(
    plan: Plan, people: Patients, given: Sessions, found: Acute, *, start: Ints, harmed: Harmed
) -> Pressures:
    """Readings before the dose and at 40, 90 and 120 minutes, in mmHg, a minute, percent."""
    facts = figures().pressure
    rows = np.flatnonzero(found.watched)
    course = given.course[rows]
    before, rise = _before(plan, people, course), _rise(plan, people, course)
    rng = plan.draws("readings")
    pulse, pulse_sd, quicker, quicker_sd = facts.heart_rate
    rate = plan.draws("heart rate").normal(pulse, pulse_sd, len(people))[course]
    faster = rng.normal(quicker, quicker_sd, len(rows))
    low = rng.random(len(rows)) < facts.desaturated
    surge = np.where(harmed.surge[rows], rng.exponential(1.0, len(rows)), -1.0)
    tables = []
    raised, crisis = np.zeros((2, len(given)), dtype=bool)
    for minutes in (BEFORE, *map(int, facts.shape)):
        shape = facts.shape.get(str(minutes), 0.0)
        read = [
            np.round(b + shape * r + rng.normal(0, facts.reading, len(rows)) * (shape > 0))
            for b, r in zip(before, rise, strict=True)
        ]
        if shape == 1.0:
            # what is planted lifts the reading over the bound of a crisis
            read[0] = np.where(surge >= 0, np.maximum(read[0], 183 + np.round(9 * surge)), read[0])
            read[1] = np.where(surge >= 0, np.maximum(read[1], 104 + np.round(9 * surge)), read[1])
        read[1] = np.minimum(read[1], read[0] - 15)
        rose = [now - first >= by for now, first, by in zip(read, before, RISE, strict=True)]
        raised[rows] |= rose[0] | rose[1]
        crisis[rows] |= (read[0] > CRISIS[0]) | (read[1] > CRISIS[1])
        saturation = np.minimum(rng.normal(*facts.saturation, len(rows)), 100)
        if shape == 1.0:
            saturation = np.where(low, rng.uniform(82, 89.4, len(rows)), saturation)
        tables.append(
            table(
                "vital_signs",
                course,
                given.day[rows],
                start[rows] + 60 * minutes,
                minutes=float(minutes),
                systolic_mmhg=np.clip(read[0], 60, 290),
                diastolic_mmhg=np.clip(read[1], 30, 180),
                heart_rate_bpm=np.clip(np.round(rate + shape * faster), 40, 180),
                spo2_percent=np.round(saturation),
            )
        )
    return Pressures(joined([*tables, _qtc(plan, people, given)]), raised, crisis)


def _before(plan: Plan, people: Patients, course: Ints) -> tuple[Floats, Floats]:
    """Systolic and diastolic as read before the dose; above the guide it is read again, twice."""
    facts = figures().pressure
    n = len(people)
    own = plan.draws("pressure of patients").normal(size=(2, n))
    systolic = facts.systolic + facts.age_slope * (people.age - 45) + facts.between * own[0]
    systolic += np.where(people.female, 0.0, facts.men)
    share = facts.diastolic_share
    diastolic = facts.diastolic + share * facts.between * (0.7 * own[0] + 0.7 * own[1])
    limit = np.where(people.age >= OLD, facts.withheld[1], facts.withheld[0])[course]
    rng = plan.draws("pressure before")
    sd = np.hypot(facts.within, facts.reading)
    read = np.zeros((2, len(course)))
    again = np.arange(len(course))
    for _ in range(1 + _REMEASURED):
        moved = rng.normal(size=(2, len(again)))
        read[0, again] = np.round(systolic[course[again]] + sd * moved[0])
        read[1, again] = np.round(diastolic[course[again]] + share * sd * moved[1])
        again = np.flatnonzero((read[0] > limit) | (read[1] > facts.withheld[2]))
    return read[0], read[1]


def _rise(plan: Plan, people: Patients, course: Ints) -> tuple[Floats, Floats]:
    """The rise at its peak, systolic and diastolic; they go together."""
    n = len(people)
    # skewed: a few react strongly, or as many would not reach 180 as reach a rise of 40
    own = plan.draws("rise of patients").exponential(size=(2, n)) - 1
    moved = plan.draws("rise").normal(size=(2, len(course)))
    rises = np.zeros((2, len(course)))
    for name, facts in figures().pressure.rise.items():
        mine = people.of(name)[course]
        for i, (mean, between, within) in enumerate((facts.systolic, facts.diastolic)):
            old = np.where(people.age >= OLD, facts.old[i], 1.0)
            ours = own[0] if i == 0 else 0.7 * own[0] + 0.714 * own[1]
            this = moved[0] if i == 0 else 0.6 * moved[0] + 0.8 * moved[1]
            value = mean + (between * ours * old)[course] + within * this * old[course]
            rises[i] = np.where(mine, value, rises[i])
    return rises[0], rises[1]


def _qtc(plan: Plan, people: Patients, given: Sessions) -> Table:
    """At the start, at four weeks, then twice a year, where blood pressure is watched."""
    men, women, between, within = figures().pressure.qtc
    watched: Bools = people.of(*figures().pressure.rise)
    rng = plan.draws("QTc")
    own = rng.normal(np.where(people.female, women, men), between)
    course, day, _ = visits(rng, given, np.flatnonzero(watched), (-7, 28), 182)
    value = np.round(rng.normal(own[course], within))
    return table("vital_signs", course, day, qtc_ms=value)
