"""What a session brings for an hour or two: dissociation and sedation, and their scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.simulate.cohort.figures import figures
from streams.simulate.cohort.measures import Recurring
from streams.simulate.cohort.patients import Patients
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.recurring import recurring
from streams.simulate.cohort.sessions import Sessions
from streams.simulate.cohort.table import Bools, Floats, Ints, Table, joined, table

BEFORE = -10  # minutes
_MOST = 92  # CADSS points


@dataclass(frozen=True, slots=True)
class Acute:
    """By session: was it watched in a clinic, did it bring dissociation, sedation."""

    watched: Bools
    dissociated: Bools
    sedated: Bools


def acute(plan: Plan, people: Patients, given: Sessions) -> Acute:
    """Who has what in which session."""
    facts = figures().acute
    watched = np.zeros(len(given), dtype=bool)
    found = {}
    for what, effects in (("dissociation", facts.dissociation), ("sedation", facts.sedation)):
        found[what] = np.zeros(len(given), dtype=bool)
        for name, effect in effects.items():
            mine = people.of(name)[given.course]
            watched |= mine
            found[what] |= mine & _drawn(plan, f"{what} of {name}", effect, given)
    return Acute(watched, found["dissociation"], found["sedation"])


def _drawn(plan: Plan, what: str, effect: Recurring, given: Sessions) -> Bools:
    rng = plan.draws(what)
    return recurring(rng, effect, given.course, given.number, len(given.first))


def scales(plan: Plan, given: Sessions, found: Acute, start: Ints) -> list[Table]:
    """CADSS before, at 40 and 90 minutes, MOAA/S at 40 and 90; `start`: second of the dose."""
    rows = np.flatnonzero(found.watched)
    rng = plan.draws("CADSS")
    cadss = _cadss(rng, given, found.dissociated[rows], given.course[rows])
    tables = [
        _at("dissociation", given, rows, start, minutes=minutes, score=score)
        for minutes, score in cadss.items()
    ]
    rng = plan.draws("MOAA/S")
    facts = figures().acute
    depth = rng.choice(np.arange(4.0, -1, -1), len(rows), p=facts.deeper)
    sedated = found.sedated[rows]
    drowsy = sedated & (rng.random(len(rows)) < facts.drowsy_later)
    return [
        joined(tables),
        joined(
            [
                _at(
                    "sedation", given, rows, start, minutes=40, score=np.where(sedated, depth, 5.0)
                ),
                _at("sedation", given, rows, start, minutes=90, score=np.where(drowsy, 4.0, 5.0)),
            ]
        ),
    ]


def _cadss(
    rng: np.random.Generator, given: Sessions, dissociated: Bools, course: Ints
) -> dict[int, Floats]:
    """Totals by minute: above 4 in a session with dissociation, and only then."""
    facts = figures().acute
    n = len(course)
    own = rng.lognormal(-0.08, 0.4, len(given.first))[course]
    height = 5 + np.floor(rng.gamma(1.6, facts.height / 1.6, n) * own)
    before = np.minimum(rng.poisson(0.2, n), 3)
    calm = np.minimum(rng.poisson(1.2, n), 4)
    peak = np.where(dissociated, np.minimum(height, _MOST), calm)
    lasting = dissociated & (rng.random(n) < facts.lasting)
    late = np.where(lasting, np.maximum(5, np.floor(0.5 * peak)), np.minimum(calm, 2))
    return {BEFORE: before.astype(float), 40: peak, 90: late.astype(float)}


def _at(kind: str, given: Sessions, rows: Ints, at: Ints, *, minutes: int, score: Floats) -> Table:
    return table(
        kind,
        given.course[rows],
        given.day[rows],
        at[rows] + 60 * minutes,
        minutes=float(minutes),
        score=score,
    )
