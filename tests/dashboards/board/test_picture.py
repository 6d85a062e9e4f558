"""Pictures of a score over time."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from dashboards.board.picture import MOST, Point, binned, large, small


def points(number: int) -> list[Point]:
    return [Point(i, float(i), i, i / 100, i / 100 - 1, i / 100 + 1) for i in range(number)]


@given(st.integers(1, 3000))
def test_a_picture_has_five_hundred_points_at_the_most_and_keeps_the_last(number: int) -> None:
    shown = binned(points(number))
    assert len(shown) == min(number, MOST)
    assert shown[-1].position == number - 1
    assert [p.position for p in shown] == sorted({p.position for p in shown})


def test_an_excursion_of_the_limits_is_not_lost_in_a_bin() -> None:
    listed = points(5000)
    listed[1234] = Point(1234, 0.0, 1, 0.0, -99.0, 99.0)
    shown = binned(listed)
    assert min(p.ic025 for p in shown if p.ic025 is not None) == -99.0
    assert max(p.ic975 for p in shown if p.ic975 is not None) == 99.0


def test_what_is_drawn_has_no_more_points_than_the_bins() -> None:
    plot = large(points(5000), "IC of A with x")
    assert plot is not None
    line = re.search(r'class="line" points="([^"]*)"', plot.svg)
    assert line is not None
    assert len(line[1].split()) == MOST


def test_a_picture_says_in_words_what_it_shows() -> None:
    plot = small(points(201), "A, x")
    assert plot is not None
    assert plot.words == (
        "IC 0.00 at n = 0, then 2.00 at n = 200, over 201 changes; IC025 now 1.00, above 0."
    )
    assert f'aria-label="A, x: {plot.words}"' in plot.svg


def test_the_zero_line_and_the_values_share_one_scale() -> None:
    # from -1 to 3: steps of 1, so 0 lies a quarter from the bottom and 2 a quarter from the top
    plot = large([Point(1, 0.0, 1, 2.0, -1.0, 3.0)], "A")
    assert plot is not None
    assert plot.ticks == ("3", "2", "1", "0", "−1")
    assert 'class="zero" x1="0" x2="1000" y1="180.0" y2="180.0"' in plot.svg
    assert 'class="line" points="0.0,60.0 1000,60.0"' in plot.svg


def test_names_cannot_break_out_of_the_picture() -> None:
    plot = small(points(2), '"><script>alert(1)</script>')
    assert plot is not None
    assert "<script" not in plot.svg


def test_without_a_score_there_is_no_picture() -> None:
    assert small([], "A") is None
    assert large([Point(1, 0.0, 1, None, None, None)], "A") is None
