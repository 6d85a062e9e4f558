"""What happens to patients: in the course of nature, and where it is planted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.simulate.cohort.figures import figures, harms
from streams.simulate.cohort.patients import Patients
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.sessions import NEVER, Sessions
from streams.simulate.cohort.table import Bools, Floats, Ints

YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Harmed:
    """The truth, never in a record: onset days by course (`NEVER`: not), surges by session.

    `decline` is the loss in SD a year from day `declines_from` on (0: none). The `_anyway` onsets
    are those without anything planted. `stops`: the day on which the harm ends the course.
    """

    urinary: Ints
    urinary_anyway: Ints
    misuse: Ints
    misuse_anyway: Ints
    decline: Floats
    declines_from: Ints
    surge: Bools
    stops: Ints


def harmed(plan: Plan, people: Patients, given: Sessions) -> Harmed:
    """Draw it; strengths nest: a stronger harm strikes those whom a weaker one strikes, earlier."""
    facts = figures()
    treated = {name: people.of(*harm.arms) for name, harm in harms().items()}
    past = _passed(given, harms()["cystitis"].above_mg)
    urinary = [
        _onset(
            plan,
            "lasting urinary symptoms",
            facts.urinary.persistent,
            given.first,
            changes=past,
            ratio=np.where(treated["cystitis"], strength, 1.0),
        )
        for strength in (plan.strength("cystitis"), 1.0)
    ]
    at_home = np.where(people.home, facts.supply.onset, 0.0)
    misuse = [
        _onset(
            plan,
            "misuse",
            at_home,
            given.first,
            changes=given.first,
            ratio=np.where(treated["misuse"], strength, 1.0),
        )
        for strength in (plan.strength("misuse"), 1.0)
    ]
    decline = np.where(treated["cognition"] & people.carrier, plan.strength("cognition"), 0.0)
    return Harmed(
        urinary[0],
        urinary[1],
        misuse[0],
        misuse[1],
        decline,
        given.first + harms()["cognition"].after_days,
        _surges(plan, people, given),
        _stops(plan, np.minimum(urinary[0], misuse[0]), given),
    )


def struck(onset: Ints, given: Sessions) -> Bools:
    """Whose onset falls into the time in which the course is seen."""
    return onset <= given.until


def _onset(
    plan: Plan,
    what: str,
    rate: float | Floats,
    first: Ints,
    *,
    changes: Ints,
    ratio: Floats,
) -> Ints:
    """Day of onset: `rate` a year from the first dose on, `ratio` times that from `changes` on.

    One exponential draw a patient, whatever the ratio: the cumulative hazard reaches it.
    """
    drawn = plan.draws(what).exponential(1.0, len(first))
    with np.errstate(divide="ignore"):
        days = YEAR * drawn / np.asarray(rate, dtype=float)
    until = np.maximum(changes - first, 0).astype(float)
    later = until + (days - until) / ratio
    days = np.where(days <= until, days, later)
    found = first + np.minimum(days, NEVER).astype(np.int64)
    return np.where(found < plan.days, found, NEVER)


def _stops(plan: Plan, onset: Ints, given: Sessions) -> Ints:
    """Some stop one to three months after the onset, where they have not stopped before."""
    rng = plan.draws("stopping")
    n = len(onset)
    stopping = rng.random(n) < figures().stay.harmed
    day = onset + rng.integers(30, 91, n)
    return np.where(stopping & (day < given.last), day, NEVER)


def _passed(given: Sessions, bound: float) -> Ints:
    """Day on which each course has absorbed more than a bound, mg."""
    day = np.full(len(given.first), NEVER)
    rows = np.flatnonzero(given.absorbed > bound)[::-1]
    # the last assignment of a course is its first such session
    day[given.course[rows]] = given.day[rows]
    return day


def _surges(plan: Plan, people: Patients, given: Sessions) -> Bools:
    """Sessions that a stimulant makes a blood pressure crisis, beyond those that are one anyway."""
    more = plan.strength("stimulant") - 1
    chance = np.zeros(len(people))
    for name, rise in figures().pressure.rise.items():
        chance[people.of(name)] = rise.crisis * more
    draws = plan.draws("surge").random(len(given))
    return people.stimulant[given.course] & (draws < chance[given.course])
