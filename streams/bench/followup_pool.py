"""Whole simulated courses, folded: what the follow-up streams say of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from detectors.followup import exposure
from detectors.followup.content import CourseContent, content
from detectors.followup.course import Course, fold
from detectors.followup.finding import Finding
from streams.simulate.cohort.cohort import Cohort, simulate
from streams.simulate.cohort.observed import followed
from streams.simulate.cohort.plan import Plan

ORIGIN = date(2024, 1, 1)
DAYS = 730
# the markers by which a cohort may be divided
MARKERS = {"cognition": ("APOE genotype", "e3/e4"), "stimulant": ("amphetamine screen", "positive")}
PARAMETERS = {
    exposure.STREAM.name: exposure.Parameters(
        markers=("CYP2B6", *(name for name, _ in MARKERS.values()))
    )
}


@dataclass(frozen=True, slots=True)
class Pool:
    """Simulated courses: the truth, and by course its findings and what it counts as."""

    cohort: Cohort
    findings: tuple[tuple[Finding, ...], ...]
    contents: tuple[CourseContent, ...]

    def __len__(self) -> int:
        return len(self.contents)


def drawn(plan: Plan) -> Pool:
    """Every course of a plan.

    >>> pool = drawn(Plan(courses=3, days=60))
    >>> len(pool), len(pool.findings)
    (3, 3)
    """
    cohort = simulate(plan)
    courses = list(_folded(cohort, plan.courses, "courses"))
    return Pool(
        cohort,
        tuple(course.findings for _, course in courses),
        tuple(_content(cohort, place, course) for place, course in courses),
    )


def planted(null: Pool, name: str, strength: float) -> Pool:
    """The same courses with a harm in them; only those that it strikes are folded anew."""
    plan = replace(null.cohort.plan, plants={name: strength})
    cohort = simulate(plan)
    struck = changed(null.cohort, cohort)
    findings, contents = list(null.findings), list(null.contents)
    mine = np.flatnonzero(struck)
    some = replace(
        cohort,
        records={
            kind: rows.take(struck[rows.table.course]) for kind, rows in cohort.records.items()
        },
    )
    for place, course in _folded(some, len(mine), f"{name} {strength:g}", struck):
        findings[place] = course.findings
        contents[place] = _content(cohort, place, course)
    return Pool(cohort, tuple(findings), tuple(contents))


def changed(null: Cohort, harmed: Cohort) -> npt.NDArray[np.bool_]:
    """Which courses have another truth than without the harm."""
    before, after = null.harmed, harmed.harmed
    out: npt.NDArray[np.bool_] = (before.stops != after.stops) | (before.decline != after.decline)
    out |= (before.urinary != after.urinary) | (before.misuse != after.misuse)
    out[harmed.sessions.course[before.surge != after.surge]] = True
    return out


def _folded(
    cohort: Cohort, total: int, doing: str, only: npt.NDArray[np.bool_] | None = None
) -> Iterator[tuple[int, Course]]:
    with tqdm(total=total, desc=doing, unit="course", disable=None, delay=2, leave=False) as bar:
        for one in followed(cohort, ORIGIN):
            if only is None or only[one.course]:
                yield one.course, fold(one.records, parameters=PARAMETERS)
                bar.update()


def _content(cohort: Cohort, place: int, course: Course) -> CourseContent:
    """What a course counts as; its own number is an attribute, so that it can be a row."""
    people = cohort.people
    arm = people.arms[people.arm[place]]
    named = {"course": f"{place}", "arm": arm.name}
    return content(course, arm.registry, attributes=named, parameters=PARAMETERS)
