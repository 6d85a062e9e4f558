"""When a course's treatment begins, and a value with the day and the record it came from."""

from __future__ import annotations

import msgspec

from detectors.followup.record import Observed
from schemas.followup import Dispensing, Dose, Enrolment

KETAMINE = ("ketamine", "esketamine", "arketamine", "ketamine (ambiguous)")


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A value, the day it is of, the record that said so, and what it is a value of."""

    value: float
    day: int
    record: str
    name: str = ""


class Treatment(msgspec.Struct, frozen=True, array_like=True):
    """The first day of a course, the first day of treatment (0: none yet), the planned product.

    Treatment begins with the first dose above 0 mg, or the first dispensing, of a product of the
    course: one that a parameter names, or the one of the enrolment.
    """

    entry: int = 0
    start: int = 0
    product: str = ""

    def covers(self, product: str, products: tuple[str, ...]) -> bool:
        """Whether a product is one of this course, and not something taken beside it.

        >>> Treatment(product="tiletamine").covers("tiletamine", KETAMINE)
        True
        >>> Treatment(product="ketamine").covers("sertraline", KETAMINE)
        False
        """
        return product in products or (product != "" and product == self.product)

    def after(self, observed: Observed, products: tuple[str, ...]) -> Treatment:
        """What is known of it after one more record."""
        record = observed.record
        entry = self.entry or observed.day
        if isinstance(record, Enrolment):
            return Treatment(entry, self.start, observed.product)
        given = isinstance(record, Dispensing) or (isinstance(record, Dose) and record.dose_mg > 0)
        if given and not self.start and self.covers(observed.product, products):
            return Treatment(entry, observed.day, self.product)
        return Treatment(entry, self.start, self.product)

    def untreated(self, day: int, grace_days: int, wait_days: int) -> bool:
        """Whether a value of this day is one from before treatment.

        It is up to `grace_days` after the start. A course that tells of no dose and no dispensing
        is taken as treated from `wait_days` after its first record, since missing doses must not
        turn every later value into a baseline.

        >>> known, silent = Treatment(entry=100, start=110), Treatment(entry=100)
        >>> [known.untreated(day, 1, 28) for day in (111, 112)]
        [True, False]
        >>> [silent.untreated(day, 1, 28) for day in (128, 129)]
        [True, False]
        """
        if self.start:
            return day <= self.start + grace_days
        return day <= self.entry + wait_days
