"""Drift of coding in words, on the pages that it touches."""

from __future__ import annotations

from collections.abc import Iterable

from dashboards.board.moment import Note
from dashboards.board.pages import event
from detectors.coding import GROUP
from detectors.drift import Drift


def thing(what: str) -> str:
    """What reports name, for people.

    >>> thing("group:urinary"), thing("uncoded event")
    ('an event of the group urinary', 'an event that is not coded')
    """
    if what.startswith(GROUP):
        return f"an event of the group {event(what).removesuffix(' (group of terms)').lower()}"
    noun = what.removeprefix("uncoded ")
    return f"{'an' if noun == 'event' else 'a'} {noun} that is not coded"


def words(one: Drift) -> str:
    """One drift in a sentence.

    >>> words(Drift("a", "2026-02", "uncoded event", "more", 30, 60, 20, 400, 12.0, 9.0))
    '30 of 60 reports of a in 2026-02 name an event that is not coded, 20 of 400 in the year before'
    """
    return (
        f"{one.y:,} of {one.n:,} reports of {one.sender} in {one.month} name {thing(one.what)}, "
        f"{one.y_past:,} of {one.n_past:,} in the year before"
    )


def notes(drifts: Iterable[Drift]) -> list[Note]:
    """What is said above a signal whose counts a drift may have moved."""
    return [
        Note(f"Coding has drifted: {words(one)}. Counts here may have moved for it alone.")
        for one in drifts
    ]
