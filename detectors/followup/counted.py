"""What counts of the follow-up streams: which events and groups, shown by which records."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from detectors.cohort import Cohort
from detectors.followup import STREAMS, background
from detectors.followup.content import assessed_by
from detectors.followup.exposure import DEATH
from detectors.followup.exposure import STREAM as EXPOSURE
from detectors.scope import GROUP, Scope

# exits and deaths are known of every course
ASSESSED_BY = assessed_by(stream for stream in STREAMS if stream is not EXPOSURE)

Groups = Callable[[str], tuple[str, ...]]


@cache
def backgrounds() -> background.Backgrounds:
    """The background rates that ship with the package, read once."""
    return background.read()


def grouped(groups_of: Groups) -> Groups:
    """The groups that an event stands in: those given, then those of the background rates.

    >>> grouped(lambda event: ("urinary",))("Angina pectoris")
    ('urinary', 'coronary')
    """
    added = backgrounds().memberships()
    return lambda event: (*groups_of(event), *added.get(event, ()))


def scope_of(
    cohort: Cohort, lock_day: int, groups_of: Groups = lambda _: ()
) -> tuple[Scope, tuple[str, ...]]:
    """What counts of a cohort up to a day, and the events to count, sorted.

    The events: each that a course has, deaths, and every group of which a stream can find a term,
    so that a group without an event shows its 0 over its person-time. A single term that no course
    has is not among them: whether anything could have shown it is not known of every term.

    >>> groups_of = lambda event: ("urinary",) if event == "Haematuria" else ()
    >>> scope, events = scope_of(Cohort(), 739_100, groups_of)
    >>> events, sorted(scope.assessing(scope.members("group:urinary")))
    (('Death', 'group:urinary'), ['urinary'])
    """
    of = grouped(groups_of)
    known = {*ASSESSED_BY, *cohort.courses.coding.events.values}
    scope = Scope(lock_day, groups={e: of(e) for e in known}, assessed_by=ASSESSED_BY)
    shown = {f"{GROUP}{group}" for event in ASSESSED_BY for group in scope.groups[event]}
    return scope, tuple(sorted({*cohort.events(scope), DEATH, *shown}))
