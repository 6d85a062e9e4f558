"""On how few reports a signal hangs: the fewest whose removal leaves no screening rule holding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isinf, isnan
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select, tuple_

from dashboards.language import _, n_
from detectors.calibration.fragility import fragility
from detectors.calibration.permutation import Flag, by_rule
from detectors.disproportionality import BY_ROW, ebgm
from detectors.disproportionality.gps import Prior
from detectors.disproportionality.table import PairTable, score
from detectors.rules import Rule, holds
from streams.store import tables
from streams.store.fits import NONE, Fits, fits_at

MOST = 100  # removals tried
_KEPT = 5_000  # answers that are kept: many boards ask for the same

Pair = tuple[str, str, str]
Counts = tuple[int, int, int, int]


class Fragility(NamedTuple):
    """In words: of all screening rules together, and of each that holds."""

    whole: str
    rules: tuple[tuple[str, str], ...]


class Fragile:
    """By the screening rules of a deployment."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        columns = {column for rule in rules for column in rule.columns}
        self._methods = tuple(method for method in BY_ROW if columns & set(method.columns))
        self._fitted = bool(columns & set(ebgm.METHOD.columns))
        self._known: dict[tuple[Counts, Prior | None], float | None] = {}

    def of(self, connection: Connection, pairs: Iterable[Pair]) -> dict[Pair, float | None]:
        """For each pair with a score: 0 where no rule holds, inf for more than `MOST`.

        None where a rule holds even without any report of the pair.
        """
        fits: dict[int, Fits] = {}
        asked: dict[Pair, tuple[Counts, Prior | None]] = {}
        for row in _scores(connection, list(pairs)):
            if row.fit is not None and row.fit not in fits:
                fits[row.fit] = fits_at(connection, row.fit)
            prior = fits.get(row.fit, NONE).prior_of(row.dataset)
            counts = (row.n, row.n_product, row.n_event, row.n_total)
            asked[row.dataset, row.product, row.event] = (counts, prior)
        known = dict(self._known)
        new = [one for one in dict.fromkeys(asked.values()) if one not in known]
        for prior in dict.fromkeys(prior for __, prior in new):
            mine = [counts for counts, of in new if of == prior]
            found = self._fewest(mine, prior, self._rules)
            known |= {(counts, prior): k for counts, k in zip(mine, found, strict=True)}
        # what moved on is not asked for again
        self._known = {one: known[one] for one in list(known)[-_KEPT:]}
        return {pair: known[one] for pair, one in asked.items()}

    def fitted(self, rule: str) -> bool:
        """Whether a rule reads what is fitted to the whole table, so that it needs a prior."""
        columns = set(ebgm.METHOD.columns)
        return any(one.name == rule and one.columns & columns for one in self._rules)

    def flag(self, rule: str, prior: Prior | None) -> Flag:
        """A rule as a flag of rows by their own counts, under a prior; without one none of EBGM."""
        chosen = tuple(one for one in self._rules if one.name == rule)
        if not self.fitted(rule):
            return by_rule(chosen[0])

        def flag(table: PairTable) -> npt.NDArray[np.bool_]:
            return holds(chosen, self._columns(table, prior))[rule]

        return flag

    def each(self, score: Mapping[str, Any], prior: Prior | None) -> Fragility:
        """Of a pair's score, for all screening rules together and for each that holds."""
        counts = (score["n"], score["n_product"], score["n_event"], score["n_total"])
        found = [(rule.name, self.of_rule(counts, prior, rule.name)) for rule in self._rules]
        (whole,) = self._fewest([counts], prior, self._rules)
        return Fragility(said(whole), tuple((name, said(k)) for name, k in found if k != 0))

    def of_rule(self, counts: Counts, prior: Prior | None, rule: str) -> float | None:
        """The same of one rule alone."""
        chosen = tuple(one for one in self._rules if one.name == rule)
        return self._fewest([counts], prior, chosen)[0]

    def _fewest(
        self, counts: Sequence[Counts], prior: Prior | None, rules: tuple[Rule, ...]
    ) -> list[float | None]:
        def flag(table: PairTable) -> npt.NDArray[np.bool_]:
            held = holds(rules, self._columns(table, prior))
            found: npt.NDArray[np.bool_] = np.any(list(held.values()), axis=0)
            return found

        n, n_product, n_event, n_total = zip(*counts, strict=True)
        # a table is sorted by its names
        names = [f"{i:09}" for i in range(len(counts))]
        table = PairTable.of(
            names, names, n=n, n_product=n_product, n_event=n_event, n_total=n_total
        )
        fewest = fragility(table, flag, MOST).tolist()
        return [None if isnan(k) else k for k in fewest]

    def _columns(self, table: PairTable, prior: Prior | None) -> dict[str, Any]:
        columns: dict[str, Any] = dict(table.counts) | score(table, self._methods)
        if self._fitted:
            if prior is None:
                nothing = np.full(len(table), np.nan)
                return columns | dict.fromkeys(ebgm.METHOD.columns, nothing)
            given = {ebgm.METHOD.name: ebgm.Parameters(prior=prior)}
            columns |= score(table, (ebgm.METHOD,), given)
        return columns


def said(fewest: float | None) -> str:
    """In words.

    >>> said(0), said(1), said(4), said(float("inf")), said(None)
    ('no rule holds', '1 report', '4 reports', 'over 100 reports', 'cannot clear')
    """
    if fewest is None:
        return _("cannot clear")
    if not fewest:
        return _("no rule holds")
    if isinf(fewest):
        return _("over {most} reports", most=MOST)
    return n_("{n:.0f} report", "{n:.0f} reports", fewest, n=fewest)


def _scores(connection: Connection, pairs: Sequence[Pair]) -> Sequence[Any]:
    if not pairs:
        return []
    table = tables.scores
    names = tuple_(table.c.dataset, table.c.product, table.c.event)
    return connection.execute(select(table).where(names.in_(pairs))).all()
