"""False findings of courses in which nothing is planted, by stream, per patient-year.

Also without a planted harm patients are sedated, have a crisis or symptoms that last: the
simulation knows of whom that is true, and only the other findings are false. Of a course without
liver injury, decline or loss of effect every finding of these is. What is said as it stands in a
record (a thought of suicide, a pulse, a treatment-emergent hypertension) is neither true nor false
here and is counted on its own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detectors.disproportionality.method import Floats
from detectors.followup import STREAMS
from detectors.followup.finding import Finding
from detectors.scope import YEAR
from streams.bench.followup_pool import ORIGIN, Pool
from streams.bench.rows import Row
from streams.simulate.cohort.cohort import Cohort
from streams.simulate.cohort.table import Bools, Ints

Z = 2.5758  # 99 %
# codes of the cardiovascular stream of which the simulation keeps the truth
PRESSURE = frozenset({"crisis", "excursion"})
# of what cannot be true of a simulated course, as it is not in the simulation
NEVER_TRUE = frozenset({"cognitive", "hepatic"})


def judge(cohort: Cohort) -> Callable[[int, Finding], bool | None]:
    """Whether a finding of a course is true; None where the record is all there is to it."""
    sessions, harmed = cohort.sessions, cohort.harmed
    held = {
        "sedation": _keys(cohort, cohort.acute.sedated),
        "dissociation": _keys(cohort, cohort.acute.dissociated),
        "crisis": _keys(cohort, cohort.pressures.crisis),
        "excursion": _keys(cohort, cohort.pressures.raised),
    }
    since: dict[str, Ints] = {
        "urinary": harmed.urinary,
        "misuse": harmed.misuse,
        # mood falls back a few days after the last dose
        "mood": np.where(sessions.counts() > 0, sessions.last + 3, sessions.until),
    }
    first = ORIGIN.toordinal()

    def true(course: int, finding: Finding) -> bool | None:
        day = finding.day - first
        name = finding.code if finding.code in PRESSURE else finding.stream
        if name in NEVER_TRUE:
            return False
        if name in since:
            return bool(day >= since[name][course])
        return (course, day) in held[name] if name in held else None

    return true


def rows(pool: Pool) -> list[Row]:
    """For each stream with findings that can be false, these per patient-year; then the others.

    The limits (99 %) take courses as the units, since findings recur in a course.
    """
    true = judge(pool.cohort)
    names = [stream.name for stream in STREAMS]
    size = len(names), len(pool)
    false, found, stated = np.zeros((3, *size))
    for course, findings in enumerate(pool.findings):
        for one in findings:
            if one.level == "note":
                continue
            stream = names.index(one.stream)
            verdict = true(course, one)
            counted = stated if verdict is None else found
            counted[stream, course] += 1
            false[stream, course] += verdict is False
    out = []
    for i, name in enumerate(names):
        if found[i].any() or not stated[i].any():
            judged = f"{found[i].sum():.0f} findings, {len(pool)} courses"
            share = float(false[i].sum() / found[i].sum()) if found[i].any() else None
            out.append(_rate(pool, f"null_{name}_false", false[i], judged, share))
        if stated[i].any():
            out.append(_rate(pool, f"null_{name}_as_recorded", stated[i]))
    return out


def _rate(
    pool: Pool, name: str, n: Floats, against: str | None = None, share: float | None = None
) -> Row:
    years, sessions = pool.cohort.patient_years, pool.cohort.sessions
    until = np.minimum(sessions.until, pool.cohort.harmed.stops)
    time = np.maximum(until - sessions.first + 1, 0) / YEAR
    rate = float(n.sum() / years)
    error = float(np.sqrt(((n - rate * time) ** 2).sum())) / years
    spread = (max(rate - Z * error, 0.0), rate + Z * error)
    return Row(name, rate, "a patient-year", against, share, spread)


def _keys(cohort: Cohort, which: Bools) -> set[tuple[int, int]]:
    sessions = cohort.sessions
    return set(zip(sessions.course[which].tolist(), sessions.day[which].tolist(), strict=True))
