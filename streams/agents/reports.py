"""What the detector does with a changed case: the casebook, and all that is worked out from it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sqlalchemy import Connection, delete

from detectors.casebook import Casebook, CaseContent
from detectors.coding import content
from detectors.dating import History
from schemas.envelope import Change
from streams.agents.book import Figures
from streams.agents.clusters import Clusters
from streams.agents.configuration import Configuration
from streams.agents.confirming import Confirming
from streams.agents.fits import fit
from streams.agents.moment import Moment
from streams.agents.review import Review
from streams.agents.screening import Screening
from streams.agents.signals import Signals
from streams.store import tables
from streams.store.changes import newest_changes
from streams.store.fits import Fits, fits_at

DATASETS = ("spontaneous", "solicited")


class Reports:
    """The datasets of reports: counts per pair, their scores, and what they raise."""

    kinds: tuple[str, ...] = ("case",)

    def __init__(self, configuration: Configuration, signals: Signals) -> None:
        self._configuration = configuration
        # asked for every name of every case
        self._watches = cache(configuration.watchlist.watches)
        self._signals = signals
        self._confirming = Confirming(configuration, signals, DATASETS)

    def load(self, connection: Connection) -> None:
        """Rebuild everything from the store."""
        self._watched: set[str] = set()
        self._clusters = Clusters()
        self._review = Review(self._configuration, self._signals)
        self.book = Casebook.of(map(self._counted, newest_changes(connection)))
        self._review.begin()
        self._fits = fits_at(connection)
        self._confirming.load(connection)
        self._screening = Screening(self.book, self._watched, self._signals, self._configuration)

    def begin(self, moment: Moment) -> None:
        """Open the families that are to be."""
        self._confirming.begin(moment)

    def take(self, connection: Connection, change: Change) -> Sequence[Change]:
        """Count a change, and the cases that it links or parts: what counts of each from now on.

        Nothing where it is a revision that is held already.
        """
        held = self.book.revision(change.case_id) or 0
        found = self._clusters.take(connection, change, held)
        for one in found:
            counted = self._content(one)
            self._confirming.take(one, counted, self.book.content(one.case_id))
            self._screening.touch(self.book.apply(one.case_id, one.revision, counted))
            self._review.take(one)
        return found

    def read(self, moment: Moment) -> None:
        """Say what the cases of a message satisfy by themselves."""
        self._review.observe(moment)

    def rescore(self, moment: Moment) -> None:
        """Score what the changes since the last time have touched."""
        self._screening.rescore(moment, self._fits)

    def write(self, moment: Moment) -> None:
        """Store the looks that are open, and which cases are linked."""
        self._confirming.write(moment.connection)
        self._clusters.write(moment)

    def lines(self) -> list[str]:
        """The families."""
        return self._confirming.lines()

    def checkpoint(self, moment: Moment, reason: str) -> Figures:
        """Fit the priors anew, score everything, date what is watched, close looks."""
        whole = {dataset: self.book.table(dataset) for dataset in self.book.datasets}
        self._fits = Fits(moment.position, {name: fit(table) for name, table in whole.items()})
        moment.connection.execute(delete(tables.scores))
        history = cache(lambda dataset: History(self.book, dataset))
        self._screening.score_all(moment, whole, self._fits, history)
        self._confirming.checkpoint(moment, reason, history)
        return Figures(
            sum(map(self.book.n_total, whole)), sum(map(len, whole.values())), self._fits
        )

    def _counted(self, change: Change) -> tuple[int, int, CaseContent | None]:
        self._review.take(change)
        self._clusters.load(change)
        return change.case_id, change.revision, self._content(change)

    def _content(self, change: Change) -> CaseContent | None:
        found = content(change, strata_of=self._watches)
        if found is not None:
            self._watched.update(name for name, _ in found.products if self._watches(name))
        return found
