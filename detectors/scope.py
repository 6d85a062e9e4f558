"""What is counted of a cohort, and up to which day; and the counts that come of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from detectors.courses import DAY
from detectors.disproportionality.method import Floats, Integers
from detectors.followup.spells import EXPOSED, KINDS
from schemas.errors import InputError

YEAR = 365.25
GROUP = "group:"
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """What is counted, and up to which day.

    Events and person-time count up to `lock_day` less `lag_days`, the time that reports take, and
    no further than the last record of the course's registry, since a silent registry adds no
    person-time. `kinds` are the kinds of spell that count. `groups`: by event, the groups that it
    stands in. `assessed_by`: by event, the kinds of record of which a course (or a session) must
    have one to be at risk of it; an event that is not named needs none. `per_session`: events that
    are counted once a session, beside those of which a finding says so. InputError
    `bad_parameter`.

    >>> Scope(739_100, lag_days=30).through
    739070
    """

    lock_day: int
    lag_days: int = 30
    kinds: tuple[str, ...] = EXPOSED
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assessed_by: Mapping[str, frozenset[str]] = field(default_factory=dict)
    per_session: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not 0 <= self.lag_days < self.lock_day < DAY:
            raise InputError("bad_parameter", "a lag below 0, or a lock day that is none")
        if not self.kinds or not set(self.kinds) <= set(KINDS):
            raise InputError("bad_parameter", f"the kinds of spell are {', '.join(KINDS)}")

    @property
    def through(self) -> int:
        """The last day that counts."""
        return self.lock_day - self.lag_days

    def assessing(self, events: Iterable[str]) -> frozenset[str] | None:
        """The kinds that can show an event, or any member of a group; None: no record is needed.

        >>> by = {"Haematuria": frozenset({"urinary"})}
        >>> Scope(739_100, assessed_by=by).assessing(["Haematuria", "Cystitis"])
        frozenset({'urinary'})
        """
        known = [self.assessed_by[event] for event in events if event in self.assessed_by]
        return frozenset[str]().union(*known) if known else None

    def members(self, event: str) -> list[str]:
        """The events of a group named as `group:NAME`, else the event alone.

        >>> Scope(739_100, groups={"Cystitis": ("urinary",)}).members("group:urinary")
        ['Cystitis']
        """
        if not event.startswith(GROUP):
            return [event]
        name = event.removeprefix(GROUP)
        return [member for member, groups in self.groups.items() if name in groups]


@dataclass(frozen=True, slots=True)
class Cells:
    """Counts of each row (a value of each of `by`) and event, each of shape (rows, events).

    `n` are first events, `days` the person-days up to them, `courses` how many gave any. Of events
    counted once a session: `sessions` that were assessed, `sessions_with` the event, and
    `sessions_to_first`, those up to the course's first event; else 0. `outside` (events,) are
    first events that lie in no row: not under observation, or in a spell of a kind that does not
    count. Where `days` (or `sessions`) are 0 there is no data; 0 events are another thing.
    """

    by: tuple[str, ...]
    rows: tuple[Row, ...]
    events: tuple[str, ...]
    n: Integers
    days: Integers
    courses: Integers
    sessions: Integers
    sessions_with: Integers
    sessions_to_first: Integers
    outside: Integers

    @property
    def years(self) -> Floats:
        """Person-time in patient-years."""
        return self.days / YEAR


@dataclass(frozen=True, slots=True)
class Daily:
    """What each day, from `first_day` on, adds to cells: each of shape (days, rows, events)."""

    first_day: int
    by: tuple[str, ...]
    rows: tuple[Row, ...]
    events: tuple[str, ...]
    n: Integers
    days: Integers
    sessions: Integers
    sessions_with: Integers
    sessions_to_first: Integers

    @property
    def years(self) -> Floats:
        """Person-time in patient-years."""
        return self.days / YEAR


@dataclass(frozen=True, slots=True)
class Clusters:
    """How sessions lie within courses: sums over courses, each of shape (rows, events).

    Of s sessions assessed and w with the event in a course: `courses` with s > 0, and the sums of
    w w, w s and s s. They say how far sessions of one patient are alike (see `rates.share`).
    """

    courses: Integers
    with_with: Integers
    with_all: Integers
    all_all: Integers
