"""The distributions keep to the published figures, and the page says what the simulation gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streams.simulate.cohort.published import Row, Section, page, sections
from streams.simulate.cohort.published.row import a_year, counted, ever, first_score, near
from streams.simulate.cohort.published.row import cohort as one_arm

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def found() -> list[Section]:
    return sections()


def test_every_figure_lies_within_its_tolerance(found: list[Section]) -> None:
    wrong = [
        f"{section.title}: {row.what}: {row.simulated} is not within {row.bounds}"
        for section in found
        for row in section.rows
        if not row.holds
    ]
    assert not wrong


def test_most_figures_are_held_and_each_has_a_source(found: list[Section]) -> None:
    rows = [row for section in found for row in section.rows]
    assert len(rows) > 90
    shown = [row for row in rows if row.bounds is None]
    assert {row.what.rpartition(", ")[2] for row in shown} == {"in the first week"}
    assert all(row.source for row in rows)


def test_a_tolerance_holds_the_published_figure_and_is_not_everything(
    found: list[Section],
) -> None:
    for section in found:
        for row in section.rows:
            first = row.published.split(" ")[0]
            if row.bounds is None or not first.lstrip("-")[:1].isdigit():
                continue
            low, high = row.bounds
            parts = first.split("-") if not first.startswith("-") else [first]
            assert low <= max(map(float, parts)), row
            assert high >= min(map(float, parts)), row
            assert low > 0 or high < 0, row


def test_the_page_is_what_the_simulation_gives(found: list[Section]) -> None:
    written = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8")
    assert written == page(found), "run ./dev docs"


def test_a_row_holds_at_its_bounds_and_not_beyond() -> None:
    bounds = (1.0, 2.0)
    values = [0.99, 1.0, 2.0, 2.01]
    assert [Row("x", "", v, bounds, "").holds for v in values] == [False, True, True, False]
    assert Row("x", "", 99.0, None, "").holds


def test_exact_limits_are_those_of_the_textbooks() -> None:
    # 0 of 10: 1 - 0.025^(1/10); 5 of 10 from tables of Clopper and Pearson
    assert counted(0, 10) == pytest.approx((0.0, 100 * (1 - 0.025**0.1)))
    assert counted(50, 10) == pytest.approx((18.71, 81.29), abs=0.005)
    # Poisson, 10 events: 4.795 to 18.39
    assert a_year(10, 100) == pytest.approx((4.795, 18.39), abs=0.005)
    assert a_year(0, 100) == pytest.approx((0.0, -np.log(0.025)))


def test_near_is_in_order_for_negative_figures_too() -> None:
    assert near(-10.0, 0.1) == pytest.approx((-11.0, -9.0))
    assert near(10.0, 0.1) == pytest.approx((9.0, 11.0))


def test_ever_counts_patients_and_not_rows() -> None:
    of = one_arm("oral", 4, 10)
    course, which = np.array([0, 0, 1, 2]), np.array([True, True, False, True])
    assert ever(of, course, which) == 50.0
    assert ever(of, course, which, np.array([True, False, False, False])) == 100.0


def test_the_first_score_is_the_one_before_treatment() -> None:
    of = one_arm("oral", 50, 30)
    table = of.records["mood"].table
    mine = table.take(table.column("instrument") == "PHQ-9")
    before = first_score(of, mine)
    early = mine.day < of.sessions.first[mine.course]
    assert (before[mine.course[early]] == mine.column("score")[early]).all()
    assert not np.isnan(before).any()
