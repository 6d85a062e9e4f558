"""What is printed about follow-up is what the simulated courses and surveillances did."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from detectors.cohort import Cohort
from detectors.followup.content import CourseContent, Event, assessed_by, content
from detectors.followup.course import decode_course, fold
from detectors.followup.finding import Finding
from detectors.followup.record import coded
from detectors.scope import YEAR, Scope
from detectors.sequential import eprocess_background, two_sample_rates
from schemas.followup import FOLLOWUP
from schemas.vocabulary import Vocabulary
from streams.bench import (
    followup,
    followup_alpha,
    followup_harms,
    followup_null,
    followup_pool,
    followup_rules,
    followup_speed,
)
from streams.bench.followup_pool import DAYS, ORIGIN, Pool
from streams.bench.rows import Row
from streams.bench.shares import lower_limit
from streams.bench.simulated import BAR, first
from streams.cli.bench import command
from streams.simulate.cohort.events import ByTime, Surveyed, survey
from streams.simulate.cohort.figures import harms
from streams.simulate.cohort.plan import Plan

FIRST = ORIGIN.toordinal()


def named(rows: list[Row]) -> dict[str, Row]:
    assert len({row.name for row in rows}) == len(rows)
    return {row.name: row for row in rows}


@pytest.fixture(scope="module")
def pool() -> Pool:
    return followup_pool.drawn(Plan(60, DAYS, 3))


def looks(seed: int, ratio: float, runs: int = 6, days: int = 40) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    time, other = rng.exponential(0.5, (2, days, runs))
    return [rng.poisson(ratio * time).astype(float), time, rng.poisson(other).astype(float), other]


# ---------------------------------------------------------------- rules


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), ratio=st.sampled_from([0.5, 1.25, 2.0, 4.0]))
def test_the_day_of_a_sequential_rule_is_that_of_the_steps(seed: int, ratio: float) -> None:
    n, time, n_other, time_other = looks(seed, ratio)
    past = n_other.sum(axis=0), time_other.sum(axis=0)
    steps = eprocess_background.batch(
        eprocess_background.Reference(*past), eprocess_background.Look(n, time)
    )
    day = followup_rules.sequential(n, time, *past)
    assert np.array_equal(day, first(steps.log_e_sup >= BAR))
    beside = two_sample_rates.batch(n.shape[1], two_sample_rates.Look(n, time, n_other, time_other))
    day = followup_rules.concurrent(n, time, n_other, time_other)
    assert np.array_equal(day, first(beside.log_e_sup >= BAR))


def test_fixed_rules_take_all_so_far_and_need_three_events() -> None:
    n, time = np.array([[2.0], [0.0], [1.0]]), np.array([[1.0], [1.0], [2.0]])
    counted, past = np.array([4.5]), np.array([10.0])
    ratio = followup_rules.observed_to_expected(n, time, counted, past)
    assert ratio.ravel().tolist() == [0, 0, 3 / (4 * 5 / 10)]
    surprise = followup_rules.surprise(n, time, np.array([4.0]), past)
    # 3 or more of 7 with a chance of 4 in 14
    assert surprise.ravel()[2] == pytest.approx(-np.log(binom.sf(2, 7, 4 / 14)))
    assert surprise.ravel()[:2].tolist() == [0, 0]
    beside = followup_rules.surprise(n, time, np.full((3, 1), 4.0), np.full((3, 1), 10.0))
    assert np.array_equal(beside, surprise)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.integers(0, 8), min_size=1, max_size=12), alarms=st.integers(0, 12))
def test_a_threshold_gives_no_more_alarms_and_none_lower_does(
    values: list[int], alarms: int
) -> None:
    statistic = np.array([values], dtype=float)
    threshold = followup_rules.tuned(statistic, alarms)
    fired = np.isfinite(followup_rules.fixed(statistic, threshold))
    assert fired.sum() <= alarms
    if threshold > -np.inf:
        lower = followup_rules.fixed(statistic, threshold - 0.5)
        assert np.isfinite(lower).sum() > alarms


# ---------------------------------------------------------------- false alarms


def test_first_events_and_person_time_of_each_run_by_hand() -> None:
    """Courses 0 and 1 are the first surveillance, 2 and 3 the second."""
    once = Surveyed(
        days=6,
        arms=("a",),
        arm=np.zeros(4, dtype=np.int64),
        entry=np.array([0, 1, 4, 9]),
        until=np.array([3, 1, 9, 12]),
        course=np.array([0, 0, 2]),
        day=np.array([1, 3, 5]),
        number=np.array([1, 2, 1]),
        dose_mg=np.full(3, 56.0),
        happened={"x": np.array([True, True, False])},
        dated={"y": (np.array([0, 0, 2]), np.array([1, 2, 4]))},
    )
    found = followup_alpha.first_events(once, "y", 2)
    assert found.n.T.tolist() == [[0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]]
    np.testing.assert_allclose(found.time.T * YEAR, [[1, 2, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]])
    found = followup_alpha.every_event(once, "y", 2)
    assert found.n.T.tolist() == [[0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0]]
    np.testing.assert_allclose(found.time.T * YEAR, [[1, 2, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]])
    found = followup_alpha.first_events(once, "x", 2)
    assert found.n.T.tolist() == [[0, 1, 0, 0, 0, 0], [0] * 6]
    assert found.time.T.tolist() == [[0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]]
    found = followup_alpha.every_event(once, "x", 2)
    assert found.n.T.tolist() == [[0, 1, 0, 1, 0, 0], [0] * 6]
    assert found.time.T.tolist() == [[0, 1, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1]]


def test_runs_together_are_all_courses() -> None:
    once = survey(Plan(90, 300, 4, arms={"esketamine": 1.0}), [ByTime("y", 1.0, 2.0)])
    course, day = once.first_events("y")
    ends = np.minimum(once.until, once.days - 1)
    ends[course] = day
    found = followup_alpha.first_events(once, "y", 3)
    assert np.array_equal(found.n.sum(axis=1), once.per_day(day))
    np.testing.assert_allclose(found.time.sum(axis=1) * YEAR, once.at_risk(ends), atol=1e-9)


def test_first_events_hold_alpha_at_the_margin_and_every_event_does_not() -> None:
    rows = named(followup_alpha.rows(100, 2))
    assert len(rows) == 12
    for how in ("background", "arms", "sessions"):
        own = rows[f"{how}_first_ever_x1.25"]
        assert own.met
        assert own.goal == "lower 99 % limit <= 0.05"
        every = rows[f"{how}_every_ever_x1.25"]
        assert (every.goal, every.met) == (None, None)
        assert every.value >= own.value
    wrong = rows["sessions_every_ever_x1.25"].value
    assert lower_limit(round(100 * wrong), 100) > 0.05


def test_surveillances_are_those_of_their_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    def kept(own: followup_alpha.Watch, other: followup_alpha.Watch) -> Any:
        seen.append(float(own.time.sum() - other.time.sum()))
        return np.zeros(own.n.shape[1], dtype=bool)

    monkeypatch.setattr(followup_alpha, "arms_fired", kept)
    for seed in (2, 2, 3):
        followup_alpha.rows(2, seed)
    once, again, other = np.reshape(seen, (3, -1))
    assert np.array_equal(once, again)
    assert (once != other).all()
    # the two arms are other patients
    assert (once != 0).all()


def test_a_process_that_cries_wolf_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followup_alpha, "RATIOS", (1.0, 4.0))
    # alike, so that those who are left are not the ones at low risk
    monkeypatch.setattr(followup_alpha, "FRAILTY", 0.0)
    monkeypatch.setattr(
        followup_alpha, "EFFECT", replace_effect(prone=1.0, first=0.1, later=0.1, falls=1.0)
    )
    rows = named(followup_alpha.rows(20, 1))
    for how in ("background", "arms", "sessions"):
        assert rows[f"{how}_first_ever_x4"].value > 0.8
        assert rows[f"{how}_first_ever_x4"].met is False


def replace_effect(**fields: float) -> object:
    return msgspec.structs.replace(followup_alpha.EFFECT, **fields)


# ---------------------------------------------------------------- courses without harm


def test_a_finding_is_false_unless_the_simulation_knows_its_cause(pool: Pool) -> None:
    sessions, sedated = pool.cohort.sessions, pool.cohort.acute.sedated
    with_it, without = np.flatnonzero(sedated)[0], np.flatnonzero(~sedated)[0]

    def finding(stream: str, code: str, session: int, level: str = "finding") -> Finding:
        day = FIRST + int(sessions.day[session])
        return Finding(stream, code, "x", day, level, (), "")  # type: ignore[arg-type]

    findings = [()] * len(pool)
    held: dict[int, list[Finding]] = {}
    for session, one in [
        (with_it, finding("sedation", "sedation", with_it)),
        (without, finding("sedation", "sedation", without)),
        (without, finding("sedation", "sedation", without, "note")),
        (with_it, finding("cognitive", "decline_repeated", with_it)),
        (with_it, finding("suicidality", "behaviour", with_it, "urgent")),
    ]:
        held.setdefault(int(sessions.course[session]), []).append(one)
    own = [tuple(held.get(i, findings[i])) for i in range(len(pool))]
    rows = named(followup_null.rows(replace(pool, findings=tuple(own))))
    years = pool.cohort.patient_years
    assert rows["null_sedation_false"].value == pytest.approx(1 / years)
    assert rows["null_sedation_false"].ratio == 0.5
    assert rows["null_sedation_false"].against == f"2 findings, {len(pool)} courses"
    assert rows["null_cognitive_false"].value == pytest.approx(1 / years)
    assert rows["null_urinary_false"].value == 0
    assert rows["null_suicidality_as_recorded"].value == pytest.approx(1 / years)
    assert "null_suicidality_false" not in rows
    spread = rows["null_sedation_false"].spread
    assert spread is not None
    assert spread[0] == 0
    assert spread[1] > 1 / years


def test_sedated_sessions_are_found_as_such(pool: Pool) -> None:
    row = named(followup_null.rows(pool))["null_sedation_false"]
    assert row.against is not None
    assert int(row.against.split()[0]) > 50
    assert row.ratio is not None
    assert row.ratio < 0.02


# ---------------------------------------------------------------- planted harms


@pytest.mark.parametrize("name", list(harms()))
def test_courses_folded_anew_are_all_that_a_harm_changes(name: str) -> None:
    plan = Plan(25, 500, 9, 0.0, arms={"esketamine": 1.0, "compounded nasal": 1.0})
    strength = 20.0 if name == "cognition" else 200.0
    null = followup_pool.drawn(plan)
    short = followup_pool.planted(null, name, strength)
    whole = followup_pool.drawn(replace(plan, plants={name: strength}))
    assert short.contents == whole.contents
    assert short.findings == whole.findings
    assert short.contents != null.contents


def test_what_each_day_adds_is_what_the_cohort_counts(pool: Pool) -> None:
    contents = list(pool.contents[:40])
    daily = followup_harms.by_day(contents, "stimulant")
    scope = Scope(FIRST + DAYS - 1, 0, assessed_by=assessed_by())
    cells = Cohort.of((i, 1, one) for i, one in enumerate(contents)).cells(
        (), scope, ["Hypertensive crisis"]
    )
    assert daily.n.sum() == cells.n.item()
    assert daily.days.sum() == cells.days.item() > 0
    assert daily.n.max() == daily.days.max() == 1


def test_those_with_a_marker_are_those_of_whom_it_is_recorded(pool: Pool) -> None:
    carriers = followup_harms.marked(pool, "cognition")
    assert 3 < len(carriers) < 40
    assert pool.cohort.people.carrier[carriers].all()
    assert set(carriers) < set(followup_harms.members(pool, "cognition"))


def hurt(one: CourseContent, day: int) -> CourseContent:
    """The same course with a crisis on the first day of treatment from a day on."""
    days = [s.start for s in one.spells if s.kind == 1 and s.end > FIRST + day]
    at = max(days[0], FIRST + day) if days else 0
    return msgspec.structs.replace(one, events=(Event("Hypertensive crisis", at),) if days else ())


def test_a_harm_that_strikes_all_is_found_and_one_that_is_none_is_not(pool: Pool) -> None:
    quiet = tuple(msgspec.structs.replace(one, events=()) for one in pool.contents)
    few = tuple(hurt(one, 50) if i % 9 == 0 else quiet[i] for i, one in enumerate(pool.contents))
    null = replace(pool, contents=few)
    all_hurt = replace(pool, contents=tuple(hurt(one, 50) for one in pool.contents))
    search = followup_harms.Search("s", "stimulant", followup_harms.members(pool, "stimulant"))

    def rows() -> list[Row]:
        rng = np.random.default_rng(5)
        return followup_harms.compared(search, null, [(1.0, null), (9.0, all_hurt)], 60, rng)

    held = named(rows())
    assert rows() == rows()
    # a background that is an average over a course is shown, and is held to nothing
    for design, goal in (("averaged_background", False), ("beside", True)):
        for rule in ("sequential", *followup_rules.FIXED):
            assert held[f"s_{design}_{rule}_found_x9"].value == 1
            assert held[f"s_{design}_{rule}_found_x1"].value < 0.2
            assert held[f"s_{design}_{rule}_weeks_x9"].value > 50 / 7
        own = held[f"s_{design}_sequential_false_ever_x1"]
        assert own.met is (True if goal else None)
        for rule in followup_rules.FIXED:
            assert held[f"s_{design}_{rule}_false_ever_x1"].value <= own.value
            late = held[f"s_{design}_later_than_{rule}_x9"]
            assert (late.goal is not None) is goal
            assert late.value == pytest.approx(
                held[f"s_{design}_sequential_weeks_x9"].value
                - held[f"s_{design}_{rule}_weeks_x9"].value,
                abs=1,
            )


def differing(
    own: list[float], other: list[float], times: int = 50, *, strong: bool = False
) -> Row:
    rng = np.random.default_rng(1)
    pair = (np.repeat(np.array(x, dtype=float), times) for x in (own, other))
    return followup_harms.later("x", *pair, strong=strong, rng=rng)


def test_a_difference_is_judged_by_its_upper_limit() -> None:
    assert (differing([10.0], [7.0]).value, differing([10.0], [7.0]).met) == (3.0, True)
    assert differing([12.0], [7.0]).met is False
    assert differing([10.0], [7.0], strong=True).met is False
    assert differing([7.0], [10.0], strong=True).met is True
    # of twenty runs eight are late, and in many a sample most
    wide = differing([2.0, 2.0, 2.0, 20.0, 20.0], [2.0] * 5, 4)
    assert wide.value == 0
    assert wide.spread is not None
    assert wide.spread[1] > 4
    assert wide.met is False


def test_a_silent_rule_is_never_taken_for_a_quick_one() -> None:
    late = differing([np.inf], [100.0])
    assert late.value == pytest.approx(DAYS / 7 - 100)
    assert (late.unit, late.met) == ("weeks or more: most silent", False)
    early = differing([90.0], [np.inf], strong=True)
    assert (early.unit, early.met) == ("weeks or less: most of the other silent", True)
    none = differing([np.inf], [np.inf])
    assert (none.unit, none.goal, none.met) == ("weeks: most of both silent", None, None)
    assert differing([np.inf], [np.inf], strong=True).met is False


# ---------------------------------------------------------------- speed


def test_a_course_has_forty_records_in_order_and_ends_as_if_they_came_at_once() -> None:
    vocabulary = Vocabulary.load()
    known = followup_speed.drawn(4, 5, vocabulary)
    assert [sum(map(len, visits)) for visits in known] == [followup_speed.RECORDS] * 4
    assert {len(visits[-1]) for visits in known} == {1}
    book = followup_speed.Book(vocabulary, 10)
    rng = np.random.default_rng(1)
    taken = 0
    for visit in range(max(map(len, known)) - 1):
        for batch in followup_speed.batches(known, 10, visit, rng):
            book.take(batch)
            taken += len(batch)
    assert (taken, book.records) == (10 * 39, 10 * 39)
    patients = set()
    for number in range(10):
        raws = [followup_speed.own(raw, number) for visits in [known[number % 4]] for v in visits
                for raw in v]  # fmt: skip
        book.take([(number, raws[-1])])
        observed = [coded(FOLLOWUP.validate_json(raw), vocabulary) for raw in raws]
        patients.add(observed[0].record.patient)
        whole = fold(observed)
        assert decode_course(book.states[number]) == whole
        alone = Cohort.of([(number, 40, content(whole, observed[0].record.registry))])
        assert book.cohort.revision(number) == alone.revision(number) == 40
    assert len(patients) == 10
    assert book.findings == sum(len(decode_course(one).findings) for one in book.states.values())


def test_speed_is_measured_on_every_record() -> None:
    rows = named(followup_speed.rows(40, 2))
    assert list(rows) == [
        "speed_throughput",
        "speed_memory",
        "speed_p99",
        "speed_p99_cpu",
        "speed_cost",
    ]
    for row in rows.values():
        assert row.value > 0
    assert rows["speed_cost"].goal == "<= 1.3 times"
    ratio = rows["speed_cost"].ratio
    assert ratio is not None
    assert rows["speed_cost"].met is (ratio <= 1.3)
    throughput = rows["speed_throughput"]
    assert throughput.ratio is not None
    # decoding is a part of the work
    assert throughput.ratio < 1
    # a course holds more than the records' ids, and less than the records
    assert 500 < rows["speed_memory"].value < 20_000


def test_a_cost_that_grows_with_the_courses_is_not_hidden() -> None:
    book = followup_speed.Book(Vocabulary.load(), 1, states={0: b"x"}, records=10, decoding=1.0)
    rows = {row.name: row for row in followup_speed.figures(book, 2.0, [1.0, 1.5], [(0.1, 0.1)])}
    assert (rows["speed_cost"].ratio, rows["speed_cost"].met) == (1.6, False)
    rows = {row.name: row for row in followup_speed.figures(book, 1.5, [1.0, 1.5], [(0.1, 0.1)])}
    assert rows["speed_cost"].met is True


# ---------------------------------------------------------------- the command


def test_the_table_has_a_line_for_each_rule_and_names_what_was_missed() -> None:
    rows = [
        Row("speed_memory", 3000.0, "bytes a course"),
        Row("wolf_ever_x1", 0.5, "of runs", met=False),
        Row("wolf_ever_x1.25", 0.01, "of runs", met=True),
        Row("wolf_found_x1.25", 0.7, "of runs"),
    ]
    lines = followup.table(rows).splitlines()
    assert lines[0].startswith("speed_memory")
    assert lines[1].split() == ["wolf_ever", "0.5!", "x1", "0.01=", "x1.25"]
    assert lines[2].split() == ["wolf_found", "0.7", "x1.25"]
    assert lines[3] == "1 of 2 goals met"
    assert lines[4].startswith("wolf_ever_x1 ")


def test_the_command_passes_its_sizes_and_exits_1_where_a_goal_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(sizes: followup.Sizes, seed: int) -> list[Row]:
        return [Row(name, getattr(sizes, name), "x", met=seed == 1) for name in sizes._fields]

    monkeypatch.setattr(followup, "run", run)

    def done(*options: str) -> tuple[list[float], int]:
        result = CliRunner().invoke(
            command, ["followup", "--json", *options], standalone_mode=False
        )
        return [row["value"] for row in json.loads(result.output)], result.return_value

    assert done() == ([5000, 4000, 100_000], 0)
    assert done("--runs", "3000", "--courses", "500", "--seed", "2") == ([5000, 3000, 500], 1)
    assert done("--quick", "--courses", "500") == ([200, 200, 500], 0)
    shown = CliRunner().invoke(command, ["followup", "--seed", "2"], standalone_mode=False)
    assert "0 of 3 goals met" in shown.output


def test_every_part_is_in_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (followup_null, followup_alpha, followup_harms, followup_speed):
        name = module.__name__.rpartition("_")[2]
        monkeypatch.setattr(module, "rows", lambda *_, name=name: [Row(name, 1.0, "x")])
    rows = followup.run(followup.Sizes(3, 20, 100), 1)
    assert [row.name for row in rows] == ["null", "alpha", "harms", "speed"]
