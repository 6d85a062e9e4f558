"""By how much one moment surely lies after another, each as precise as it was stated."""

from __future__ import annotations

from calendar import monthrange
from functools import lru_cache

from schemas import times

_SECONDS = 86400
# a calendar day, wherever it is meant, runs from 14 hours before it does in UTC to 12 hours after
_EAST, _WEST = 14 / 24, 12 / 24


@lru_cache(maxsize=1 << 17)
def span(moment: str) -> tuple[float, float, bool]:
    """First and last day (ordinals, fractions of a UTC day) of a moment; whether it is a date.

    >>> first, last, _ = span("2025-02")
    >>> last - first
    27
    """
    begin = times.start(moment)
    first = begin.toordinal()
    match len(moment):
        case 4:
            return first, first + begin.replace(month=12, day=31).toordinal() - first, True
        case 7:
            return first, first + monthrange(begin.year, begin.month)[1] - 1, True
        case 10:
            return first, first, True
    seconds = (begin - begin.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    instant = first + seconds / _SECONDS
    return instant, instant, False


@lru_cache(maxsize=1 << 17)
def days_after(later: str, earlier: str) -> float:
    """The least number of days by which `later` lies after `earlier`; not above 0 if it may not.

    A coarse date is never after a finer one within it, and a date is after an instant only where
    it is so in every time zone.

    >>> days_after("2025-07-04", "2025-07-03"), days_after("2025-07", "2025-07-03")
    (1, -2)
    >>> days_after("2025-07-04", "2025-07-03T23:00:00Z") > 0
    False
    """
    first, _, day_like = span(later)
    _, last, other_day_like = span(earlier)
    if day_like == other_day_like:
        return first - last
    return (first - _EAST) - last if day_like else first - (last + 1 + _WEST)
