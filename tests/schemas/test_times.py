"""Moments: what they can mean, how they sort, what lies in the future."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import times

DAYS = st.dates(min_value=date(1850, 1, 1), max_value=date(2100, 1, 1))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
INSTANTS = st.builds(
    lambda moment, zone: moment.replace(tzinfo=zone),
    st.datetimes(min_value=datetime(1851, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
    OFFSETS,
)
MOMENTS = st.one_of(
    DAYS.map(lambda day: f"{day:%Y}"),
    DAYS.map(lambda day: f"{day:%Y-%m}"),
    DAYS.map(date.isoformat),
    INSTANTS.map(datetime.isoformat),
)


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("2025-07-03T10:00:00", "naive_datetime"),
        ("2025-07-03 10:00", "naive_datetime"),
        ("2025-02-30", "not_a_date"),
        ("2025-13", "not_a_date"),
        ("20250703", "not_a_date"),
        ("03.07.2025", "not_a_date"),
        ("yesterday", "not_a_date"),
        ("", "not_a_date"),
        ("1849-12-31", "not_a_date"),
        ("0000", "not_a_date"),
        ("2025-07-03T25:00:00Z", "not_a_date"),
        ("9999-12-31T23:59:59-10:00", "not_a_date"),
        ("２０２５-07-03", "not_a_date"),
    ],
)
def test_what_is_no_moment_is_refused_with_a_code(moment: str, code: str) -> None:
    with pytest.raises(ValueError, match=f"^{code}$"):
        times.start(moment)


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    outcome = "moment"
    try:
        assert times.start(text).tzinfo is UTC
    except ValueError as error:
        outcome = str(error)
    assert outcome in {"moment", "naive_datetime", "not_a_date"}


@given(MOMENTS, MOMENTS)
def test_moments_sort_by_first_instant_and_then_by_precision(a: str, b: str) -> None:
    def key(moment: str) -> tuple[datetime, int]:
        return times.start(moment), min(len(moment), 11)

    assert (times.sort_key(a) < times.sort_key(b)) == (key(a) < key(b))


@given(INSTANTS, OFFSETS)
def test_the_same_instant_in_another_zone_sorts_the_same(instant: datetime, zone: timezone) -> None:
    elsewhere = instant.astimezone(zone)
    assert times.sort_key(instant.isoformat()) == times.sort_key(elsewhere.isoformat())


@given(DAYS)
def test_a_date_belongs_to_its_own_day(day: date) -> None:
    assert times.day(day.isoformat()) == day.toordinal()


@given(INSTANTS)
def test_what_has_happened_is_never_in_the_future(instant: datetime) -> None:
    assert not times.in_future(instant.isoformat(), instant.astimezone(UTC))
    assert not times.in_future(instant.date().isoformat(), instant.astimezone(UTC))
    assert times.in_future((instant + timedelta(minutes=6)).isoformat(), instant.astimezone(UTC))
