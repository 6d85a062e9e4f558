"""What a follow-up stream is: a state, and a step from one record to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from detectors.disproportionality.method import Parameters
from detectors.followup.finding import Finding
from detectors.followup.record import Observed

_TREATMENT = frozenset({"enrolment", "dose", "dispensing", "exit"})

Step = Callable[[Any, Observed, Any], tuple[Any, tuple[Finding, ...]]]


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as courses, the agent and the contract tests see it.

    `kinds` are the kinds of record that it reads; the others never reach it. `start` is the state
    before the first record, a frozen msgspec Struct that goes through MessagePack unchanged.
    `step(state, observed, parameters)` gives the next state and what this record brought: records
    come in the order of `Observed.order`, each once, as its newest version says; a finding with
    the key of an earlier one takes its place. `events` says, by code, what each finding counts as.
    `shown_by`: the kinds of record that can show such an event at all, without which nobody is at
    risk of being found with it; unless given, the kinds that it reads but for those that say how a
    course is treated.
    """

    name: str
    kinds: frozenset[str]
    start: msgspec.Struct
    step: Step
    parameters: Parameters
    events: Mapping[str, str]
    shown_by: frozenset[str] | None = None

    @property
    def assessing(self) -> frozenset[str]:
        """The kinds of record of which a course must have one to be at risk of the events."""
        return self.kinds - _TREATMENT if self.shown_by is None else self.shown_by


def assessed_by(streams: Iterable[Stream]) -> dict[str, frozenset[str]]:
    """By event, the kinds of record that can show it, as `detectors.scope.Scope` takes them.

    >>> from detectors.followup import urinary
    >>> assessed_by([urinary.STREAM])["Haematuria"]
    frozenset({'urinary'})
    """
    out: dict[str, frozenset[str]] = {}
    for stream in streams:
        for event in stream.events.values():
            out[event] = out.get(event, frozenset()) | stream.assessing
    return out
