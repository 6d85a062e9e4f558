"""What the live rules say where nothing is to be found: negative controls, and dealt-out events.

Negative controls are pairs of a watched product with an event that it is not believed to cause; a
screening rule that ever held for one cried wolf. The other figure deals the events of today's cases
to other cases at random and counts what the same rules flag then.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, func, select
from starlette.concurrency import run_in_threadpool

from detectors.calibration.controls import NegativeControl, controls_for, negative_controls
from detectors.calibration.false_alarms import FalseAlarms, false_alarms
from detectors.calibration.permutation import Parameters, Spuriousness, spuriousness_of_each
from detectors.casebook import Casebook
from detectors.coding import base, content
from detectors.disproportionality import METHODS, ebgm
from detectors.disproportionality.gps import Prior
from detectors.disproportionality.table import PairTable, score
from detectors.rules import Rule, holds, read
from schemas.errors import StoreError
from schemas.vocabulary import Vocabulary, Watchlist
from streams.settings import CHANGES, DETECT, Settings
from streams.store import tables
from streams.store.changes import newest_changes
from streams.store.fits import Fits
from streams.store.store import Store, stored_positions

logger = logging.getLogger("ketavigil.web")

ANY = "any rule"
_FITTED = frozenset(ebgm.METHOD.columns)  # empty where no prior could be fitted
SHARE = 50.0  # a run may take one part in so many of the time
FIRST = 15.0  # seconds after the start, so that it is not in the way of it
MANY, FEW = 20, 3  # permutations
CASES = 100_000  # from which on there are fewer permutations


@dataclass(frozen=True, slots=True)
class Control:
    """A watched product with a negative control; `raised`: rules that ever held, `held`: now."""

    dataset: str
    product: str
    event: str
    n: int
    raised: tuple[str, ...]
    held: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Controls:
    """Those with a report, and how many there are with and without, by dataset."""

    judged: tuple[Control, ...]
    of_all: int

    def rates(self, rules: Sequence[str]) -> dict[tuple[str, str], FalseAlarms]:
        """By dataset and rule, `ANY` of them included: how many were ever raised."""
        out = {}
        for dataset in sorted({one.dataset for one in self.judged}):
            pairs = [one for one in self.judged if one.dataset == dataset]
            for rule in (*rules, ANY):
                raised = [
                    one for one in pairs if rule in one.raised or (rule == ANY and one.raised)
                ]
                out[dataset, rule] = false_alarms(len(raised), len(pairs))
        return out


@dataclass(frozen=True, slots=True)
class Permuted:
    """Spuriousness by dataset and rule, of the cases as of a position of `changes`.

    A rule that reads EBGM is missing where a dataset has no prior.
    """

    position: int
    at: float
    seconds: float
    cases: int
    permutations: int
    seed: int
    found: Mapping[tuple[str, str], Spuriousness]


class SelfTest:
    """Both of one deployment; the permutations are made in a thread, and the newest are kept."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        vocabulary = Vocabulary.load(settings.vocabulary)
        self._watchlist = Watchlist.load(settings.watchlist, vocabulary)
        self._context = vocabulary.context()
        text = settings.rules.read_text(encoding="utf-8") if settings.rules else None
        self._rules = read(text)
        given = settings.controls.read_text(encoding="utf-8") if settings.controls else None
        self.controls = negative_controls(text=given)
        self._every = settings.self_test_seconds
        self._lock = threading.Lock()
        self._permuted: Permuted | None = None

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the screening rules."""
        return tuple(rule.name for rule in self._rules)

    @property
    def permuted(self) -> Permuted | None:
        """The newest permutations; None before the first."""
        with self._lock:
            return self._permuted

    async def run(self) -> None:
        """Permute again and again, while it is awaited; never where the settings say so."""
        wait = min(FIRST, self._every)
        while self._every:
            await asyncio.sleep(wait)
            began = time.monotonic()
            try:
                await run_in_threadpool(self.permute)
            except StoreError as error:
                logger.warning("self-test: %s: %s", error.code, error)
            wait = max(self._every, SHARE * (time.monotonic() - began))

    def permute(self) -> Permuted:
        """Permute the cases as they are now, unless they have been; blocks."""
        began = time.monotonic()
        with self._store.read() as connection:
            position = stored_positions(connection, DETECT).get((CHANGES, 0), 0) - 1
            if (known := self.permuted) is not None and known.position == position:
                return known
            book = Casebook.of(
                (change.case_id, change.revision, content(change))
                for change in newest_changes(connection, position)
            )
            priors = _priors(connection)
        cases = sum(book.n_total(dataset) for dataset in book.datasets)
        chosen = Parameters(max(FEW, min(MANY, MANY * CASES // max(cases, 1))))
        found = {
            (dataset, rule): one
            for dataset in book.datasets
            for rule, one in self._of(book, dataset, priors.prior_of(dataset), chosen).items()
        }
        made = Permuted(
            position,
            time.time(),
            time.monotonic() - began,
            cases,
            chosen.permutations,
            chosen.seed,
            found,
        )
        with self._lock:
            self._permuted = made
        return made

    def _of(
        self, book: Casebook, dataset: str, prior: Prior | None, chosen: Parameters
    ) -> dict[str, Spuriousness]:
        products = np.array([name in self._watchlist.products for name in book.products] or [False])
        events = np.array([name not in self._context for name in book.events] or [False])

        def flags(table: PairTable) -> dict[str, npt.NDArray[np.bool_]]:
            # names are codes in words
            watched = products[table.product.astype(int)] & events[table.event.astype(int)]
            return _flagged(table.rows(watched), self._rules, prior)

        contents = book.contents().within(book.codes(dataset, "", "")[0])
        names = [rule.name for rule in self._rules if prior or not rule.columns & _FITTED]
        return spuriousness_of_each(contents, flags, (*names, ANY), chosen)

    def read_controls(self, connection: Connection) -> Controls:
        """The control pairs of watched products as they stand, those with most reports first."""
        events = {control.event.casefold() for control in self.controls}
        products = sorted(self._watchlist.products)
        scored, raised = _scored(connection, events), _raised(connection, events)
        judged = []
        of = {product: _names(controls_for(product, self.controls)) for product in products}
        for dataset, product, event in sorted({*scored, *raised}):
            if event.casefold() not in of.get(product, ()):
                continue
            rules = raised.get((dataset, product, event), {})
            judged.append(
                Control(
                    dataset,
                    product,
                    event,
                    scored.get((dataset, product, event), 0),
                    tuple(sorted(rules)),
                    tuple(sorted(rule for rule, holds in rules.items() if holds)),
                )
            )
        judged.sort(key=lambda one: (not one.raised, -one.n, one.product, one.event))
        return Controls(tuple(judged), sum(map(len, of.values())))


def _names(controls: Collection[NegativeControl]) -> frozenset[str]:
    return frozenset(control.event.casefold() for control in controls)


def _scored(connection: Connection, events: set[str]) -> dict[tuple[str, str, str], int]:
    """n of watched whole products with those events."""
    table = tables.scores
    rows = connection.execute(
        select(table.c.dataset, table.c.product, table.c.event, table.c.n).where(
            table.c.watched,
            ~table.c.product.contains(" @"),
            func.lower(table.c.event).in_(events),
        )
    )
    return {(dataset, product, event): n for dataset, product, event, n in rows}


def _raised(
    connection: Connection, events: set[str]
) -> dict[tuple[str, str, str], dict[str, bool]]:
    """Screening rules that ever held for those events, and whether they do; of a product's routes
    and settings too, since each of them asks for a person.
    """
    signals, rules = tables.signals, tables.signal_rules
    found: dict[tuple[str, str, str], dict[str, bool]] = defaultdict(dict)
    for dataset, product, event, rule, held in connection.execute(
        select(signals.c.dataset, signals.c.product, signals.c.event, rules.c.rule, rules.c.holds)
        .join(rules, rules.c.signal_id == signals.c.id)
        .where(signals.c.kind == "screening", func.lower(signals.c.event).in_(events))
    ):
        of = found[dataset, base(product), event]
        of[rule] = of.get(rule, False) or held
    return found


def _priors(connection: Connection) -> Fits:
    """The priors that the live system scores by."""
    table = tables.checkpoints
    query = select(table.c.position, table.c.fits).order_by(table.c.position.desc()).limit(1)
    row = connection.execute(query).first()
    return Fits(-1, {}) if row is None else Fits.from_json(row.position, row.fits)


def _flagged(
    table: PairTable, rules: Sequence[Rule], prior: Prior | None
) -> dict[str, npt.NDArray[np.bool_]]:
    read_by_rules = frozenset[str]().union(*(rule.columns for rule in rules))
    needed = [method for method in METHODS if read_by_rules & set(method.columns)]
    if prior is None:
        needed = [method for method in needed if method is not ebgm.METHOD]
        given = {}
    else:
        given = {ebgm.METHOD.name: ebgm.Parameters(prior=prior)}
    held = holds(rules, {**table.counts, **score(table, needed, given)})
    some = np.logical_or.reduce(list(held.values())) if held else np.zeros(len(table), bool)
    return held | {ANY: some}
