"""A published figure, what was simulated for it, and the bounds that it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import stats

from streams.simulate.cohort.cohort import Cohort, simulate
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.table import Bools, Floats, Ints, Table

SEED = 20
Bounds = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, and the bounds that it has to keep (None: it is shown and not held)."""

    what: str
    published: str
    simulated: float
    bounds: Bounds
    source: str
    digits: int = 1

    @property
    def holds(self) -> bool:
        """Whether it lies within its bounds."""
        return self.bounds is None or self.bounds[0] <= self.simulated <= self.bounds[1]


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under a title."""

    title: str
    source: str = ""
    rows: list[Row] = field(default_factory=list)

    def add(
        self,
        what: str,
        published: str,
        simulated: float,
        bounds: Bounds,
        source: str = "",
        *,
        digits: int = 1,
    ) -> None:
        """One more row; without a source of its own it has the section's."""
        row = Row(what, published, float(simulated), bounds, source or self.source, digits)
        self.rows.append(row)


def counted(percent: float, n: int) -> tuple[float, float]:
    """The 95 % limits (Clopper-Pearson) of a published percentage of n patients.

    >>> [round(limit, 1) for limit in counted(8.4, 346)]
    [5.7, 11.8]
    """
    k = round(percent * n / 100)
    low = 100 * stats.beta.ppf(0.025, k, n - k + 1) if k else 0.0
    return float(low), float(100 * stats.beta.ppf(0.975, k + 1, n - k))


def a_year(events: int, years: float) -> tuple[float, float]:
    """The 95 % limits (exact, Poisson) of a published count, per 100 patient-years.

    >>> [round(limit, 2) for limit in a_year(28, 3777)]
    [0.49, 1.07]
    """
    low = stats.chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    return 100 * float(low) / years, 50 * float(stats.chi2.ppf(0.975, 2 * events + 2)) / years


def near(value: float, by: float) -> tuple[float, float]:
    """A value give or take a share of it."""
    return min(value * (1 - by), value * (1 + by)), max(value * (1 - by), value * (1 + by))


def cohort(arm: str, courses: int, days: int, plants: Mapping[str, float] | None = None) -> Cohort:
    """Courses of one arm, all followed for so many days of treatment; nothing is amiss."""
    plan = Plan(courses, days + 7, SEED, entry=0.0, plants=plants or {}, arms={arm: 1.0})
    return simulate(plan, amiss_too=False)


def rows_of(of: Cohort, kind: str, instrument: str = "") -> Table:
    """The records of a kind, of one instrument where one is named."""
    table = of.records[kind].table
    return table.take(table.column("instrument") == instrument) if instrument else table


def ever(of: Cohort, course: Ints, which: Bools, among: Bools | None = None) -> float:
    """Percent of patients (`among` those) with at least one such row."""
    had = np.zeros(len(of.people), dtype=bool)
    had[course[which]] = True
    return percent(had if among is None else had[among])


def percent(which: npt.NDArray[np.bool_]) -> float:
    """How many in a hundred."""
    return 100 * float(which.mean())


def first_score(of: Cohort, table: Table) -> Floats:
    """The score before the first dose, by course; NaN where there is none."""
    early = table.day < of.sessions.first[table.course]
    before = np.full(len(of.people), np.nan)
    before[table.course[early]] = table.column("score")[early]
    return before
