"""What is handed out for home, and the scales that ask about misuse."""

from __future__ import annotations

import numpy as np

from streams.simulate.cohort.figures import figures
from streams.simulate.cohort.harms import Harmed
from streams.simulate.cohort.patients import Patients
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.sessions import Sessions, visits
from streams.simulate.cohort.table import Ints, Table, joined, table

_EVERY = 84


def dispensing(plan: Plan, people: Patients, given: Sessions, harmed: Harmed) -> Table:
    """Supplies of four weeks, each fetched when the one before is over, or earlier by misuse."""
    facts = figures().supply
    home = np.flatnonzero(people.home)
    day, rushed = _days(plan, given, home, harmed)
    seen = day <= given.last[home][:, None]
    rows, places = np.nonzero(seen)
    rng = plan.draws("supplies")
    draws = rng.random((4, *day.shape))[:, rows, places]
    course, misusing = home[rows], rushed[rows, places]
    lost = draws[0] < np.where(misusing, facts.lost_after, facts.lost)
    other = misusing & (draws[1] < facts.another)
    dose = given.usual_mg()[course]
    doses = np.ceil(facts.days / given.interval[course])
    more = np.where(misusing, facts.escalation, 1.0)
    parts = []
    for place, arm in enumerate(people.arms):
        mine = people.arm[course] == place
        if not arm.home:
            continue
        who = course[mine]
        parts.append(
            table(
                "dispensing",
                who,
                day[rows, places][mine],
                product=arm.names[0],
                quantity_mg=np.round((doses * dose * more)[mine]),
                days_supply=float(facts.days),
                prescriber=_name("prescriber", who % 40, other[mine], places[mine]),
                dispenser=_name("dispenser", who % 25, other[mine], places[mine] + 1),
                setting="home",
                compounded=arm.compounded,
                lost_doses=np.where(lost, 1 + (draws[2] < 0.3), 0)[mine].astype(object),
                returned_doses=(draws[3] < facts.returned)[mine].astype(int).astype(object),
            )
        )
    none = np.zeros(0, dtype=np.int64)
    return joined(parts or [table("dispensing", none, none)])


def _days(plan: Plan, given: Sessions, home: Ints, harmed: Harmed) -> tuple[Ints, np.ndarray]:
    """Days of the supplies of each course, and which of them come after the onset of misuse."""
    facts = figures().supply
    rng = plan.draws("refills")
    # as many as the worst misuse could fetch, so that the draws are the same with it and without
    shape = len(home), 2 + int(plan.days / (facts.days * facts.early_after[0]))
    jitter = np.round(rng.normal(0, facts.jitter, shape))
    early = rng.random(shape) < facts.early
    usual = facts.days + np.where(early, -8, np.maximum(jitter, -4))
    soon = np.round(facts.days * rng.uniform(*facts.early_after, shape))
    day = np.zeros(shape, dtype=np.int64)
    day[:, 0] = given.first[home]
    onset = harmed.misuse[home]
    for k in range(1, shape[1]):
        # a supply that is fetched before the onset lasts as planned
        step = np.where(day[:, k - 1] >= onset, soon[:, k], usual[:, k])
        day[:, k] = day[:, k - 1] + step.astype(np.int64)
    return day, day >= onset[:, None]


def _name(what: str, usual: Ints, other: np.ndarray, shift: Ints) -> np.ndarray:
    """Pseudonyms: one's own, or another's."""
    number = np.where(other, 40 + (7 * usual + shift) % 17, usual)
    return np.array([f"{what}-{one}" for one in number.tolist()], dtype=object)


def misuse_screens(plan: Plan, people: Patients, given: Sessions, harmed: Harmed) -> list[Table]:
    """DAST-10 and Severity of Dependence Scale, at the start and every twelve weeks, at home."""
    facts = figures().supply
    rng = plan.draws("misuse screens")
    course, day, _ = visits(rng, given, np.flatnonzero(people.home), (-7, _EVERY), _EVERY)
    # dependence is not there on the first day of misuse
    grown = np.clip((day - harmed.misuse[course]) / 90, 0.0, 1.0)
    tables = []
    for name, (before, after), most in (
        ("DAST-10", facts.dast, 10),
        ("SDS", facts.sds, 15),
    ):
        drawn = plan.draws(name)
        own = drawn.gamma(2.0, before / 2, len(people))[course]
        score = drawn.poisson(own) + np.round(grown * drawn.normal(after, 1.2, len(course)))
        tables.append(
            table("misuse_screen", course, day, instrument=name, score=np.clip(score, 0.0, most))
        )
    return tables
