"""Order of moments, each as precise as it was stated."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.quality.spans import days_after, span

DAYS = st.dates(min_value=date(1850, 1, 2), max_value=date(2100, 1, 1))


@pytest.mark.parametrize(
    ("later", "earlier", "days"),
    [
        ("2025-07-04", "2025-07-03", 1),
        ("2025-07-03", "2025-07-03", 0),
        ("2025-08", "2025-07", 1),
        ("2025-03", "2024-02", 366),
        ("2026", "2025-12-31", 1),
        ("2025-07-03T12:00:00Z", "2025-07-03T00:00:00Z", 0.5),
        ("2025-07-03T12:00:00+02:00", "2025-07-03T10:00:00Z", 0),
    ],
)
def test_days_between_moments_of_one_kind(later: str, earlier: str, days: float) -> None:
    assert days_after(later, earlier) == pytest.approx(days)


@pytest.mark.parametrize(
    ("later", "earlier", "surely"),
    [
        ("2025-07-04", "2025-07-03T23:00:00Z", False),  # the 4th has begun in Auckland
        ("2025-07-05", "2025-07-03T23:00:00Z", True),
        ("2025-07-04T01:00:00Z", "2025-07-03", False),  # still the 3rd in Honolulu
        ("2025-07-04T13:00:00Z", "2025-07-03", True),
    ],
)
def test_a_date_is_after_an_instant_only_where_it_is_so_in_every_zone(
    later: str, earlier: str, surely: bool
) -> None:
    assert (days_after(later, earlier) > 0) is surely


@given(DAYS)
def test_a_coarse_date_is_never_after_a_finer_one_within_it(day: date) -> None:
    forms = [f"{day:%Y}", f"{day:%Y-%m}", day.isoformat(), f"{day.isoformat()}T12:00:00Z"]
    assert all(days_after(a, b) <= 0 for a in forms for b in forms)


@given(DAYS, st.integers(1, 1000))
def test_a_later_day_is_after_an_earlier_one_by_the_days_between(day: date, n: int) -> None:
    later = (day + timedelta(days=n)).isoformat()
    assert days_after(later, day.isoformat()) == n
    assert days_after(day.isoformat(), later) == -n


@given(DAYS)
def test_a_span_is_the_calendars(day: date) -> None:
    first, last, _ = span(f"{day:%Y-%m}")
    begin, end = date.fromordinal(int(first)), date.fromordinal(int(last))
    assert begin == day.replace(day=1)
    assert (end + timedelta(days=1)).day == 1
    assert begin <= day <= end
    assert span(f"{day:%Y}")[1] - span(f"{day:%Y}")[0] in (364, 365)
