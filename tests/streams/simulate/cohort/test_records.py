"""Whole courses as records: valid, in order, the same in memory as from their JSON."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.followup.course import fold
from detectors.followup.record import observed
from schemas.followup import FOLLOWUP
from schemas.quality.senders import Row
from schemas.quality.suite import QualitySuite
from schemas.record import check
from streams.simulate.cohort.cohort import KINDS, Cohort, simulate
from streams.simulate.cohort.figures import figures, harms
from streams.simulate.cohort.observed import followed
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.writing import Outgoing, followups

ORIGIN = date(2024, 1, 1)
PLANTS = {name: harm.strengths[2] for name, harm in harms().items()}


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return simulate(Plan(60, 400, 11, plants=PLANTS, prefix="T-"))


@pytest.fixture(scope="module")
def outgoing(cohort: Cohort) -> list[Outgoing]:
    return list(followups(cohort, ORIGIN))


@pytest.fixture(scope="module")
def decoded(outgoing: list[Outgoing]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(one.raw) for one in outgoing]


def _newest(decoded: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for record in decoded:
        key = record["registry"], record["record_id"]
        if key not in newest or record["version"] > newest[key]["version"]:
            newest[key] = record
    return {key: one for key, one in newest.items() if one.get("status") != "nullified"}


def test_every_record_is_taken_by_the_gateway_s_own_check(outgoing: list[Outgoing]) -> None:
    for one in outgoing:
        taken = datetime.combine(ORIGIN, datetime.min.time(), UTC) + timedelta(days=one.sent)
        check("followups", one.raw, sender=one.sender, taken_at=taken)


def test_no_record_is_held_by_the_quality_suite(decoded: list[dict[str, Any]]) -> None:
    rows = [
        Row(i, one["registry"], one["record_id"], one["version"], 740_000, one, 0, 0, 1, 1)
        for i, one in enumerate(decoded)
    ]
    result = QualitySuite("followups").check(rows)
    assert result.row_faults == {}
    assert result.suite_errors == set()


def test_all_kinds_are_there_and_counted(cohort: Cohort, decoded: list[dict[str, Any]]) -> None:
    assert {one["kind"] for one in decoded} == set(KINDS) == set(cohort.records)
    assert len(decoded) == len(cohort)


def test_records_come_in_the_order_of_arrival_and_none_after_the_end(
    outgoing: list[Outgoing],
) -> None:
    sent = [one.sent for one in outgoing]
    assert sent == sorted(sent)
    assert sent[-1] < 400


def test_a_course_opens_with_its_enrolment_and_closes_with_its_exit(
    decoded: list[dict[str, Any]],
) -> None:
    days: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one in _newest(decoded).values():
        days[one["patient"]].append((one["at"][:10], one["kind"]))
    assert len(days) == 60
    for of_one in days.values():
        kinds = Counter(kind for _, kind in of_one)
        assert kinds["enrolment"] == 1
        assert kinds["exit"] <= 1
        assert min(of_one)[0] == next(day for day, kind in of_one if kind == "enrolment")
        if kinds["exit"]:
            assert max(of_one)[0] == next(day for day, kind in of_one if kind == "exit")


def test_an_id_names_one_record_of_one_course(decoded: list[dict[str, Any]]) -> None:
    owners: dict[tuple[str, str], set[tuple[str, str, str]]] = defaultdict(set)
    contents: dict[tuple[str, str, int, str], set[bytes]] = defaultdict(set)
    for one in decoded:
        key = one["registry"], one["record_id"]
        owners[key].add((one["patient"], one["kind"], one["at"]))
        version = (*key, one["version"], one.get("status", "active"))
        contents[version].add(msgspec.json.encode(one))
    assert all(len(found) == 1 for found in owners.values())
    assert all(len(found) == 1 for found in contents.values())


def test_memory_and_json_give_the_same_records(
    cohort: Cohort, decoded: list[dict[str, Any]]
) -> None:
    expected = {key: FOLLOWUP.validate_python(one) for key, one in _newest(decoded).items()}
    seen = 0
    for course in followed(cohort, ORIGIN):
        assert [one.order for one in course.records] == sorted(one.order for one in course.records)
        for one in course.records:
            record = expected[one.record.case]
            assert one.record == record
            assert one == observed(record, product=one.product, route=one.route)
            assert type(one.record) is type(record)
            seen += 1
    assert seen == len(expected)


def test_records_in_memory_carry_coded_names_and_when_they_were_sent(
    cohort: Cohort, outgoing: list[Outgoing]
) -> None:
    at = defaultdict(set)
    for sent in outgoing:
        at[msgspec.json.decode(sent.raw)["record_id"]].add(sent.sent)
    names = set()
    for course in followed(cohort, ORIGIN):
        for one, moment in zip(course.records, course.sent, strict=True):
            assert moment in at[one.id]
            if one.record.kind == "dose":
                names.add((one.product, one.route))
            if one.record.kind == "mood":
                assert (one.product, one.route) == ("", "")
    assert names == {
        ("esketamine", "intranasal"),
        ("ketamine", "intravenous"),
        ("ketamine", "sublingual"),
        ("ketamine", "oral"),
        ("ketamine", "intranasal"),
    }


def test_the_detectors_take_them(cohort: Cohort) -> None:
    folded = [fold(course.records) for course in followed(cohort, ORIGIN)]
    assert sum(one.n for one in folded) == sum(
        int(rows.newest.sum()) for rows in cohort.records.values()
    )


def test_doses_are_measured_as_planned(decoded: list[dict[str, Any]]) -> None:
    sessions: dict[tuple[str, str], dict[str, list[float | None]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for one in _newest(decoded).values():
        if one["registry"] == "registry-esketamine":
            day = one["patient"], one["at"][:10]
            sessions[day][one["kind"]].append(one.get("minutes"))
    whole = Counter(
        (
            tuple(sorted(m for m in kinds["vital_signs"] if m is not None)),
            tuple(sorted(m for m in kinds["dissociation"] if m is not None)),
            tuple(sorted(m for m in kinds["sedation"] if m is not None)),
        )
        for kinds in sessions.values()
        if kinds["dose"]
    )
    assert whole.most_common(1)[0][0] == ((-10, 40, 90, 120), (-10, 40, 90), (40, 90))


def test_at_home_there_are_supplies_and_no_blood_pressure(cohort: Cohort) -> None:
    home = cohort.people.home
    assert home[cohort.records["dispensing"].table.course].all()
    assert home[cohort.records["misuse_screen"].table.course].all()
    assert not home[cohort.records["vital_signs"].table.course].any()
    assert not home[cohort.records["dissociation"].table.course].any()


def test_the_same_plan_gives_the_same_bytes_and_another_seed_does_not() -> None:
    def raw(seed: int) -> list[bytes]:
        return [one.raw for one in followups(simulate(Plan(20, 100, seed)), ORIGIN)]

    assert raw(4) == raw(4)
    assert raw(4) != raw(5)


def test_another_origin_moves_the_dates_and_nothing_else() -> None:
    cohort = simulate(Plan(10, 100))
    one, other = (
        [msgspec.json.decode(sent.raw) for sent in followups(cohort, origin)]
        for origin in (ORIGIN, ORIGIN + timedelta(days=31))
    )
    for a, b in zip(one, other, strict=True):
        days = date.fromisoformat(b["at"][:10]) - date.fromisoformat(a["at"][:10])
        assert days.days == 31
        assert a | {"at": ""} == b | {"at": ""}


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    courses=st.integers(1, 12),
    days=st.integers(1, 200),
    strength=st.sampled_from([1.0, 20.0]),
    arm=st.sampled_from(["", *(arm.name for arm in figures().arm)]),
)
def test_any_plan_gives_valid_records(
    seed: int, courses: int, days: int, strength: float, arm: str
) -> None:
    plants = dict.fromkeys(("cystitis", "stimulant", "misuse"), strength)
    arms = {arm: 1.0} if arm else None
    cohort = simulate(Plan(courses, days, seed, plants=plants, arms=arms))
    sent = list(followups(cohort, ORIGIN))
    assert len(sent) == len(cohort)
    last = (ORIGIN + timedelta(days=days - 1)).isoformat()
    for one in sent:
        record = FOLLOWUP.validate_json(one.raw)
        assert record.at[:10] <= last
    assert sum(len(one.records) for one in followed(cohort, ORIGIN)) == sum(
        int(np.count_nonzero(rows.newest)) for rows in cohort.records.values()
    )


def test_the_planned_dose_is_the_usual_one_of_that_patient() -> None:
    cohort = simulate(Plan(200, 200, 3, entry=0.0), amiss_too=False)
    enrolled = cohort.records["enrolment"].table
    planned = dict(
        zip(enrolled.course.tolist(), enrolled.column("planned_dose_mg").tolist(), strict=True)
    )
    given = cohort.sessions
    later = (given.number > 1) & (given.day < cohort.harmed.misuse[given.course])
    for course, dose in zip(
        given.course[later].tolist(), given.dose_mg[later].tolist(), strict=True
    ):
        assert planned[course] == dose
    assert all(np.isnan(planned[one]) for one in np.flatnonzero(cohort.people.of("comparator")))
