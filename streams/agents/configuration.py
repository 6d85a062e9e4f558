"""What decides how a deployment codes, counts and raises."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from detectors.rules import Rule, read
from schemas.vocabulary import Listed, Vocabulary, Watchlist, designated_events
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Configuration:
    """Vocabulary, watchlist, screening rules, events designated for review, and labels."""

    vocabulary: Vocabulary
    watchlist: Watchlist
    rules: tuple[Rule, ...]
    designated: frozenset[str]
    listed: Listed

    @classmethod
    def load(cls, settings: Settings | None = None) -> Configuration:
        """What the settings name, what is shipped in place of the rest.

        Errors: `InputError` of the file that cannot be read.
        """
        given = settings or Settings()
        vocabulary = Vocabulary.load(given.vocabulary)
        return cls(
            vocabulary,
            Watchlist.load(given.watchlist, vocabulary),
            read(given.rules.read_text(encoding="utf-8") if given.rules else None),
            designated_events(given.case_review, vocabulary),
            Listed.load(given.listed, vocabulary),
        )

    def digest(self) -> str:
        """A hash of all of it, as checkpoints record it.

        >>> len(Configuration.load().digest())
        16
        """
        parts = (
            self.vocabulary.digest(),
            self.watchlist.digest(),
            repr(self.rules),
            repr(sorted(self.designated)),
            self.listed.digest(),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
