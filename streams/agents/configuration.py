"""What decides how a deployment codes, counts and raises."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from detectors import families, rules
from detectors.coding import GROUP
from detectors.families import Plan
from detectors.rules import Rule
from schemas.vocabulary import Listed, Vocabulary, Watchlist, designated_events
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Configuration:
    """Vocabulary, watchlist, screening rules, what case review goes by, and the family's plan."""

    vocabulary: Vocabulary
    watchlist: Watchlist
    rules: tuple[Rule, ...]
    designated: frozenset[str]
    listed: Listed
    family: Plan

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
            rules.read(given.rules.read_text(encoding="utf-8") if given.rules else None),
            designated_events(given.case_review, vocabulary),
            Listed.load(given.listed, vocabulary),
            _plan(given.family, vocabulary),
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
            self.family.digest(),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _plan(path: Path | None, vocabulary: Vocabulary) -> Plan:
    plan = families.read(path.read_text(encoding="utf-8") if path else None)
    terms = {event: vocabulary.event(event).name for event in plan.events}
    return families.coded(plan, terms | _own(plan), vocabulary.groups())


def _own(plan: Plan) -> dict[str, str]:
    """Groups go by their own names."""
    return {event: event for event in plan.events if event.startswith(GROUP)}
