"""What is printed about false alarms and detection is what the simulated runs did."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from detectors.sequential import change, eprocess_background
from streams.bench import families, shares, simulated, truth
from streams.bench.rows import Row
from streams.bench.simulated import BAR, CONFIRMING, TESTS, Counts, first
from streams.cli.bench import command

RUNS = 200


def named(rows: list[Row]) -> dict[str, Row]:
    assert len({row.name for row in rows}) == len(rows)
    return {row.name: row for row in rows}


def at(ratio: float, background: float = 1.0, runs: int = RUNS) -> Counts:
    return simulated.simulate(np.random.default_rng(7), ratio, runs, background=background)


def test_counts_have_the_ratio_that_they_are_said_to_have() -> None:
    counts = at(2.0, 0.7, 2_000)
    odds = counts.n.sum() / counts.other.sum()
    others = counts.n_comparator.sum() / counts.other_comparator.sum()
    assert odds / others == pytest.approx(2 / 0.7, rel=0.02)
    assert counts.counted.mean() == pytest.approx(70, rel=0.05)


def test_harm_that_begins_late_is_not_there_before() -> None:
    counts = simulated.simulate(np.random.default_rng(7), 3.0, 2_000, begin=52)
    assert counts.n[:52].mean() == pytest.approx(0.3, rel=0.03)
    assert counts.n[52:].mean() == pytest.approx(0.9, rel=0.03)


@pytest.mark.parametrize("name", CONFIRMING)
def test_a_seed_gives_the_same_weeks_and_harm_is_found_sooner_than_none(name: str) -> None:
    detect = CONFIRMING[name]
    harm = detect(at(3.0), 1.25, BAR)
    assert np.array_equal(harm, detect(at(3.0), 1.25, BAR))
    quiet = detect(at(1.0), 1.25, BAR)
    assert np.isfinite(harm).mean() > 0.9
    assert np.isfinite(quiet).mean() < 0.05
    # a higher bar is never sooner, nor a wider margin
    assert (detect(at(3.0), 1.25, BAR + 3) >= harm).all()
    if name == "eprocess_background":
        assert (detect(at(3.0), 1.0, BAR) <= harm).all()


def test_weeks_left_out_by_the_bound_could_not_have_fired() -> None:
    counts = at(2.0, runs=20)
    total = np.cumsum(counts.n, axis=0)
    exposure = np.arange(1.0, len(total) + 1) * 0.3
    log_e = eprocess_background.eprocess_background(total, exposure[:, None], counts.counted, 100.0)
    assert np.array_equal(CONFIRMING["eprocess_background"](counts, 1.25, BAR), first(log_e >= BAR))


def test_a_known_reaction_is_judged_as_the_change_test_has_it() -> None:
    rng = np.random.default_rng(9)
    weeks = simulated.doubled(rng, 3.0, 30, weeks=20)
    rng = np.random.default_rng(9)
    past = rng.poisson(simulated.KNOWN * simulated.PAST, 30).astype(float)
    n = rng.poisson(3 * simulated.KNOWN, (20, 30)).astype(float)
    zero = np.zeros(30)
    reference = change.Reference(past, zero + simulated.PAST, zero, zero)
    looks = change.Look(n, np.ones_like(n), np.zeros_like(n), np.zeros_like(n))
    found = change.batch(reference, looks)
    assert np.array_equal(weeks, first(found.log_e_rate_sup >= BAR))
    assert np.isfinite(weeks).mean() > 0.9


def test_a_share_is_given_with_its_interval_and_judged_by_its_lower_limit() -> None:
    fired = np.arange(200) < 17
    row = shares.ever("some", 1.25, fired, 0.05)
    assert (row.name, row.value, row.met) == ("some_ever_x1.25", 0.085, True)
    # by the binomial law: 17 or more of 200 has a probability of 0.005 at the lower end
    assert row.spread is not None
    low, high = row.spread
    rng = np.random.default_rng(1)
    assert (rng.binomial(200, low, 200_000) >= 17).mean() == pytest.approx(0.005, abs=1e-3)
    assert (rng.binomial(200, high, 200_000) <= 17).mean() == pytest.approx(0.005, abs=1e-3)
    assert low < shares.lower_limit(17, 200) < 0.05
    assert shares.ever("some", 1.3, fired, None).goal is None


def test_one_that_cries_wolf_misses_its_goal_and_a_silent_one_its_floor() -> None:
    assert shares.ever("wolf", 1.0, np.ones(200, dtype=bool), 0.05).met is False
    silent = shares.found("mute", 3.0, np.full(200, np.inf), families.FLOOR)
    assert [(row.name, row.value, row.met) for row in silent] == [("mute_found_x3", 0.0, False)]


def test_a_method_that_cries_wolf_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    wolf = {"eprocess": lambda counts, margin, bar: np.ones(counts.n.shape[1])}
    monkeypatch.setattr(truth, "CONFIRMING", wolf)
    assert named(truth.at_ratio(1, 1.1, 50))["eprocess_known_ever_x1.1"].met is False
    assert named(truth.at_ratio(1, 1.3, 50))["eprocess_known_ever_x1.3"].met is None


def test_weeks_are_of_all_runs_and_not_told_where_most_are_silent() -> None:
    rows = named(shares.found("some", 2.0, np.array([4.0, 6.0, 9.0, np.inf])))
    assert rows["some_found_x2"].value == 0.75
    assert rows["some_weeks_x2"].value == 9.0
    assert rows["some_weeks_x2"].spread is None
    assert len(shares.found("some", 2.0, np.array([4.0, np.inf, np.inf]))) == 1


def test_rules_fire_more_often_than_methods_that_hold_alpha() -> None:
    rows = named(truth.at_ratio(1, 1.25, RUNS))
    for name in CONFIRMING:
        kind = truth.BACKGROUND[name]
        row = rows[f"{name}_{kind}_ever_x1.25"]
        assert row.met
        assert row.value <= rows[f"{name}_{kind}_no_margin_ever_x1.25"].value
        assert row.value < rows["rule_ror025_ever_x1.25"].value
    assert rows["rule_ror025_ever_x1.25"].met is None


def test_a_background_that_is_off_has_no_goal_and_is_said() -> None:
    rows = named(truth.at_ratio(1, 1.25, RUNS, 0.7))
    assert all("_off" in name for name in rows)
    assert all(row.met is None for row in rows.values())
    right = named(truth.at_ratio(1, 1.25, RUNS))
    assert rows["eprocess_known_off_ever_x1.25"].value > right["eprocess_known_ever_x1.25"].value


def test_runs_that_fired_before_the_harm_are_no_detections() -> None:
    rows = named(truth.late(1, 3.0, RUNS, 52))
    assert rows["edetector_begin52_found_x3"].value > 0.9
    assert rows["edetector_begin52_weeks_x3"].value < rows["eprocess_begin52_weeks_x3"].value


def test_e_bh_on_running_maxima_breaks_its_promise_and_the_latched_list_keeps_it() -> None:
    rows = named(families.counterexample(1, 20_000))
    broken, kept = rows["counterexample_e_bh_on_maxima"], rows["counterexample_by"]
    assert broken.met is True
    assert shares.lower_limit(round(broken.value * 20_000), 20_000) > 0.2
    assert broken.value == pytest.approx(0.25, abs=0.01)
    assert kept.met is True


def test_a_family_is_listed_after_correction() -> None:
    share, wrong, maxima = families.family(1, 4)
    assert maxima.goal is None
    assert wrong.value <= maxima.value < 0.05
    assert share.met
    assert wrong.met
    assert share.value > 0.5


def test_the_table_has_a_column_for_each_ratio_and_names_what_was_missed() -> None:
    rows = [
        shares.ever("wolf", 1.0, np.ones(200, dtype=bool), 0.05),
        shares.ever("wolf", 1.3, np.zeros(200, dtype=bool), None),
        Row("other", 1.0, "x"),
    ]
    lines = truth.table(rows).splitlines()
    assert lines[0].split() == ["1", "1.3"]
    assert lines[1].split() == ["wolf_ever", "1!", "0"]
    assert lines[-2] == "0 of 1 goals met"
    assert lines[-1].startswith("wolf_ever_x1")


def test_the_command_prints_rows_and_exits_1_where_a_goal_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        truth, "run", lambda runs, seed, public: [Row("a", runs, "runs", met=seed == 1)]
    )
    done = CliRunner().invoke(command, ["truth", "--runs", "20", "--json"], standalone_mode=False)
    assert json.loads(done.output)[0]["value"] == 20
    assert done.return_value == 0
    done = CliRunner().invoke(command, ["truth", "--seed", "2"], standalone_mode=False)
    assert done.return_value == 1
    assert "1 goals met" in done.output


@pytest.mark.parametrize("name", TESTS)
def test_a_test_with_an_end_holds_its_alpha_up_to_its_margin_and_finds_harm(name: str) -> None:
    for ratio, margin in ((1.0, 1.0), (1.25, 1.25)):
        fired = np.isfinite(TESTS[name](at(ratio), margin))
        assert shares.lower_limit(int(fired.sum()), len(fired)) <= 0.05
    plain, wide = (TESTS[name](at(3.0), margin) for margin in (1.0, 1.25))
    assert np.isfinite(wide).mean() > 0.8
    assert (plain <= wide).mean() > 0.95


def test_a_test_as_published_promises_nothing_beyond_a_ratio_of_one() -> None:
    rows = named(truth.at_ratio(1, 1.1, 60))
    for name in TESTS:
        label = f"{name}_{truth.BACKGROUND[name]}"
        assert rows[f"{label}_ever_x1.1"].met is None
        assert rows[f"{label}_margin_ever_x1.1"].met is True


def test_weekly_looks_fire_no_later_than_a_test_that_would_look_all_the_time() -> None:
    counts = at(2.0)
    assert (TESTS["maxsprt_weekly"](counts, 1.0) <= TESTS["maxsprt"](counts, 1.0)).all()


def test_what_a_null_without_a_margin_does_stands_beside() -> None:
    for ratio, what in ((1.3, "ever"), (2.0, "found")):
        for background, off in truth.OFF.items():
            rows = named(truth.at_ratio(1, ratio, 60, background))
            for name in CONFIRMING:
                stem = f"{name}_{truth.BACKGROUND[name]}{off}"
                beside = rows[f"{stem}_no_margin_{what}_x{ratio:g}"]
                assert beside.value >= rows[f"{stem}_{what}_x{ratio:g}"].value
    change = named(truth.known_reaction(1, 60))
    assert change["change_no_margin_ever_x1.3"].value >= change["change_ever_x1.3"].value


def test_late_harm_is_looked_for_by_rules_too() -> None:
    rows = named(truth.late(1, 3.0, 60, 0))
    assert {"rule_ic025_begin0_found_x3", "maxsprt_weekly_margin_begin0_found_x3"} <= set(rows)
