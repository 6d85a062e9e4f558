"""A cohort's counts by product, as a whole and within each stratum of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors import cohort_counts
from detectors.at_risk import AtRisk
from detectors.cohort import Cohort
from detectors.disproportionality.method import Integers
from detectors.followup.spells import KINDS
from detectors.scope import Clusters, Scope

EVERY = "*"  # stands for all products together
AXES = ("route", "setting", "phase", "dose", "sessions", "kind")


class Strata(NamedTuple):
    """Counts as columns, sorted by product, axis, stratum and event.

    A product as a whole has axis and stratum ""; all products together are `EVERY`. "kind" is that
    of the spell, also days before the first dose and after stopping, which no other row has. The
    counts are those of `Cells`; `clusters` those of `Clusters`. A stratum in which nobody was at
    risk is left out, a product is not: there 0 days say that there is no data.
    """

    product: npt.NDArray[np.object_]
    axis: npt.NDArray[np.object_]
    stratum: npt.NDArray[np.object_]
    event: npt.NDArray[np.object_]
    n: Integers
    days: Integers
    courses: Integers
    sessions: Integers
    sessions_with: Integers
    sessions_to_first: Integers
    clusters: Clusters

    def __len__(self) -> int:
        return len(self.n)


def strata(cohort: Cohort, scope: Scope, events: Sequence[str]) -> Strata:
    """The counts of some events over every product and each of its strata.

    >>> from detectors.followup.content import CourseContent, Event
    >>> from detectors.followup.exposure import Stratum
    >>> from detectors.followup.spells import Spell
    >>> content = CourseContent("r", contact=739_100, strata=(Stratum("esketamine", "intranasal"),),
    ...     spells=(Spell(739_000, 739_101, 1, 0, 1),), events=(Event("Haematuria", 739_050),))
    >>> found = strata(Cohort.of([(7, 1, content)]), Scope(739_200), ["Haematuria"])
    >>> for row in zip(found.product, found.axis, found.stratum, found.n, found.days):
    ...     print(*row)
    *   1 51
    esketamine   1 51
    esketamine dose  1 51
    esketamine kind treated 1 51
    esketamine phase  1 51
    esketamine route intranasal 1 51
    esketamine sessions 1-8 1 51
    esketamine setting  1 51
    """
    at_risk = AtRisk(cohort.courses, events, scope)
    keys: list[tuple[str, str, str]] = []
    parts: list[list[Integers]] = []

    def add(by: Sequence[str], kinds: Sequence[str] | None = None) -> None:
        cells = cohort_counts.cells(at_risk, by, kinds)
        within = cohort_counts.clusters(at_risk, by, kinds)
        for row in cells.rows:
            product, stratum = (*row, "", "")[:2] if row else (EVERY, "")
            keys.append((product, by[1] if len(by) > 1 else "", stratum))
        sessions = cells.sessions, cells.sessions_with, cells.sessions_to_first
        sums = within.courses, within.with_with, within.with_all, within.all_all
        parts.append([cells.n, cells.days, cells.courses, *sessions, *sums])

    add(())
    add(("product",))
    for axis in AXES:
        add(("product", axis), KINDS if axis == "kind" else None)
    order = sorted(range(len(keys)), key=keys.__getitem__)
    columns = [np.concatenate(held)[order] for held in zip(*parts, strict=True)]
    names = np.array([*keys, ("", "", "")], dtype=object)[order]
    n, days, courses, sessions, sessions_with, to_first, *sums = columns
    whole = np.array([not axis for axis in names[:, 1]], dtype=bool)[:, None]
    kept = whole | (days > 0) | (sessions > 0)
    row, event = np.nonzero(kept)
    product, axis, stratum = names[row].T
    return Strata(
        product,
        axis,
        stratum,
        np.array([*events, ""], dtype=object)[event],
        n[kept],
        days[kept],
        courses[kept],
        sessions[kept],
        sessions_with[kept],
        to_first[kept],
        Clusters(*(column[kept] for column in sums)),
    )
