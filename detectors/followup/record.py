"""A follow-up record in its place among those of its course."""

from __future__ import annotations

from typing import NamedTuple

from schemas import times
from schemas.followup import Followup
from schemas.vocabulary import Vocabulary

# within a day: the course begins, a dose is given, it is measured, the course ends
_RANK = {"enrolment": 0, "dose": 1, "exit": 3}
_MEASURED = 2

Order = tuple[int, int, float, float, str]


class Observed(NamedTuple):
    """One record, its names coded, ready for a step.

    `day` is the ordinal of the day (UTC) on which its moment begins; `instant` the same with its
    fraction, in days; `timed` says whether the sender gave a time and not a date alone. `product`
    and `route` are names as coded, "" where the record has none or the route is not known.
    """

    id: str
    day: int
    instant: float
    timed: bool
    record: Followup
    product: str = ""
    route: str = ""

    @property
    def order(self) -> Order:
        """What orders the records of a course: day, kind, minutes after the dose, instant, id.

        The day comes before the time, since a date without a time must not fall before the dose
        that its minutes are counted from.
        """
        minutes = getattr(self.record, "minutes", None)
        return (
            self.day,
            _RANK.get(self.record.kind, _MEASURED),
            -1e6 if minutes is None else minutes,
            self.instant,
            self.id,
        )


def observed(record: Followup, *, product: str = "", route: str = "") -> Observed:
    """A record placed by its own moment.

    >>> from schemas.followup import FOLLOWUP
    >>> dose = FOLLOWUP.validate_python({"registry": "r", "record_id": "1", "patient": "p",
    ...     "course": "c", "at": "2025-07-03T12:00:00Z", "kind": "dose", "product": "Spravato",
    ...     "dose_mg": 56})
    >>> placed = observed(dose, product="esketamine", route="intranasal")
    >>> placed.day, placed.instant, placed.timed
    (739435, 739435.5, True)
    """
    start = times.start(record.at)
    seconds = start.hour * 3600 + start.minute * 60 + start.second
    day = start.toordinal()
    instant = day + seconds / 86_400
    return Observed(record.record_id, day, instant, len(record.at) > 10, record, product, route)


def coded(record: Followup, vocabulary: Vocabulary) -> Observed:
    """A record placed by its own moment, product and route as the vocabulary codes them."""
    name = getattr(record, "product", None)
    product = "" if name is None else vocabulary.product(name).name
    return observed(record, product=product, route=vocabulary.route(getattr(record, "route", None)))
