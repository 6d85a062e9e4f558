"""The days of a course, cut into spells of equal exposure, and what a course is at a given day."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec

from detectors.followup.exposure import SILENT, Parameters, State, Window

# by the code that a spell holds
KINDS = ("before", "treated", "gap", "stopped")
BEFORE, TREATED, GAP, STOPPED = range(4)
EXPOSED = ("treated", "gap")

# as the risk programme bands them, then 50 and 100 sessions (reference D.5)
BAND_FROM = (1, 9, 13, 50, 100)
BANDS = ("0", "1-8", "9-12", "13-49", "50-99", "100+")

_STATUS = ("enrolled", "on treatment", "in gap", "after stopping")


class Spell(msgspec.Struct, frozen=True, array_like=True):
    """Days from `start` to before `end` that are alike.

    `kind` is a place in KINDS: before the first dose, on treatment, in a gap (still exposed by the
    carry-over), after stopping. `stratum` is a place in the strata of the course, `band` one in
    BANDS: sessions so far.
    """

    start: int
    end: int
    kind: int
    stratum: int
    band: int


class Status(NamedTuple):
    """What a course is at a day, since when, and the reason of its exit."""

    name: str
    since: int
    reason: str = ""


def doses(state: State) -> list[int]:
    """The day of every session, ascending.

    >>> doses(State(days={"dose": (739_000, 3, 0)}))
    [739000, 739003, 739003]
    """
    return list(accumulate(state.days.get("dose", ())))


def windows(state: State, parameters: Parameters) -> tuple[Window, ...]:
    """The windows of observation, an open one closed where silence would begin.

    >>> windows(State(windows=(Window(739_000),), contact=739_010), Parameters())
    (Window(start=739000, end=739101, why=''),)
    """
    if not state.windows or state.windows[-1].end:
        return state.windows
    *before, last = state.windows
    return (*before, Window(last.start, state.contact + parameters.grace_days + 1))


def spells(state: State, parameters: Parameters) -> tuple[Spell, ...]:
    """The course's days under observation, each once, in order.

    They reach up to the last day of grace: what a lock day cuts off, the reader of them cuts off.
    A day belongs to the last dose on or before it; up to `gap_days` after it the day is on
    treatment, up to `carry_over_days` in a gap, then after stopping.

    >>> from detectors.followup.exposure import Stratum
    >>> state = State((Window(739_000, 739_100, "completed"),), (Stratum("esketamine"),),
    ...     ((739_000, 0),), {"dose": (739_010, 7)})
    >>> for spell in spells(state, Parameters()):
    ...     print(KINDS[spell.kind], BANDS[spell.band], spell.end - spell.start)
    before 0 10
    treated 1-8 36
    gap 1-8 28
    stopped 1-8 26
    """
    phases = _phases(doses(state), parameters)
    since = [day for day, _, _ in phases]
    changed = [day for day, _ in state.changes]
    out = []
    for window in windows(state, parameters):
        inside = {day for day in (*since, *changed) if window.start < day < window.end}
        for start, end in pairwise(sorted({window.start, window.end} | inside)):
            _, kind, band = phases[bisect_right(since, start) - 1]
            _, stratum = state.changes[bisect_right(changed, start) - 1]
            out.append(Spell(start, end, kind, stratum, band))
    return tuple(out)


def status(state: State, lock_day: int, parameters: Parameters) -> Status:
    """What the course is at the end of a day, judged by records and days alone.

    One of "not begun", "enrolled", "on treatment", "in gap", "after stopping", "silent" (the last
    record is older than the grace) and "exited", with the reason of the last exit.

    >>> state = State((Window(739_000),), changes=((739_000, 0),), contact=739_000)
    >>> [status(state, day, Parameters()).name for day in (738_999, 739_090, 739_091)]
    ['not begun', 'enrolled', 'silent']
    """
    name, since, until = "", 0, 0
    for spell in spells(state, parameters):
        if spell.start > lock_day:
            break
        if (_STATUS[spell.kind], spell.start) != (name, until):
            name, since = _STATUS[spell.kind], spell.start
        until = spell.end
    if lock_day < until:
        return Status(name, since)
    begun = [w for w in windows(state, parameters) if w.start <= lock_day]
    if not begun:
        return Status("not begun", 0)
    last = begun[-1]
    if last.why in {"", SILENT}:
        return Status(SILENT, last.end)
    if last != state.windows[-1] or lock_day >= state.exit_day:
        return Status("exited", last.end, last.why)
    # the last exit was yet to come: silence had ended the window, or an exit before it
    silent = last.end == state.contact + parameters.grace_days + 1
    return Status(SILENT if silent else "exited", last.end)


def _phases(days: list[int], parameters: Parameters) -> list[tuple[int, int, int]]:
    """From which day on the kind and the band are what."""
    out = [(0, BEFORE, 0)]
    for i, (day, following) in enumerate(pairwise([*days, 10**9]), 1):
        if following == day:
            continue
        band = bisect_right(BAND_FROM, i)
        _, kind, known = out[-1]
        if (kind, known) != (TREATED, band):
            out.append((day, TREATED, band))
        stopped = day + parameters.carry_over_days + 1
        gap = day + parameters.gap_days + 1
        if gap < min(stopped, following):
            out.append((gap, GAP, band))
        if stopped < following:
            out.append((stopped, STOPPED, band))
    return out
