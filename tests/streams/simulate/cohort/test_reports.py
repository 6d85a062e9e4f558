"""Reports of simulated courses: the form at every session, and the few that somebody sends."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from schemas.record import check
from streams.simulate.cohort.cohort import Cohort, simulate
from streams.simulate.cohort.figures import figures, harms
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.reports import FORM, form, reports
from streams.simulate.cohort.writing import Outgoing

ORIGIN = date(2024, 1, 1)


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    plants = {name: harm.strengths[2] for name, harm in harms().items()}
    return simulate(Plan(1500, 500, 3, plants=plants))


@pytest.fixture(scope="module")
def sent(cohort: Cohort) -> list[Outgoing]:
    return list(reports(cohort, ORIGIN))


@pytest.fixture(scope="module")
def decoded(sent: list[Outgoing]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(one.raw) for one in sent]


def test_every_report_is_taken_by_the_gateway_s_own_check(sent: list[Outgoing]) -> None:
    for one in sent:
        taken = datetime.combine(ORIGIN, datetime.min.time(), UTC) + timedelta(days=one.sent)
        check("reports", one.raw, sender=one.sender, taken_at=taken)


def test_reports_come_in_order_each_with_an_id_of_its_own(
    sent: list[Outgoing], decoded: list[dict[str, Any]]
) -> None:
    assert [one.sent for one in sent] == sorted(one.sent for one in sent)
    assert sent[-1].sent < 500
    assert len({one["report_id"] for one in decoded}) == len(decoded)
    for one in decoded:
        assert all(reaction["onset_at"] <= one["received_at"] for reaction in one["reactions"])


def test_the_form_is_solicited_and_says_what_the_sessions_brought(
    cohort: Cohort, decoded: list[dict[str, Any]]
) -> None:
    solicited = [one for one in decoded if one["report_type"] == "solicited"]
    assert {one["sender"] for one in solicited} == {"registry-esketamine"}
    counts = Counter(r["term"] for one in solicited for r in one["reactions"])
    said = form(cohort)
    in_time = cohort.sessions.day + 0.9 < 500
    assert counts == {term: int((said[term] & in_time).sum()) for term in FORM}


def test_nothing_is_said_of_sessions_that_a_harm_prevented(cohort: Cohort) -> None:
    prevented = cohort.sessions.day > cohort.harmed.stops[cohort.sessions.course]
    assert prevented.any()
    assert not any(said[prevented].any() for said in form(cohort).values())


def test_some_harms_are_reported_and_most_are_not(
    cohort: Cohort, decoded: list[dict[str, Any]]
) -> None:
    spontaneous = [one for one in decoded if one["report_type"] == "spontaneous"]
    counts = Counter(r["term"] for one in spontaneous for r in one["reactions"])
    given, harmed = cohort.sessions, cohort.harmed
    struck = (harmed.urinary <= given.until).sum() + (harmed.misuse <= given.until).sum()
    share = (counts["Cystitis noninfective"] + counts["Drug abuse"]) / struck
    assert 0.15 < share < figures().form.spontaneous + 0.1
    assert counts["Hypertensive crisis"] > 0
    assert counts["Cognitive disorder"] > 0
    others = set(counts) - {harm.event for harm in harms().values()}
    assert others <= set(figures().form.home_events)


def test_pseudonyms_are_those_of_the_follow_up_records(
    cohort: Cohort, decoded: list[dict[str, Any]]
) -> None:
    for one in decoded:
        course = int(one["patient"]["pseudonym"].removeprefix("P"))
        arm = cohort.people.arms[cohort.people.arm[course]]
        assert one["sender"] == arm.registry
        assert one["products"][0]["route"] == arm.route
        assert one["patient"]["age_years"] == cohort.people.age[course]
        assert (one["patient"]["sex"] == "female") == np.bool_(cohort.people.female[course])
