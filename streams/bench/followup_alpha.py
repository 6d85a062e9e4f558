"""How often surveillances without harm ever signal, looked at every day for two years.

Patients differ, and who had the event has it again. Counted is the first event of a course, and
its person-time up to it; beside it, without a goal, every event and all person-time, which no
method here allows: events of one patient are not independent, and the evidence takes the few who
have it again and again for a rate that is too high. The background was counted before, over
person-time of its own in each run; the two arms are alike but for the ratio of their rates. A
process has to hold alpha at every ratio up to the margin.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from detectors.disproportionality.method import Floats
from detectors.followup.arms import Arms, between
from detectors.followup.evidence import against_background
from detectors.scope import YEAR
from detectors.sequential.two_sample_rates import Look
from streams.bench.rows import Row
from streams.bench.shares import ever
from streams.bench.simulated import ALPHA, BAR
from streams.simulate.cohort.events import BySession, ByTime, Surveyed, Watched, survey
from streams.simulate.cohort.measures import Recurring
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.table import Bools, Ints

RATIOS = (1.0, 1.25)
COURSES, DAYS = 300, 730
ARM = {"esketamine": 1.0}
# events a year, and how unlike patients are: one in a hundred has more than eight times the mean
A_YEAR, FRAILTY = 0.4, 3.0
# of a session, as sedation is: half of the patients, and these again
EFFECT = Recurring(prone=0.5, first=0.5, later=0.25, falls=4.0)
# patient-years in which the background was counted
PAST = 250.0
BLOCK = 100  # surveillances that are drawn at once


class Watch(NamedTuple):
    """What a day adds, each (days, runs)."""

    n: Floats
    time: Floats


def rows(runs: int, seed: int) -> list[Row]:
    """The share that ever signalled, of each process, way of counting and ratio."""
    fired: dict[tuple[str, float], list[Bools]] = defaultdict(list)
    with tqdm(total=runs, desc="surveillances", disable=None, delay=2, leave=False) as bar:
        for start in range(0, runs, BLOCK):
            size = min(BLOCK, runs - start)
            for key, held in block(size, seed, start // BLOCK).items():
                fired[key].append(held)
            bar.update(size)
    return [
        ever(name, ratio, np.concatenate(held), None if "every" in name else ALPHA)
        for (name, ratio), held in sorted(fired.items())
    ]


def block(size: int, seed: int, number: int) -> dict[tuple[str, float], Bools]:
    """By process and ratio, which of some surveillances ever signalled."""
    rng = np.random.default_rng([seed, number, 6])
    own_seed, other_seed = (int(x) for x in rng.integers(0, 2**31, 2))
    watched: list[Watched] = []
    for ratio in RATIOS:
        watched.append(ByTime(f"time {ratio:g}", A_YEAR, FRAILTY, ratio))
        watched.append(BySession(f"session {ratio:g}", EFFECT, ratio))
    own = survey(_plan(size, own_seed), watched)
    other = survey(_plan(size, other_seed), watched[:2])
    counted = rng.poisson(A_YEAR * PAST, size).astype(float)
    past = np.full(size, PAST)
    out = {}
    for how, count in (("first", first_events), ("every", every_event)):
        for ratio in RATIOS:
            mine = count(own, f"time {ratio:g}", size)
            found = against_background(mine.n, mine.time, counted, past)
            out[f"background_{how}", ratio] = found.log_e_sup >= BAR
            out[f"arms_{how}", ratio] = arms_fired(mine, count(other, "time 1", size))
            mine = count(own, f"session {ratio:g}", size)
            out[f"sessions_{how}", ratio] = arms_fired(mine, count(other, "session 1", size))
    return out


def arms_fired(own: Watch, other: Watch) -> Bools:
    """Which runs ever signalled one arm against the other."""
    look = Look(*(x[:, None] for x in (own.n, own.time, other.n, other.time)))
    names = tuple(map(str, range(own.n.shape[1])))
    found = between(Arms((), ((),), names, look))
    fired: Bools = found.log_e_sup[-1] >= BAR
    return fired


def first_events(once: Surveyed, name: str, runs: int) -> Watch:
    """First events by day and run, and the patient-years, or sessions, up to them."""
    course, day = once.first_events(name)
    ends = np.minimum(once.until, once.days - 1)
    ends[course] = day
    return Watch(_per_day(once, course, day, runs), _at_risk(once, name, ends, runs))


def every_event(once: Surveyed, name: str, runs: int) -> Watch:
    """Every event by day and run, and all patient-years, or sessions."""
    ends = np.minimum(once.until, once.days - 1)
    return Watch(_per_day(once, *once.events(name), runs), _at_risk(once, name, ends, runs))


def _at_risk(once: Surveyed, name: str, ends: Ints, runs: int) -> Floats:
    if name in once.happened:
        kept = once.day <= ends[once.course]
        return _per_day(once, once.course[kept], once.day[kept], runs)
    seen = np.flatnonzero((once.entry < once.days) & (ends >= once.entry))
    ended = seen[ends[seen] + 1 < once.days]
    came = _per_day(once, seen, once.entry[seen], runs)
    went = _per_day(once, ended, ends[ended] + 1, runs)
    days: Floats = np.cumsum(came - went, axis=0) / YEAR
    return days


def _per_day(once: Surveyed, course: Ints, day: Ints, runs: int) -> Floats:
    """How many of these lie on each day of each run, (days, runs)."""
    place = day * runs + course * runs // len(once.arm)
    counts = np.bincount(place, minlength=once.days * runs)
    return counts.reshape(once.days, runs).astype(np.float64)


def _plan(runs: int, seed: int) -> Plan:
    return Plan(COURSES * runs, DAYS, seed, arms=ARM)
