"""Drift of coding in words, on the pages that it touches."""

from __future__ import annotations

from collections.abc import Iterable

from dashboards.board import pages
from dashboards.board.moment import Note
from dashboards.language import _
from detectors.coding import GROUP
from detectors.drift import Drift


def thing(what: str) -> str:
    """What reports name, for people.

    >>> thing("group:urinary"), thing("uncoded event")
    ('an event of the group urinary', 'an event that is not coded')
    """
    if what.startswith(GROUP):
        return _("an event of the group {group}", group=pages.words(what.removeprefix(GROUP)))
    if what.removeprefix("uncoded ") == "event":
        return _("an event that is not coded")
    return _("a product that is not coded")


def words(one: Drift) -> str:
    """One drift in a sentence.

    >>> words(Drift("a", "2026-02", "uncoded event", "more", 30, 60, 20, 400, 12.0, 9.0))
    '30 of 60 reports of a in 2026-02 name an event that is not coded, 20 of 400 in the year before'
    """
    return _(
        "{y:,} of {n:,} reports of {sender} in {month} name {what}, {y_past:,} of {n_past:,} in "
        "the "
        "year before",
        y=one.y,
        n=one.n,
        sender=one.sender,
        month=one.month,
        what=thing(one.what),
        y_past=one.y_past,
        n_past=one.n_past,
    )


def notes(drifts: Iterable[Drift]) -> list[Note]:
    """What is said above a signal whose counts a drift may have moved."""
    return [
        Note(
            _(
                "Coding has drifted: {drift}. Counts here may have moved for it alone.",
                drift=words(one),
            )
        )
        for one in drifts
    ]
