"""How soon a planted harm is found: by a sequential rule, and by fixed thresholds beside it.

A surveillance draws as many courses as there are of those folded, with replacement, and looks at
them every day for two years. Another such draw, without the harm, is what it is compared with: as
a `background`, counted before, in all its person-time, so that it has an uncertainty of its own;
or as an arm `beside`, day by day, whose patients are as far into treatment. First events count, as
the cohort counts them. All rules see the same surveillances. The threshold of each fixed rule is
set on those without harm, as low as it can be without more false alarms among them than the
sequential rule has.

A background takes the rate to be the same all along a course. Where it is not, the `background`
signals without any harm: the first blood pressure crisis comes in the first four weeks at 20 times
the rate of later months, and an opening cohort is all in its first weeks. Its share of false
alarms is printed, as an `averaged` one and without a goal: no event that comes so early in a course
has such a background in `background.toml`. It is for the `beside`, and for risk intervals.

A harm is looked for in the arms that it is planted in, and again (`marked`) among those patients
alone whose marker says that they are prone. Weeks count from the opening; a rule that is silent to
the end counts with all of it, so that a difference to it is the least that it can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from detectors.cohort import Cohort
from detectors.disproportionality.method import Floats
from detectors.followup import STREAMS
from detectors.followup.content import CourseContent, assessed_by
from detectors.scope import GROUP, YEAR, Scope
from streams.bench import followup_rules as rules
from streams.bench.followup_pool import DAYS, MARKERS, ORIGIN, Pool, planted
from streams.bench.rows import Row
from streams.bench.shares import ever, found
from streams.bench.simulated import ALPHA
from streams.simulate.cohort.figures import harms

# what each harm shows as, among the events of its stream
EVENTS = {
    "cystitis": ("Lower urinary tract symptoms",),
    "cognition": ("Cognitive test abnormal",),
    "stimulant": ("Hypertensive crisis",),
    "misuse": ("Drug abuse", "Drug dependence", "Intentional product misuse"),
}
# of which the rate falls steeply along a course, harm or none
EARLY = {"stimulant"}
WEEK, LATEST = 7, 4.0
RESAMPLED = 1000
DESIGNS = ("background", "beside")
BLOCK = 500  # courses that are written out by day at once

Singles = npt.NDArray[np.float32]


class Daily(NamedTuple):
    """First events and days at risk, by course and day."""

    n: Singles
    days: Singles


class Search(NamedTuple):
    """What is looked for, and in which courses."""

    label: str
    harm: str
    courses: list[int]


class Seen(NamedTuple):
    """Surveillances: what a day adds of the cohort and of those beside, each (days, runs)."""

    n: Floats
    time: Floats
    n_other: Floats
    time_other: Floats


def rows(null: Pool, runs: int, seed: int) -> list[Row]:
    """Every harm at its three strengths, all and `marked`."""
    out: list[Row] = []
    steps = [(name, strength) for name, harm in harms().items() for strength in harm.strengths]
    with tqdm(total=len(steps), desc="harms", disable=None, delay=2, leave=False) as bar:
        for number, (name, harm) in enumerate(harms().items()):
            searches = [Search(name, name, members(null, name))]
            if name in MARKERS:
                searches.append(Search(f"{name}_marked", name, marked(null, name)))
            pools: list[tuple[float, Pool]] = []
            for strength in harm.strengths:
                pools.append((strength, planted(null, name, strength)))
                bar.update()
            for place, search in enumerate(searches):
                rng = np.random.default_rng([seed, number, place, 7])
                out += compared(search, null, pools, runs, rng)
    return out


def members(pool: Pool, name: str) -> list[int]:
    """The courses in which a harm is looked for."""
    return np.flatnonzero(pool.cohort.people.of(*harms()[name].arms)).tolist()


def marked(pool: Pool, name: str) -> list[int]:
    """Those of them that are known to have its marker."""
    return [i for i in members(pool, name) if MARKERS[name] in pool.contents[i].attributes]


def by_day(contents: list[CourseContent], name: str) -> Daily:
    """What the cohort counts of each of some courses on each day."""
    first = ORIGIN.toordinal()
    scope = Scope(
        first + DAYS - 1,
        lag_days=0,
        groups=dict.fromkeys(EVENTS[name], (name,)),
        assessed_by=assessed_by(STREAMS),
    )
    n, time = np.zeros((2, len(contents), DAYS), dtype=np.float32)
    for start in range(0, len(contents), BLOCK):
        cohort = Cohort.of((i, 1, one) for i, one in enumerate(contents[start : start + BLOCK]))
        number = [dict(one.attributes)["course"] for one in contents[start : start + BLOCK]]
        daily = cohort.daily(("course",), scope, [f"{GROUP}{name}"], first)
        place = {row: start + i for i, row in enumerate(number)}
        at = [place[row] for (row,) in daily.rows]
        n[at], time[at] = daily.n[:, :, 0].T, daily.days[:, :, 0].T
    return Daily(n, time)


def surveilled(daily: Daily, drawn: Singles, null: Daily, other: Singles) -> Seen:
    """Surveillances of courses drawn so and so often, (runs, courses), and those beside."""
    n, days, n_other, days_other = (
        # whole numbers, exact as floats of 32 bits
        (often @ one).T.astype(np.float64)
        for often, held in ((drawn, daily), (other, null))
        for one in held
    )
    return Seen(n, days / YEAR, n_other, days_other / YEAR)


def compared(
    search: Search,
    null: Pool,
    pools: list[tuple[float, Pool]],
    runs: int,
    rng: np.random.Generator,
) -> list[Row]:
    """One search: false alarms without the harm, then detection at each strength."""
    label, name, courses = search
    size = len(courses)
    if not size:
        return []
    quiet = by_day([null.contents[i] for i in courses], name)
    drawn = [
        rng.multinomial(size, np.full(size, 1 / size), runs).astype(np.float32) for _ in range(4)
    ]
    silent = surveilled(quiet, drawn[0], quiet, drawn[1])
    loud = []
    for strength, pool in pools:
        daily = by_day([pool.contents[i] for i in courses], name)
        loud.append((strength, surveilled(daily, drawn[2], quiet, drawn[3])))
    out: list[Row] = []
    for design in DESIGNS:
        averaged = design == "background" and name in EARLY
        stem = f"{label}_averaged_{design}" if averaged else f"{label}_{design}"
        judged = _judged(stem, design, silent, loud, rng)
        out += (
            [msgspec.structs.replace(row, goal=None, met=None) for row in judged]
            if averaged
            else judged
        )
    return out


def _judged(
    label: str, design: str, silent: Seen, loud: list[tuple[float, Seen]], rng: np.random.Generator
) -> list[Row]:
    alarms = np.isfinite(_sequential(design, silent))
    out = [ever(f"{label}_sequential_false", 1, alarms, ALPHA)]
    thresholds = {}
    for rule, statistic in rules.FIXED.items():
        values = statistic(*_so_far(design, silent))
        thresholds[rule] = rules.tuned(values, int(alarms.sum()))
        fired = np.isfinite(rules.fixed(values, thresholds[rule]))
        out.append(ever(f"{label}_{rule}_false", 1, fired, None))
    for strength, seen in loud:
        own = _sequential(design, seen) / WEEK
        out += found(f"{label}_sequential", strength, own)
        for rule, statistic in rules.FIXED.items():
            other = rules.fixed(statistic(*_so_far(design, seen)), thresholds[rule]) / WEEK
            out += found(f"{label}_{rule}", strength, other)
            strong = strength == loud[-1][0]
            name = f"{label}_later_than_{rule}_x{strength:g}"
            out.append(later(name, own, other, strong=strong, rng=rng))
    return out


def _sequential(design: str, seen: Seen) -> Floats:
    return rules.concurrent(*seen) if design == "beside" else rules.sequential(*_so_far("", seen))


def _so_far(design: str, seen: Seen) -> Seen:
    """With those compared with as a fixed rule takes them."""
    if design == "beside":
        other = np.cumsum(seen.n_other, axis=0), np.cumsum(seen.time_other, axis=0)
    else:
        other = seen.n_other.sum(axis=0), seen.time_other.sum(axis=0)
    return Seen(seen.n, seen.time, *other)


def later(name: str, own: Floats, other: Floats, *, strong: bool, rng: np.random.Generator) -> Row:
    """The difference of the median weeks, with its 95 % bootstrap interval over surveillances.

    Where most of either are silent the difference is only known to be so much or more (or less);
    where most of both are, there is none, and the goal of a strong harm is missed.
    """
    end = DAYS / WEEK
    silent = np.median(own) == np.inf, np.median(other) == np.inf
    goal = "upper 95 % limit < 0 weeks" if strong else f"upper 95 % limit <= {LATEST:g} weeks"
    if all(silent):
        unit = "weeks: most of both silent"
        return Row(name, 0.0, unit, goal=goal, met=False) if strong else Row(name, 0.0, unit)
    held = np.minimum(own, end), np.minimum(other, end)
    value = float(np.median(held[0]) - np.median(held[1]))
    limits = np.quantile(list(_resampled(*held, rng)), (0.025, 0.975))
    low, high = float(limits[0]), float(limits[1])
    met = high < 0 if strong else high <= LATEST
    unit = "weeks"
    if silent[0]:
        unit, met = "weeks or more: most silent", False
    elif silent[1]:
        unit = "weeks or less: most of the other silent"
    return Row(name, value, unit, None, None, (low, high), goal, met)


def _resampled(own: Floats, other: Floats, rng: np.random.Generator) -> Iterator[float]:
    for _ in range(RESAMPLED):
        rows = rng.integers(0, len(own), len(own))
        yield float(np.median(own[rows]) - np.median(other[rows]))
