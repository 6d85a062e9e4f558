"""Reports of what happened in the courses: a programme's form, and what somebody reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

import msgspec
import numpy as np

from streams.simulate.cohort.amiss import uniform
from streams.simulate.cohort.cohort import Cohort
from streams.simulate.cohort.figures import Arm, figures, harms
from streams.simulate.cohort.harms import struck
from streams.simulate.cohort.table import Bools, Ints
from streams.simulate.cohort.writing import Names, Outgoing

RAISED = "Blood pressure increased"
FORM = ("Dissociation", "Sedation", RAISED)
_PROGRAMME = "esketamine"
_encode = msgspec.json.Encoder().encode


class Case(NamedTuple):
    """What is reported of one course: a day, when it is sent, the terms."""

    course: int
    day: int
    sent: float
    terms: tuple[str, ...]
    solicited: bool


def form(cohort: Cohort) -> dict[str, Bools]:
    """What the programme's form says of each session, by term; it asks at each."""
    facts, people, given = figures().form, cohort.people, cohort.sessions
    mine = people.of(_PROGRAMME)[given.course] & (given.day <= cohort.harmed.stops[given.course])
    share = np.full(len(people), facts.raised)
    share *= np.where(people.female, 1.0, facts.raised_men)
    share *= np.where(people.age < 25, facts.raised_young, 1.0)
    noted = uniform(cohort.plan.seed, "form", given.course, given.number) < share[given.course]
    found = (cohort.acute.dissociated, cohort.acute.sedated, cohort.pressures.raised & noted)
    return {term: mine & said for term, said in zip(FORM, found, strict=True)}


def reports(cohort: Cohort, origin: date) -> Iterator[Outgoing]:
    """Solicited and spontaneous reports, in the order in which they are sent.

    >>> from streams.simulate.cohort.cohort import simulate
    >>> from streams.simulate.cohort.plan import Plan
    >>> plan = Plan(courses=5, days=60, entry=0.2, arms={"esketamine": 1})
    >>> first = next(reports(simulate(plan), date(2025, 1, 1)))
    >>> msgspec.json.decode(first.raw)["report_type"]
    'solicited'
    """
    yield from written(cohort, origin, [*forms(cohort), *_harms(cohort), *_at_home(cohort)])


def written(cohort: Cohort, origin: date, cases: Iterable[Case]) -> Iterator[Outgoing]:
    """Reports of these cases, those that are sent after the calendar's end left out."""
    names = Names(cohort, origin)
    arms = cohort.people.arms
    ordered = sorted(cases, key=lambda case: (case.sent, case.course, case.terms))
    for number, case in enumerate(ordered):
        if case.sent < cohort.plan.days:
            arm = arms[cohort.people.arm[case.course]]
            report = _report(cohort, names, arm, case, number)
            yield Outgoing(case.sent, arm.registry, "reports", _encode(report))


def forms(cohort: Cohort) -> Iterator[Case]:
    """What the programme's form says, where it says anything."""
    said = form(cohort)
    given = cohort.sessions
    any_ = np.logical_or.reduce(list(said.values()))
    columns = [said[term].tolist() for term in FORM]
    for row in np.flatnonzero(any_).tolist():
        terms = tuple(term for term, column in zip(FORM, columns, strict=True) if column[row])
        day = int(given.day[row])
        yield Case(int(given.course[row]), day, day + 0.9, terms, True)


def _harms(cohort: Cohort) -> Iterator[Case]:
    """Of the harms, planted or not, some are reported, one to eight weeks later."""
    given, harmed = cohort.sessions, cohort.harmed
    for name, onset in (("cystitis", harmed.urinary), ("misuse", harmed.misuse)):
        hit = np.flatnonzero(struck(onset, given))
        yield from _some(cohort, name, hit, onset[hit])
    declining = np.flatnonzero((harmed.decline > 0) & (harmed.declines_from + 180 <= given.until))
    yield from _some(cohort, "cognition", declining, harmed.declines_from[declining] + 180)
    rows = np.flatnonzero(cohort.pressures.crisis & (given.day <= harmed.stops[given.course]))
    yield from _some(cohort, "stimulant", given.course[rows], given.day[rows])


def _some(cohort: Cohort, name: str, course: Ints, day: Ints) -> Iterator[Case]:
    seed, share = cohort.plan.seed, figures().form.spontaneous
    told = uniform(seed, f"report of {name}", course, day) < share
    lag = 7 + 49 * uniform(seed, f"lag of {name}", course, day)
    event = (harms()[name].event,)
    for one, on, later in zip(
        course[told].tolist(), day[told].tolist(), lag[told].tolist(), strict=True
    ):
        yield Case(one, on, on + later, event, False)


def _at_home(cohort: Cohort) -> Iterator[Case]:
    """Of those who take it at home a few report something, in the first month."""
    facts, given = figures().form, cohort.sessions
    course = np.flatnonzero(cohort.people.home)
    none = np.zeros(len(course), dtype=np.int64)
    drawn = uniform(cohort.plan.seed, "home event", course, none) / facts.home
    for one, draw in zip(course.tolist(), drawn.tolist(), strict=True):
        day = int(given.first[one]) + int(28 * draw)
        if draw < 1 and day <= given.until[one]:
            term = facts.home_events[int(draw * 997) % len(facts.home_events)]
            yield Case(one, day, day + 3.0, (term,), False)


def _report(cohort: Cohort, names: Names, arm: Arm, case: Case, number: int) -> dict[str, Any]:
    product: dict[str, Any] = {"name": arm.names[0], "role": "suspect", "route": arm.route}
    for field in ("setting", "formulation"):
        if getattr(arm, field) is not None:
            product[field] = getattr(arm, field)
    people = cohort.people
    return {
        "sender": arm.registry,
        "report_id": f"{cohort.plan.prefix}R{number}",
        "version": 1,
        "received_at": names.date(int(case.sent)),
        "report_type": "solicited" if case.solicited else "spontaneous",
        "reporter": "physician",
        "country": "US",
        "patient": {
            "pseudonym": names.patient[case.course],
            "age_years": float(people.age[case.course]),
            "sex": "female" if people.female[case.course] else "male",
        },
        "products": [product],
        "reactions": [{"term": term, "onset_at": names.date(case.day)} for term in case.terms],
    }
