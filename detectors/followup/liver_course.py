"""What is kept of a course's liver tests, and the findings that one record brings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from detectors.followup.beginning import Mark, Treatment
from detectors.followup.finding import Finding, Level
from detectors.followup.liver_tests import Baselines, Parameters

RAISED = {
    "alt": "Alanine aminotransferase increased",
    "ast": "Aspartate aminotransferase increased",
    "alp": "Blood alkaline phosphatase increased",
    "ggt": "Gamma-glutamyltransferase increased",
    "bilirubin": "Blood bilirubin increased",
}
HEPATOCELLULAR = {
    "hys_law": "Drug-induced liver injury",
    "transaminases_with_bilirubin": "Liver injury",
    "transaminases_with_inr": "Liver injury",
    "transaminases_high": "Transaminases increased",
    "transaminases_sustained": "Transaminases increased",
}
CHOLESTATIC = {"cholestasis": "Cholestasis", "cholestatic_jaundice": "Cholestatic liver injury"}
PATTERNS = {
    "pattern_hepatocellular": "Hepatocellular injury",
    "pattern_mixed": "Liver injury",
    "pattern_cholestatic": "Cholestatic liver injury",
}
EVENTS = {
    **HEPATOCELLULAR,
    **CHOLESTATIC,
    **PATTERNS,
    **{f"{test}_raised": event for test, event in RAISED.items()},
    **{f"{test}_raised_once": event for test, event in RAISED.items()},
    "raised_at_start": "Liver function test abnormal",
    "resolved": "Liver function test normal",
}


class Rise(msgspec.Struct, frozen=True, array_like=True):
    """A test that is up: its first raised value, its highest, whether seen on a second day."""

    first: Mark
    top: Mark
    last_day: int
    again: bool = False


class Onset(msgspec.Struct, frozen=True, array_like=True):
    """The first raised transaminase since both were normal, and the ALP of that time."""

    above: Mark
    alp: Mark | None = None


class State(msgspec.Struct, frozen=True):
    """What later values are held against.

    `latest` and `hits` go back as far as values are taken together: the last value of each test,
    and the last that met each threshold. `long`: since when transaminases have been over 5.
    `held`: codes that are not told again before that kind of harm begins anew.
    """

    treatment: Treatment = Treatment()
    baselines: Baselines = Baselines()
    rises: dict[str, Rise] = {}
    latest: dict[str, Mark] = {}
    hits: dict[str, Mark] = {}
    onset: Onset | None = None
    long: Mark | None = None
    held: tuple[str, ...] = ()


class Told:
    """The findings of one record."""

    def __init__(
        self, day: int, baselines: Baselines, parameters: Parameters, held: Iterable[str] = ()
    ) -> None:
        self.day, self.baselines, self.parameters = day, baselines, parameters
        self.held, self.findings = set(held), list[Finding]()

    def value(self, *marks: Mark) -> str:
        """Values as an explanation gives them, each with what there was before treatment."""
        return "; ".join(self.baselines.told(mark, self.parameters) for mark in marks)

    def add(
        self, code: str, level: Level, marks: Iterable[Mark], text: str, about: str = ""
    ) -> None:
        """A finding that rests on these values and on what was there before treatment."""
        marks = tuple(marks)
        before = (name for mark in marks for name in self.baselines.of(mark.name).records)
        records = tuple(dict.fromkeys([*before, *(mark.record for mark in marks)]))
        anchor = f"{about} {date.fromordinal(self.day).isoformat()}".strip()
        self.findings.append(
            Finding("hepatic", code, EVENTS[code], self.day, level, records, text, anchor=anchor)
        )

    def once(self, code: str, level: Level, marks: Iterable[Mark], text: str) -> None:
        """The same, unless it is held."""
        if code not in self.held:
            self.held.add(code)
            self.add(code, level, marks, text)
