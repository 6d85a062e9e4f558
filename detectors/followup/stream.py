"""What a follow-up stream is: a state, and a step from one record to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from detectors.disproportionality.method import Parameters
from detectors.followup.finding import Finding
from detectors.followup.record import Observed

Step = Callable[[Any, Observed, Any], tuple[Any, tuple[Finding, ...]]]


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as courses, the agent and the contract tests see it.

    `kinds` are the kinds of record that it reads; the others never reach it. `start` is the state
    before the first record, a frozen msgspec Struct that goes through MessagePack unchanged.
    `step(state, observed, parameters)` gives the next state and what this record brought: records
    come in the order of `Observed.order`, each once, as its newest version says; a finding with
    the key of an earlier one takes its place. `events` says, by code, what each finding counts as.
    """

    name: str
    kinds: frozenset[str]
    start: msgspec.Struct
    step: Step
    parameters: Parameters
    events: Mapping[str, str]
