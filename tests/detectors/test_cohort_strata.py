"""Strata of a cohort: one by one the counts of the cohort itself."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.cohort import Cohort
from detectors.cohort_strata import AXES, EVERY, Strata, strata
from detectors.followup.content import CourseContent
from detectors.followup.spells import KINDS
from detectors.scope import Scope
from tests.detectors.cohort_days import EVENTS, FIRST, contents, written_out

COUNTS = ("n", "days", "sessions", "sessions_with", "sessions_to_first")
Key = tuple[str, str, str, str]


def counts(found: Strata) -> dict[Key, tuple[int, ...]]:
    keys = zip(found.product, found.axis, found.stratum, found.event, strict=True)
    values = zip(*(getattr(found, name).tolist() for name in COUNTS), strict=True)
    return dict(zip(keys, values, strict=True))


@given(st.lists(contents(), max_size=5), st.integers(0, 60))
@settings(max_examples=60)
def test_every_row_is_what_its_days_add_up_to(held: list[CourseContent], through: int) -> None:
    scope = Scope(FIRST + through, lag_days=0, assessed_by={"Haematuria": frozenset({"urinary"})})
    events = [*EVENTS, "Never seen"]
    book = Cohort.of((i, 1, content) for i, content in enumerate(held))
    found = counts(strata(book, scope, events))
    expected: dict[Key, list[int]] = {}
    for axis in ("", *AXES):
        within = Scope(scope.lock_day, 0, KINDS, assessed_by=scope.assessed_by)
        by = ("product", axis) if axis else ("product",)
        days = written_out(held, by, within if axis == "kind" else scope, events)
        for place, name in enumerate(COUNTS):
            for (_, row, event), amount in days[name].items():
                key = (row[0], axis, row[1] if axis else "", event)
                expected.setdefault(key, [0] * len(COUNTS))[place] += amount
                if not axis:
                    whole = expected.setdefault((EVERY, "", "", event), [0] * len(COUNTS))
                    whole[place] += amount
    # a product stands there without any data too, a stratum does not
    assert {key: value for key, value in found.items() if any(value)} == {
        key: tuple(value) for key, value in expected.items() if any(value)
    }
    assert all(not axis for (_, axis, _, _), value in found.items() if not any(value))


def test_a_cohort_of_nobody_has_no_row() -> None:
    assert len(strata(Cohort(), Scope(FIRST), EVENTS)) == 0


@given(st.lists(contents(), min_size=1, max_size=4))
@settings(max_examples=40)
def test_the_sums_of_sessions_are_those_of_the_cohort(held: list[CourseContent]) -> None:
    scope = Scope(FIRST + 60, lag_days=0)
    book = Cohort.of((i, 1, content) for i, content in enumerate(held))
    found = strata(book, scope, EVENTS)
    cells, within = (
        book.cells(("product",), scope, EVENTS),
        book.clusters(("product",), scope, EVENTS),
    )
    whole = np.flatnonzero((found.axis == "") & (found.product != EVERY))
    rows = [(row[0], event) for row in cells.rows for event in EVENTS]
    assert list(zip(found.product[whole], found.event[whole], strict=True)) == rows
    for name in ("courses", "with_with", "with_all", "all_all"):
        ours, theirs = getattr(found.clusters, name)[whole], getattr(within, name)
        np.testing.assert_array_equal(ours, theirs.ravel())
