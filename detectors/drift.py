"""Drift of coding: whether a sender's reports name things otherwise than its own earlier ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from detectors.coding import GROUP
from detectors.sequential.change import change
from schemas.envelope import Change

ALPHA = 0.01
MONTHS = 12  # of the past that are compared with
REPORTS = "reports"  # stands for all of them
UNCODED_PRODUCT, UNCODED_EVENT = "uncoded product", "uncoded event"
MORE, FEWER = "more", "fewer"

# how many reports of a sender name a thing in a month: (sender, month, thing)
Counts = Mapping[tuple[str, str, str], int]


@dataclass(frozen=True, slots=True)
class Drift:
    """How often a sender's reports name one thing in a month and in the months before.

    `y` of `n` reports do, `y_past` of `n_past` did; `direction` is the one that was tested.
    `log_e` at or above `limit` is a drift.
    """

    sender: str
    month: str
    what: str
    direction: str
    y: int
    n: int
    y_past: int
    n_past: int
    log_e: float
    limit: float

    @property
    def drifts(self) -> bool:
        """Whether the evidence is beyond its limit."""
        return self.log_e >= self.limit

    def touches(self, groups: Iterable[str]) -> bool:
        """Whether a pair whose event stands in those groups may be miscounted for it."""
        return not self.what.startswith(GROUP) or self.what.removeprefix(GROUP) in set(groups)


def named(coded: Change) -> list[str]:
    """What a report names that is watched for drift, and that it is a report.

    >>> from schemas.envelope import CodedEvent
    >>> event = CodedEvent("Cystitis", 1, ("urinary",))
    >>> named(Change("case", events=(event, CodedEvent("xyz", 1, matched=False))))
    ['reports', 'group:urinary', 'uncoded event']
    """
    found = {f"{GROUP}{group}" for event in coded.events for group in event.groups}
    if not all(event.matched for event in coded.events):
        found.add(UNCODED_EVENT)
    if not all(product.matched for product in coded.products):
        found.add(UNCODED_PRODUCT)
    return [REPORTS, *sorted(found)]


def drifts(counts: Counts, months: Sequence[str], alpha: float = ALPHA) -> list[Drift]:
    """Every sender with a past, every thing and either direction, in some months.

    The share of reports that name a thing is compared with that of the twelve months before, by the
    e-value of `sequential.change`: the odds have changed by more than its margin (1.25). The past
    is fixed when a month begins, so that it may be looked at all month; the limit is
    log(tests / alpha), so that where nothing drifts, a month has any false alarm at all with a
    probability of at most alpha. Reports of one sender are taken to be independent. Source: as
    there. Verified by simulation: `tests/detectors/test_drift.py`.

    >>> counts = {("a", "2026-01", "reports"): 400, ("a", "2026-01", "uncoded event"): 20}
    >>> counts |= {("a", "2026-02", "reports"): 60, ("a", "2026-02", "uncoded event"): 30}
    >>> found = drifts(counts, ["2026-02"])
    >>> [(one.what, one.direction, one.drifts) for one in found if one.drifts]
    [('uncoded event', 'more', True)]
    """
    out = []
    for month in months:
        rows = [
            (sender, what, numbers)
            for sender, what in sorted({(sender, what) for sender, _, what in counts})
            if what != REPORTS and (numbers := _numbers(counts, sender, what, month)) is not None
        ]
        if not rows:
            continue
        limit = log(2 * len(rows) / alpha)
        y, n, y_past, n_past = np.array([numbers for _, _, numbers in rows], dtype=np.float64).T
        more = change(y, n, y_past, n_past)
        fewer = change(n - y, n, n_past - y_past, n_past)
        for direction, log_e in ((MORE, more), (FEWER, fewer)):
            out += [
                Drift(sender, month, what, direction, *numbers, float(e), limit)
                for (sender, what, numbers), e in zip(rows, log_e, strict=True)
            ]
    return out


def _numbers(
    counts: Counts, sender: str, what: str, month: str
) -> tuple[int, int, int, int] | None:
    """y, n, y_past, n_past of a month; None without reports, or without a past."""
    n = counts.get((sender, month, REPORTS), 0)
    earlier = sorted({of for who, of, _ in counts if who == sender and of < month})[-MONTHS:]
    n_past = sum(counts.get((sender, of, REPORTS), 0) for of in earlier)
    if not n or not n_past:
        return None
    y_past = sum(counts.get((sender, of, what), 0) for of in earlier)
    return counts.get((sender, month, what), 0), n, y_past, n_past
