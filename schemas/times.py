"""Moments as senders state them: an aware datetime, or a date of stated precision.

A moment is kept as it was sent; what compares or counts uses the functions here.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_EARLIEST = date(1850, 1, 1)
# for the schema that senders see: all but what a calendar knows, such as 29 February
_PATTERN = (
    r"^(18[5-9][0-9]|19[0-9]{2}|[2-9][0-9]{3})"
    r"(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))?)?)?$"
)
# a calendar day has begun somewhere up to 14 hours before it begins in UTC
_DATE_SLACK = timedelta(hours=14)
_CLOCK_SLACK = timedelta(minutes=5)


@lru_cache(maxsize=65536)
def start(moment: str) -> datetime:
    """The first instant (UTC) that a moment can mean; `ValueError` where it is none.

    The error's argument is the stable code: `naive_datetime` or `not_a_date`.

    >>> start("2025-07").isoformat()
    '2025-07-01T00:00:00+00:00'
    >>> start("2025-07-03T10:00:00+02:00").isoformat()
    '2025-07-03T08:00:00+00:00'
    """
    if match := _DATE.fullmatch(moment):
        year, month, day = match.groups()
        try:
            found = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
        except ValueError:
            raise ValueError("not_a_date") from None
    else:
        if not moment[:4].isdigit() or len(moment) < 16:
            raise ValueError("not_a_date")
        try:
            found = datetime.fromisoformat(moment)
        except ValueError:
            raise ValueError("not_a_date") from None
        if found.tzinfo is None:
            raise ValueError("naive_datetime")
        try:
            found = found.astimezone(UTC)
        except OverflowError:
            raise ValueError("not_a_date") from None
    if found.date() < _EARLIEST:
        raise ValueError("not_a_date")
    return found


def day(moment: str) -> int:
    """The proleptic ordinal of the day (UTC) on which a moment begins, of two the first.

    >>> date.fromordinal(day("1999-02-12")).isoformat()
    '1999-02-12'
    """
    return start(moment.partition("/")[0]).toordinal()


@lru_cache(maxsize=65536)
def sort_key(moment: str) -> str:
    """A text that sorts as moments do: by first instant, then the more precise one last.

    Two moments with a slash between are ordered by the first, then by the second.

    >>> sort_key("2025-07") < sort_key("2025-07-01") < sort_key("2025-07-01T00:00:00Z")
    True
    >>> sort_key("2025-07-01") < sort_key("2025-07-01/2024") < sort_key("2025-07-01/2025")
    True
    """
    moment, slash, second = moment.partition("/")
    if slash:
        return f"{sort_key(moment)}/{sort_key(second)}"
    return f"{start(moment):%Y-%m-%dT%H:%M:%S.%f}/{min(len(moment), 11):02d}"


def in_future(moment: str, now: datetime) -> bool:
    """Whether a moment lies after `now`, with slack for clocks (5 min) and time zones (14 h).

    >>> in_future("2025-07-04", datetime(2025, 7, 3, 12, tzinfo=UTC))
    False
    >>> in_future("2025-07-05", datetime(2025, 7, 3, 12, tzinfo=UTC))
    True
    """
    return start(moment) > now + (_DATE_SLACK if len(moment) <= 10 else _CLOCK_SLACK)


def _check(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("wrong_type", "a date or datetime is a text such as 2025-07-03")
    try:
        start(value)
    except ValueError as error:
        code = str(error.args[0])
        if code == "naive_datetime":
            raise PydanticCustomError(
                code, "the datetime has no time zone; append Z or an offset such as +02:00"
            ) from None
        raise PydanticCustomError(
            "not_a_date", "not an ISO date (2025, 2025-07, 2025-07-03) or datetime with zone"
        ) from None
    return value


Moment = Annotated[
    str,
    BeforeValidator(_check),
    WithJsonSchema(
        {
            "type": "string",
            "description": "ISO 8601: an aware datetime, or a date as precise as it is known",
            "pattern": _PATTERN,
            "examples": ["2025", "2025-07", "2025-07-03", "2025-07-03T10:15:00Z"],
        }
    ),
]
