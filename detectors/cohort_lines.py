"""The courses behind a rate: what each with the event adds to the counts of a product."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from detectors import cohort_counts
from detectors.at_risk import AtRisk
from detectors.cohort import Cohort
from detectors.courses import NOWHERE
from detectors.followup.exposure import Stratum
from detectors.scope import Scope


class Line(NamedTuple):
    """A course with the event: where in the order of the cohort, and its first event.

    `n` is 1 where that counts for the product, `days` are the person-days at risk on it, up to the
    event. `stratum`: what was given on the day of the event; None: nothing is known of it.
    """

    place: int
    day: int
    n: int
    days: int
    stratum: Stratum | None


class Lines(NamedTuple):
    """Courses with the event in the order of the cohort, and what all others add: they have none.

    The sums over both are the product's counts.
    """

    lines: tuple[Line, ...]
    other_courses: int
    other_days: int


def lines(cohort: Cohort, scope: Scope, product: str, event: str) -> Lines:
    """The courses that had an event up to the day of a scope and were given a product.

    >>> from detectors.followup.content import CourseContent, Event
    >>> from detectors.followup.spells import Spell
    >>> had, had_not = (CourseContent("r", contact=739_100, strata=(Stratum("x"),),
    ...     spells=(Spell(739_000, 739_101, 1, 0, 1),), events=events)
    ...     for events in ((Event("Haematuria", 739_050),), ()))
    >>> found = lines(Cohort.of([(7, 1, had), (9, 1, had_not)]), Scope(739_200), "x", "Haematuria")
    >>> found.lines[0][:4], found.other_courses, found.other_days
    ((0, 739050, 1, 51), 1, 101)
    """
    at_risk = AtRisk(cohort.courses, [event], scope)
    rows = at_risk.rows(("product",))
    if (product,) not in rows.names:
        return Lines((), 0, 0)
    row = rows.names.index((product,))
    spells, strata = cohort.courses.spells, cohort.courses.coding.strata.values
    course, day, spell = at_risk.firsts(0)
    one = at_risk.affected(0)
    mine = np.flatnonzero(rows.row[one.spell] == row)
    owner = spells.course[one.spell[mine]]
    size = cohort.courses.size
    days = np.bincount(owner, at_risk.length(one.spell[mine], one.end[mine]), size).astype(np.int64)
    given = np.isin(course, owner) & (day <= scope.through)
    out = [
        Line(
            place,
            on,
            int(rows.row[at] == row),
            int(days[place]),
            None if at == NOWHERE else strata[spells.stratum[at]],
        )
        for place, on, at in _zipped(course[given], day[given], spell[given])
    ]
    whole = cohort_counts.cells(at_risk, ("product",))
    counted = sum(line.days > 0 for line in out)
    return Lines(
        tuple(out),
        int(whole.courses[row, 0]) - counted,
        int(whole.days[row, 0]) - sum(line.days for line in out),
    )


def _zipped(*columns: np.ndarray) -> Iterable[tuple[int, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)
