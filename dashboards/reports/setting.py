"""What a report is made with: the deployment's rules, lists and vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from detectors.case_review import Lists
from detectors.coding import GROUP
from detectors.disproportionality import METHODS
from detectors.rules import Rule
from streams.agents.configuration import Configuration
from streams.settings import Settings


@dataclass(frozen=True)
class Setting:
    """The configuration of one deployment, read once."""

    configuration: Configuration

    @classmethod
    def load(cls, settings: Settings) -> Setting:
        """What the settings name; errors as `Configuration.load`."""
        return cls(Configuration.load(settings))

    @cached_property
    def digest(self) -> str:
        """The hash of the configuration."""
        return self.configuration.digest()

    @cached_property
    def lists(self) -> Lists:
        """What case review goes by."""
        given = self.configuration
        return Lists(
            given.watchlist.products, given.designated, given.listed, given.vocabulary.context()
        )

    @cached_property
    def dated(self) -> tuple[Rule, ...]:
        """Screening rules whose date can be worked out: those without a fitted prior."""
        fitted = {name for method in METHODS if method.whole_table for name in method.columns}
        return tuple(rule for rule in self.configuration.rules if not rule.columns & fitted)

    def terms(self, event: str) -> tuple[str, ...]:
        """The terms that an event stands for: those of a group, or itself."""
        if not event.startswith(GROUP):
            return (event,)
        return self.configuration.vocabulary.groups().get(event.removeprefix(GROUP), ())
