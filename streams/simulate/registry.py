"""Simulated registries: whole courses, day by day, and the forms that go with them."""

from __future__ import annotations

import heapq
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from random import Random

import numpy as np

from streams.simulate.clinic import Mix
from streams.simulate.cohort.cohort import Cohort, simulate
from streams.simulate.cohort.figures import harms
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.reports import Case, forms, written
from streams.simulate.cohort.truth import told
from streams.simulate.cohort.writing import Outgoing, followups
from streams.simulate.facts import planted_in_courses
from streams.simulate.truth import ToldHarm

_COURSES, _DAYS = 64, 540
_ENTRY = 0.04  # of the days, so that all courses go through the same months together


class Registry:
    """One registry; `next(now)` gives the reports and the follow-up records of one day.

    Its courses are dated back: the last of their days is the one before they are begun to be
    sent. They are sent in the order in which they would have been, late, corrected and void
    records among them. When all are sent, others follow, dated back again. `arms` says how its
    patients are treated. Its reports are solicited: a form asks for them at every session, or in
    a registry of antidepressants at every other visit. Apart from the dates, all of it follows
    from the seed.
    """

    def __init__(self, name: str, arms: Mapping[str, float], seed: int) -> None:
        self.name = name
        self.sent: Counter[str] = Counter()
        self.harms: tuple[ToldHarm, ...] = ()
        self._arms = arms
        self._seed = seed
        self._rng = Random(f"{name}/{seed}")
        self._mix = Mix()
        self._waves = 0
        self._days: Iterator[list[Outgoing]] = iter(())

    def next(self, now: datetime) -> tuple[list[bytes], list[bytes]]:
        """What is sent on the next day of the courses: reports, follow-up records."""
        sent = next(self._days, None)
        if sent is None:
            self._days = self._wave(now)
            sent = next(self._days)
        reports = [one.raw for one in sent if one.stream == "reports"]
        records = [one.raw for one in sent if one.stream == "followups"]
        self.sent["follow-up record"] += len(records)
        self.sent["solicited report"] += len(reports)
        return reports, records

    def _wave(self, now: datetime) -> Iterator[list[Outgoing]]:
        """The next courses, as lists of what is sent on one day."""
        self._waves += 1
        plan = Plan(
            courses=_COURSES,
            days=_DAYS,
            seed=zlib.crc32(f"{self.name}/{self._seed}/{self._waves}".encode()),
            entry=_ENTRY,
            plants=planted_in_courses().get(self.name, {}),
            arms=self._arms,
            prefix=f"{self.name}-{self._waves}-",
        )
        cohort = simulate(plan)
        origin = now.date() - timedelta(days=_DAYS)
        self.harms = tuple(
            ToldHarm(
                self.name, one.name, one.event, one.strength, one.unit, one.why, len(one.struck)
            )
            for one in told(cohort, origin).harms
            if one.strength != harms()[one.name].none
        )
        cases = self._asked(cohort) if "comparator" in self._arms else forms(cohort)
        both = heapq.merge(
            followups(cohort, origin), written(cohort, origin, cases), key=lambda one: one.sent
        )
        return (list(group) for _, group in groupby(both, key=lambda one: int(one.sent)))

    def _asked(self, cohort: Cohort) -> Iterator[Case]:
        """What patients name when they are asked at every other visit: the background's events."""
        mood = cohort.records["mood"]
        rows = np.flatnonzero(mood.newest & (mood.table.column("instrument") == "PHQ-9"))
        for course, day, sent in zip(
            mood.table.course[rows].tolist(),
            mood.table.day[rows].tolist(),
            mood.sent[rows].tolist(),
            strict=True,
        ):
            if self._rng.random() < 0.5:
                product = cohort.people.arms[cohort.people.arm[course]].product
                yield Case(course, day, sent, (self._mix.event(self._rng, product),), True)
