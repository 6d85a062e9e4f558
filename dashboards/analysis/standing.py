"""The cases as they stand: kept as columns, and taken on by what has changed since."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from dashboards.analysis.fold import FEW, Case, versions_of
from dashboards.analysis.population import Population, Traits, given
from dashboards.analysis.rows import Row, newest, rows
from detectors.casebook import Casebook, CaseContent
from detectors.disproportionality.table import PairTable
from schemas.envelope import Change, decode_change
from schemas.vocabulary import Vocabulary, Watchlist
from streams.store import tables

KEPT = 30.0  # seconds for which columns are shown although cases have changed

_Pair = tuple[str, str, str]


class Standing:
    """Every case as of a position not long ago; several threads may ask.

    Each answer says its position: what is made of the fold up to there is the same.
    """

    def __init__(self, vocabulary: Vocabulary, watchlist: Watchlist) -> None:
        self._vocabulary, self._watches = vocabulary, watchlist.watches
        self._lock = threading.Lock()
        self._book = Casebook()
        self._traits: dict[int, Traits] = {}
        self._changed: dict[int, tuple[int, int]] = {}  # revision, and the position of it
        self._populations: dict[str, Population] = {}
        self._position, self._read_at = -1, 0.0
        self._same: dict[Any, Any] = {}

    def population(self, connection: Connection, dataset: str) -> tuple[int, Population]:
        """A position, and the cases of a dataset as of it."""
        with self._lock:
            now = time.monotonic()
            up_to = newest(connection)
            if up_to > self._position and (
                now > self._read_at + KEPT or dataset not in self._populations
            ):
                self._take(up_to, rows(connection, self._position, up_to, self._watches))
            if dataset not in self._populations:
                traits = list(self._traits.values())
                self._populations[dataset] = Population(
                    self._book, traits, dataset, self._vocabulary
                )
            return self._position, self._populations[dataset]

    def watched(
        self, connection: Connection, dataset: str, pairs: Iterable[tuple[str, str]]
    ) -> tuple[int, PairTable, list[int]]:
        """A position, counts of pairs of products and events as of it, and for each the days.

        Those from the first case of the product to the newest case of the dataset, 0 without one.
        """
        self.population(connection, dataset)
        with self._lock:
            table = self._book.table_of(dataset, pairs)
            held = self._book.contents()
            held = held.within(self._book.codes(dataset, "", "")[0])
            last = int(held.products.day.max(initial=0))
            days = {}
            for product in set(table.product.tolist()):
                code = self._book.codes(dataset, product, "")[1]
                of_product = held.products.day[held.products.code == code]
                days[product] = last - int(of_product.min()) + 1 if of_product.size else 0
            return self._position, table, [days[name] for name in table.product.tolist()]

    def cases(self, connection: Connection, pair: _Pair) -> tuple[int, list[Case]]:
        """A position, and the cases that count for a pair as of it, in the order of numbers."""
        self.population(connection, pair[0])
        with self._lock:
            numbers = self._book.cases_of(*pair)
            changed = {number: self._changed[number] for number in numbers}
            position = self._position
        found = []
        for start in range(0, len(numbers), FEW):
            part = {number: changed[number] for number in numbers[start : start + FEW]}
            changes = _changes_of(connection, part)
            counts = {number: change.versions for number, change in changes.items()}
            found += [
                Case(sender, report_id, changes[number], versions)
                for number, sender, report_id, versions in versions_of(connection, counts, position)
            ]
        return position, sorted(found, key=lambda case: case.change.case_id)

    def take(self, up_to: int, found: Iterable[Row]) -> None:
        """Take what has changed up to a position."""
        with self._lock:
            self._take(up_to, found)

    def _take(self, up_to: int, found: Iterable[Row]) -> None:
        def counted() -> Iterator[tuple[int, int, CaseContent | None]]:
            for position, change, content, body in found:
                number = change.case_id
                if self._changed.get(number, (0, 0))[0] >= change.revision:
                    continue
                self._changed[number] = (change.revision, position)
                self._traits[number] = self._traits_of(change, body)
                yield number, change.revision, content

        if len(self._book):
            for one in counted():
                self._book.apply(*one)
        else:
            # where an earlier try did not come to its end, nothing of it stays
            self._changed, self._traits = {}, {}
            self._book = Casebook.of(counted())
        self._position, self._read_at = up_to, time.monotonic()
        self._populations.clear()

    def _traits_of(self, change: Change, body: bytes) -> Traits:
        patient = (_body.decode(body).patient if body else None) or _Patient()
        age = float("nan") if patient.age_years is None else patient.age_years
        sex = patient.sex if patient.sex in ("female", "male") else None
        return Traits(age, sex, self._shared(given(change)))

    def _shared(self, value: Any) -> Any:
        """One object for all that are equal: there are few different ones, and many cases."""
        return self._same.setdefault(value, value)


class _Patient(msgspec.Struct):
    age_years: float | None = None
    sex: str | None = None


class _Body(msgspec.Struct):
    patient: _Patient | None = None


_body = msgspec.json.Decoder(_Body)


def _changes_of(connection: Connection, changed: dict[int, tuple[int, int]]) -> dict[int, Change]:
    """The change of each case that has a revision at a position."""
    table = tables.changes
    positions = {position for _, position in changed.values()}
    rows = connection.execute(
        select(table.c.case_id, table.c.revision, table.c.body).where(
            table.c.position.in_(positions), table.c.kind == "case"
        )
    )
    return {
        row.case_id: decode_change(row.body)
        for row in rows
        if row.case_id in changed and changed[row.case_id][0] == row.revision
    }
