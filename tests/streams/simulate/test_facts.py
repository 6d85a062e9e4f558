"""The simulation is drawn from published figures, and comes out as they say."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from schemas.vocabulary import Vocabulary
from streams.simulate.clinic import _NAMES as NAMES
from streams.simulate.course import INDUCTION, Course
from streams.simulate.facts import background, planted, profile, profiles, programme


def _patients_with(product: str, route: str, sessions: int, patients: int) -> Counter[str]:
    rng = Random(20)
    having: Counter[str] = Counter()
    for number in range(patients):
        course = Course(rng, str(number), product, route, "clinic")
        having.update({event for _ in range(sessions) for event in course.advance()})
    return having


@pytest.mark.parametrize(
    ("product", "route", "event", "percent"),
    [
        ("esketamine", "intranasal", "Dissociation", 41),
        ("esketamine", "intranasal", "Dizziness", 29),
        ("esketamine", "intranasal", "Feeling drunk", 5),
        ("ketamine", "intravenous", "Somnolence", 56.4),
        ("ketamine", "intravenous", "Hypertension", 44.3),
        ("ketamine", "intravenous", "Nausea", 13.3),
    ],
)
def test_as_many_patients_have_an_event_in_induction_as_published(
    product: str, route: str, event: str, percent: float
) -> None:
    patients = 4000
    having = _patients_with(product, route, INDUCTION[product], patients)
    # four standard errors of a share of 4,000
    share = percent / 100
    assert abs(having[event] / patients - share) < 4 * (share * (1 - share) / patients) ** 0.5


def test_an_event_recurs_more_in_those_who_had_it_in_the_first_week() -> None:
    rng = Random(3)
    later: dict[bool, list[bool]] = {True: [], False: []}
    for number in range(3000):
        course = Course(rng, str(number), "esketamine", "intranasal", "clinic")
        sessions = ["Dissociation" in course.advance() for _ in range(8)]
        later[any(sessions[:2])].append(any(sessions[2:]))
    again = sum(later[True]) / len(later[True])
    first = sum(later[False]) / len(later[False])
    assert again > 2 * first


def test_every_profile_names_its_source_and_is_possible() -> None:
    for one in profiles():
        assert one.source
        for event in one.percent:
            assert 0 < one.prone(event) <= 1, (one.product, one.phase, event)


def test_home_has_a_profile_of_its_own_and_a_phase_without_one_takes_the_first() -> None:
    assert profile("ketamine", "maintenance", "home").setting == "home"
    assert profile("ketamine", "induction", "telehealth").phase == "induction"
    assert profile("arketamine", "maintenance").phase == "induction"


def test_the_programme_has_the_rates_of_sessions() -> None:
    assert programme().percent["Dissociation"] == 41.0
    assert programme().stays == {"9": 75.1, "13": 60.3}


def test_names_of_the_products_that_are_watched_are_all_known() -> None:
    vocabulary = Vocabulary.load()
    for product, names in NAMES.items():
        assert {vocabulary.product(name).name for name in names} == {product}


def test_the_background_has_sixty_products_two_hundred_events_and_nothing_that_is_planted() -> None:
    facts = background()
    assert len(set(facts.products)) >= 60
    assert len(set(facts.events)) == len(facts.events) >= 200
    assert not {one.event for one in planted()} & set(facts.events)
    known = {event for one in profiles() for event in one.percent}
    assert not {one.event for one in planted()} & known
