"""Each sender's shares of missing, unknown and doubled values, which batch rules judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One active record of a batch, its body decoded.

    `place` is its place in the batch, `taken_day` the day (ordinal, UTC) the gateway took it; the
    four counts are of its coded products and events.
    """

    place: int
    sender: str
    record_id: str
    version: int | None
    taken_day: int
    body: Mapping[str, Any]
    unknown_products: int
    unknown_events: int
    n_products: int
    n_events: int


class Tally:
    """What the records of one sender add up to."""

    def __init__(self) -> None:
        self.records = 0
        self._counts: Counter[str] = Counter()
        self._products = self._events = 0

    def add(self, row: Row, *, repeated: bool) -> None:
        """Count one record; `repeated`: its batch held the same version before."""
        self.records += 1
        self._products += row.n_products
        self._events += row.n_events
        patient = row.body.get("patient")
        if not isinstance(patient, dict):
            patient = {}
        self._counts["missing_age"] += patient.get("age_years") is None
        self._counts["missing_sex"] += patient.get("sex") in (None, "unknown")
        self._counts["missing_country"] += row.body.get("country") is None
        self._counts["unknown_products"] += row.unknown_products
        self._counts["unknown_events"] += row.unknown_events
        self._counts["duplicates"] += repeated

    def share(self, rule: str) -> float:
        """The share that a batch rule judges: of the products, the events or the records."""
        of = {"unknown_products": self._products, "unknown_events": self._events}
        whole = of.get(rule, self.records)
        return self._counts[rule] / whole if whole else 0.0


def gather(tallies: dict[str, Tally], rows: Sequence[Row]) -> None:
    """Add a batch to the tallies of its senders."""
    seen: set[tuple[str, str, int | None]] = set()
    for row in rows:
        version = row.sender, row.record_id, row.version
        tallies.setdefault(row.sender, Tally()).add(row, repeated=version in seen)
        seen.add(version)
