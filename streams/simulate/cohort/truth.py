"""What is true of simulated courses, for evaluation only: it stands beside the records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec
import numpy as np

from streams.simulate.cohort.cohort import Cohort
from streams.simulate.cohort.figures import harms
from streams.simulate.cohort.harms import struck
from streams.simulate.cohort.table import Ints
from streams.simulate.cohort.writing import COURSE, Names


class Struck(msgspec.Struct, frozen=True):
    """One course that a harm struck, from a day on.

    `anyway`: by that day the course of nature would have done so as well.
    """

    registry: str
    patient: str
    course: str
    day: str
    anyway: bool = False


class Planted(msgspec.Struct, frozen=True):
    """One harm: what it is, how strong, whom it struck. Not planted: `strength` equals `none`."""

    name: str
    event: str
    streams: tuple[str, ...]
    strength: float
    none: float
    unit: str
    arms: tuple[str, ...]
    marker: str
    why: str
    struck: tuple[Struck, ...]


class CohortTruth(msgspec.Struct, frozen=True):
    """Everything that was decided and is not in the records.

    `records`: newest, active records by kind; `sent`: records sent in all, by what they are.
    """

    seed: int
    courses: int
    first_day: str
    last_day: str
    patient_years: float
    sessions: int
    records: dict[str, int]
    sent: dict[str, int]
    harms: tuple[Planted, ...]


def told(cohort: Cohort, origin: date, *, reports: int = 0) -> CohortTruth:
    """The truth of a cohort whose calendar begins on `origin`.

    >>> from streams.simulate.cohort.cohort import simulate
    >>> from streams.simulate.cohort.plan import Plan
    >>> truth = told(simulate(Plan(courses=30, days=90, plants={"misuse": 9})), date(2025, 1, 1))
    >>> truth.last_day, [harm.name for harm in truth.harms if harm.strength != harm.none]
    ('2025-03-31', ['misuse'])
    """
    names = Names(cohort, origin)
    given, plan = cohort.sessions, cohort.plan
    records = cohort.records.values()
    return CohortTruth(
        seed=plan.seed,
        courses=plan.courses,
        first_day=origin.isoformat(),
        last_day=(origin + timedelta(days=plan.days - 1)).isoformat(),
        patient_years=round(cohort.patient_years, 2),
        sessions=int(np.count_nonzero(given.day <= cohort.harmed.stops[given.course])),
        records={kind: int(rows.newest.sum()) for kind, rows in cohort.records.items()},
        sent={
            "follow-up record": len(cohort),
            "later version": sum(int((rows.version > 1).sum()) for rows in records),
            "nullification": sum(int(rows.nullified.sum()) for rows in records),
            "repeat": sum(int((~np.isnan(rows.again)).sum()) for rows in records),
            "report": reports,
        },
        harms=tuple(
            Planted(
                harm.name,
                harm.event,
                harm.streams,
                plan.strength(harm.name),
                harm.none,
                harm.unit,
                harm.arms,
                harm.marker,
                harm.why,
                tuple(_struck(cohort, names, harm.name)),
            )
            for harm in harms().values()
        ),
    )


def _struck(cohort: Cohort, names: Names, name: str) -> Iterator[Struck]:
    """Courses, or for a harm of single sessions these, by course and day."""
    given, harmed = cohort.sessions, cohort.harmed
    until = np.minimum(given.until, harmed.stops)
    if name == "stimulant":
        rows = np.flatnonzero(harmed.surge & (given.day <= until[given.course]))
        yield from _named(names, given.course[rows], given.day[rows])
        return
    if name == "cognition":
        course = np.flatnonzero((harmed.decline > 0) & (harmed.declines_from <= until))
        yield from _named(names, course, harmed.declines_from[course])
        return
    onset, natural = {
        "cystitis": (harmed.urinary, harmed.urinary_anyway),
        "misuse": (harmed.misuse, harmed.misuse_anyway),
    }[name]
    course = np.flatnonzero(struck(onset, given))
    yield from _named(names, course, onset[course], natural[course])


def _named(names: Names, course: Ints, day: Ints, natural: Ints | None = None) -> Iterator[Struck]:
    anyway = np.zeros(len(course), dtype=bool) if natural is None else natural <= day
    for one, on, so in zip(course.tolist(), day.tolist(), anyway.tolist(), strict=True):
        yield Struck(names.registry[one], names.patient[one], COURSE, names.date(on), so)
