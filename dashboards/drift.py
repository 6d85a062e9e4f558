"""Drift of coding as the board shows it: the newest two months, and the signals that it touches."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from dashboards.scored import CASE_REVIEW, COHORT
from detectors.coding import GROUP, content
from detectors.drift import Drift, drifts
from schemas.envelope import decode_change
from schemas.vocabulary import Vocabulary, Watchlist
from streams.store import tables
from streams.store.workflow import ENDED, NOW

NEWEST = 2  # months that are judged, so that an alarm does not end with the month
KEPT = 60.0  # seconds that the touched pairs are kept while the same drifts stand
Pair = tuple[str, str, str]


def read(connection: Connection) -> list[Drift]:
    """Every test of the newest two months with reports, the strongest evidence first."""
    table = tables.coding
    counts = {(row.sender, row.month, row.what): row.n for row in connection.execute(select(table))}
    months = sorted({month for _, month, _ in counts})[-NEWEST:]
    return sorted(drifts(counts, months), key=lambda one: -one.log_e)


class Drifting:
    """Which open signals have cases of a sender whose coding drifts; several threads may ask."""

    def __init__(self, vocabulary: Vocabulary, watchlist: Watchlist) -> None:
        self._vocabulary, self._watchlist = vocabulary, watchlist
        self._lock = threading.Lock()
        self._known: tuple[object, float, Mapping[Pair, tuple[Drift, ...]]] = (None, 0.0, {})

    def touched(self, connection: Connection) -> Mapping[Pair, tuple[Drift, ...]]:
        """By pair of an open signal of reports: the drifts that may have moved its counts."""
        found = [one for one in read(connection) if one.drifts]
        if not found:
            return {}
        open_ = _open(connection)
        key = ({(one.sender, one.what, one.month) for one in found}, open_)
        now = time.monotonic()
        with self._lock:
            if self._known[0] == key and now < self._known[1] + KEPT:
                return self._known[2]
        touched: dict[Pair, list[Drift]] = defaultdict(list)
        for sender in sorted({one.sender for one in found}):
            of_sender = [one for one in found if one.sender == sender]
            for pair in sorted(open_ & _pairs(connection, sender, self._watchlist.watches)):
                groups = self._groups(pair[2])
                touched[pair] += [one for one in of_sender if one.touches(groups)]
        held = {pair: tuple(of) for pair, of in touched.items() if of}
        with self._lock:
            self._known = (key, now, held)
        return held

    def _groups(self, event: str) -> Iterable[str]:
        if event.startswith(GROUP):
            return (event.removeprefix(GROUP),)
        return self._vocabulary.groups_of(event)


def _open(connection: Connection) -> frozenset[Pair]:
    rows = connection.execute(
        select(NOW.c.dataset, NOW.c.product, NOW.c.event).where(
            NOW.c.state.not_in(ENDED), NOW.c.dataset != COHORT, NOW.c.kind != CASE_REVIEW
        )
    )
    return frozenset((dataset, product, event) for dataset, product, event in rows)


def _pairs(connection: Connection, sender: str, strata_of: Callable[[str], bool]) -> set[Pair]:
    """The pairs that a sender's cases count in now."""
    cases, versions = tables.cases, tables.versions
    rows: Any = connection.execute(
        select(versions.c.coded)
        .join(cases, cases.c.newest == versions.c.id)
        .where(cases.c.sender == sender, cases.c.stream == "reports", versions.c.status == "active")
        .execution_options(yield_per=5_000)
    )
    found: set[Pair] = set()
    for (coded,) in rows:
        counted = content(decode_change(coded), strata_of=strata_of)
        if counted is not None:
            found.update(
                (counted.dataset, product, event)
                for product, _ in counted.products
                for event, _ in counted.events
            )
    return found
