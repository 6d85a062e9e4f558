"""A moment of the detector: in which transaction it writes, at which position, and when."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import NamedTuple

from sqlalchemy import Connection


class Moment(NamedTuple):
    """The transaction, the position in `changes`, and the system time (seconds since 1970)."""

    connection: Connection
    position: int
    at: float

    @property
    def day(self) -> str:
        """The day (UTC) of the system time."""
        return day(self.at)


EPOCH = date(1970, 1, 1).toordinal()


def ordinal(at: float) -> int:
    """The same day as an ordinal, as cases are dated.

    >>> ordinal(86_400.0), ordinal(0.0)
    (719164, 719163)
    """
    return int(at // 86_400) + EPOCH


def day(at: float) -> str:
    """The day (UTC) of a time in seconds since 1970.

    >>> day(86_400.0)
    '1970-01-02'
    """
    return datetime.fromtimestamp(at, UTC).date().isoformat()
