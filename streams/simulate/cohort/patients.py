"""Who is treated: arm, age, sex, weight, markers, and when each course begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.simulate.cohort.figures import Arm, figures
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.table import Bools, Column, Floats, Ints, Table, joined, table

ENROLMENT = 7  # days before the first dose
OLD = 65
_GENOTYPES = ("*1/*1", "*1/*6", "*6/*6")


@dataclass(frozen=True, slots=True)
class Patients:
    """One element a course: `arm` is a place in `arms`, days are of the calendar."""

    arms: tuple[Arm, ...]
    arm: Ints
    enrolled: Ints
    age: Floats
    female: Bools
    weight: Floats
    stimulant: Bools
    carrier: Bools
    metaboliser: Ints

    def __len__(self) -> int:
        return len(self.arm)

    def of(self, *names: str) -> Bools:
        """Which are in one of these arms."""
        places = [i for i, arm in enumerate(self.arms) if arm.name in names]
        return np.isin(self.arm, places)

    @property
    def home(self) -> Bools:
        """Which take it at home."""
        return np.array([arm.home for arm in self.arms])[self.arm]


def patients(plan: Plan) -> Patients:
    """The patients of a plan, in the order of their numbers.

    >>> drawn = patients(Plan(courses=500))
    >>> len(drawn), bool(drawn.age.min() >= 18), bool(drawn.enrolled.max() < 365)
    (500, True, True)
    """
    facts = figures().patients
    n = plan.courses
    arms, shares = zip(*plan.treatments, strict=True)
    age = plan.draws("age").normal(facts.age, facts.age_sd, n)
    # those outside fall back, once, to the middle of the range
    again = plan.draws("age again").uniform(25, 65, n)
    age = np.where((age < 18) | (age > 85), again, age)
    female = plan.draws("sex").random(n) < facts.women
    mean = np.where(female, *facts.weight)
    weight = np.clip(plan.draws("weight").normal(mean, facts.weight_sd), 45, 160)
    last = max(1, int(plan.entry * plan.days))
    return Patients(
        arms=arms,
        arm=plan.draws("arm").choice(len(arms), n, p=np.array(shares)),
        enrolled=plan.draws("enrolment").integers(0, last, n),
        age=np.floor(age),
        female=female,
        weight=np.round(weight, 1),
        stimulant=plan.draws("stimulant").random(n) < facts.stimulant,
        carrier=plan.draws("carrier").random(n) < facts.carrier,
        metaboliser=plan.draws("metaboliser").choice(3, n, p=facts.metaboliser),
    )


def enrolments(plan: Plan, people: Patients, planned_mg: Floats, planned_days: Floats) -> Table:
    """The records that open a course; planned dose and days between doses, NaN: not known."""
    rng = plan.draws("enrolment fields")
    parts = []
    for place, arm in enumerate(people.arms):
        course = np.flatnonzero(people.arm == place)
        columns: dict[str, Column] = {
            "product": rng.choice(np.array(arm.names, dtype=object), len(course)),
            "route": arm.route,
            "setting": arm.setting,
            "indication": rng.choice(
                np.array(list(arm.indications), dtype=object),
                len(course),
                p=list(arm.indications.values()),
            ),
            "age_years": people.age[course],
            "sex": np.where(people.female[course], "female", "male").astype(object),
            "weight_kg": people.weight[course],
        }
        if arm.induction:
            columns |= {
                "planned_dose_mg": planned_mg[course],
                "planned_interval_days": planned_days[course],
            }
        parts.append(table("enrolment", course, people.enrolled[course], **columns))
    return joined(parts)


def markers(plan: Plan, people: Patients) -> Table:
    """A laboratory screen and two genotypes, for most."""
    present = plan.draws("markers").random(len(people)) >= figures().patients.markers_missing
    course = np.flatnonzero(present)
    values = [
        (
            {"name": "amphetamine screen", "value": "positive" if stimulant else "negative"},
            {"name": "APOE genotype", "value": "e3/e4" if carrier else "e3/e3"},
            {"name": "CYP2B6 genotype", "value": _GENOTYPES[metaboliser]},
        )
        for stimulant, carrier, metaboliser in zip(
            people.stimulant[course].tolist(),
            people.carrier[course].tolist(),
            people.metaboliser[course].tolist(),
            strict=True,
        )
    ]
    column = np.empty(len(course), dtype=object)
    column[:] = values
    return table("biomarker", course, people.enrolled[course], biomarkers=column)
