"""Follow-up: false findings, false alarms, time to detection, and speed.

False findings of whole courses without planted harm; how often replicated surveillances without
harm ever signal; how soon planted harms are found, beside fixed thresholds with as many false
alarms; throughput, memory and latency. What each part does and what its goals mean is said in its
module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streams.bench import followup_alpha, followup_harms, followup_null, followup_speed
from streams.bench.followup_pool import DAYS, drawn
from streams.bench.rows import Row, text
from streams.simulate.cohort.plan import Plan

# of each planted harm: enough for a median, and each is a product of large matrices
MOST = 2000


class Sizes(NamedTuple):
    """Courses without harm, replicated surveillances, courses that are held at once.

    Planted harms have `runs` surveillances too, at most `MOST`.
    """

    pool: int = 5000
    runs: int = 4000
    courses: int = 100_000

    @property
    def quick(self) -> Sizes:
        """As much as takes a minute: for a look at the table, not at the figures.

        >>> Sizes().quick
        Sizes(pool=200, runs=200, courses=1000)
        """
        return Sizes(200, min(self.runs, 200), min(self.courses, 1000))


def run(sizes: Sizes, seed: int) -> list[Row]:
    """Every row."""
    pool = drawn(Plan(sizes.pool, DAYS, seed))
    return [
        *followup_null.rows(pool),
        *followup_alpha.rows(sizes.runs, seed),
        *followup_harms.rows(pool, min(sizes.runs, MOST), seed),
        *followup_speed.rows(sizes.courses, seed),
    ]


def table(rows: Sequence[Row]) -> str:
    """For people: of planted harms a line for each rule, with the three strengths beside each
    other, ! where a goal is missed, = where one is met; the other rows; then what is missed.
    """
    lines: dict[str, list[str]] = {}
    rest = []
    for row in rows:
        stem, mark, strength = row.name.rpartition("_x")
        if mark:
            goal = {True: "=", False: "!", None: " "}[row.met]
            lines.setdefault(stem, []).append(f"{row.value:>10.4g}{goal} x{strength:<5}")
        else:
            rest.append(text(row))
    width = max(map(len, lines), default=0)
    body = [f"{stem:<{width}}{''.join(cells)}".rstrip() for stem, cells in lines.items()]
    goals = [row for row in rows if row.met is not None]
    missed = [row for row in goals if not row.met]
    verdict = f"{len(goals) - len(missed)} of {len(goals)} goals met"
    return "\n".join([*rest, *body, verdict, *map(text, missed)])
