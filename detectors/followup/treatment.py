"""Whether a course was being treated on a day: from its first dose to some time after the last."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from detectors.followup.record import Observed
from schemas.followup import Dispensing, Dose, Exit

# the kinds of record that tell of treatment
KINDS = frozenset({"enrolment", "dose", "dispensing", "exit"})


class Treatment(msgspec.Struct, frozen=True, array_like=True):
    """The first dose or supply (day 0: none yet), the last day covered by one, and the exit.

    `seen_day` is that of the first record. A course that is seen for long without any dose or
    supply is taken as treated all the same, since its doses may not be sent (`untold`).

    >>> from detectors.followup.record import observed
    >>> given = observed(Dose(registry="r", record_id="1", patient="p", course="c",
    ...     at="2025-07-03", kind="dose", product="ketamine", dose_mg=40))
    >>> treated = Treatment().after(given, 56)
    >>> treated.stopped(given.day + 42, 42), treated.stopped(given.day + 43, 42)
    (False, True)
    """

    seen_day: int = 0
    first_day: int = 0
    first_instant: float = 0.0
    first_timed: bool = False
    last_day: int = 0
    exited: bool = False
    untold: bool = False

    def after(self, observed: Observed, untold_days: int) -> Treatment:
        """As it stands after a record; a dose of nothing is none, a dose after an exit undoes it.

        A supply covers the days that it is for, or its own where they are not said. `untold_days`
        is for how long a course may be seen without a dose and still be before its first.
        """
        record = observed.record
        seen = replace(self, seen_day=self.seen_day or observed.day)
        if isinstance(record, Exit):
            return replace(seen, exited=True)
        if isinstance(record, Dispensing):
            last = observed.day + int(record.days_supply or 0)
        elif isinstance(record, Dose) and record.dose_mg > 0:
            last = observed.day
        elif seen.untold:
            return replace(seen, last_day=observed.day)
        elif not seen.first_day and observed.day > seen.seen_day + untold_days:
            day = seen.seen_day + untold_days
            return replace(seen, first_day=day, last_day=observed.day, untold=True)
        else:
            return seen
        seen = replace(seen, last_day=max(last, seen.last_day), exited=False, untold=False)
        if seen.first_day:
            return seen
        return replace(
            seen,
            first_day=observed.day,
            first_instant=observed.instant,
            first_timed=observed.timed,
        )

    def preceded_by(self, observed: Observed) -> bool:
        """Whether a record was measured before the first dose.

        On the day of that dose it was, unless both have a time and say otherwise: what is measured
        at the first session as a rule is measured before it.
        """
        if not self.first_day:
            return True
        return observed.day <= self.first_day and not (
            observed.timed and self.first_timed and observed.instant > self.first_instant
        )

    def stopped(self, day: int, days: float) -> bool:
        """Whether treatment is over: by an exit, or more than `days` after the last day covered."""
        return self.first_day > 0 and (self.exited or day > self.last_day + days)
