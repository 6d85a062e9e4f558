"""What the board keeps of all cases: filled in one go when the web process starts, then taken on.

Seriousness comes first, from the changes alone, so that the inbox can be shown in its order. What
rests on the bodies of cases follows, each body opened once for all that read it.
"""

from __future__ import annotations

import threading

from dashboards.analysis.rows import newest, rows
from dashboards.analysis.standing import Standing
from dashboards.facets import Facets
from dashboards.seriousness import Seriousness
from schemas.vocabulary import Vocabulary, Watchlist
from streams.settings import Settings
from streams.store.store import Store


class Books:
    """The books of one web process; several threads may ask each."""

    def __init__(self, settings: Settings) -> None:
        vocabulary = Vocabulary.load(settings.vocabulary)
        watchlist = Watchlist.load(settings.watchlist, vocabulary)
        self._watches = watchlist.watches
        self.seriousness = Seriousness.load(settings, vocabulary)
        self.facets = Facets(vocabulary, watchlist)
        self.standing = Standing(vocabulary, watchlist)
        self._filled = threading.Event()

    @property
    def filled(self) -> bool:
        """Whether every case that was there at the start has been read."""
        return self._filled.is_set()

    def look(self, store: Store) -> None:
        """Read what is new, so that no reader of a page has to wait for it."""
        with store.read() as connection:
            self.seriousness.read(connection)
            if self.filled:
                self.facets.read(connection)
                return
            up_to = newest(connection)
            found = rows(connection, -1, up_to, self._watches)
            self.standing.take(up_to, self.facets.taking(up_to, found))
        self._filled.set()
