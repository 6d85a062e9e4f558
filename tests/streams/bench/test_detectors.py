"""Scores beside vigipy's: the tables, the rows, and our side. The command runs the other side."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from detectors.disproportionality import gps
from schemas.errors import KetavigilError
from streams.bench import detectors, scoring
from streams.bench.detectors import Case, Run, agreement, cells, rows_of, write


@pytest.mark.parametrize("pairs", [500, 3_000, 20_000])
def test_a_table_has_so_many_pairs_each_once_and_no_name_without_a_report(pairs: int) -> None:
    product, event, n = cells(pairs, 1)
    assert len(np.unique(product * 100_000 + event)) == len(n) == pairs
    assert n.min() == 1
    for codes in (product, event):
        assert np.unique(codes).tolist() == list(range(codes.max() + 1))


def test_a_seed_gives_the_same_table_and_another_one_another() -> None:
    assert all((a == b).all() for a, b in zip(cells(500, 1), cells(500, 1), strict=True))
    assert not np.array_equal(cells(500, 1)[2], cells(500, 2)[2])


def test_the_table_has_a_prior_to_be_found() -> None:
    product, event, n = cells(20_000, 1)
    expected = np.bincount(product, n)[product] * np.bincount(event, n)[event] / n.sum()
    found = gps.fit(n, expected)
    assert 0.01 < found.prior.p < 0.99
    assert found.edge_gain == 0


def test_the_ratio_is_of_medians_and_its_spread_of_the_furthest_runs() -> None:
    own = [Run(0.5, 100.0), Run(0.4, 110.0), Run(1.0, 90.0)]
    other = [Run(30.0, 400.0), Run(20.0, 300.0)]
    main, seconds, memory = rows_of(Case("gps", 165_000, 50), own, other)
    assert (main.name, main.value, main.ratio, main.spread) == ("gps_165k", 50, 50, (20, 75))
    assert main.goal == ">= 50 times"
    assert main.met is True
    assert main.against == "vigipy 3.5.1, 3 and 2 runs"
    assert (seconds.name, seconds.value, seconds.spread) == ("gps_165k_seconds", 0.5, (0.4, 1))
    assert (memory.name, memory.value, memory.ratio) == ("gps_165k_memory", 100, 3.5)


def test_a_package_that_is_not_fast_enough_misses_its_goal() -> None:
    slow = rows_of(Case("prr_ror_ic", 2_300_000, 200), [Run(1.0, 1.0)], [Run(199.0, 1.0)])[0]
    assert (slow.name, slow.met) == ("prr_ror_ic_2300k", False)
    assert rows_of(Case("gps", 20_000), [Run(1.0, 1.0)], [Run(9.0, 1.0)])[0].met is None


@pytest.mark.parametrize("what", ["gps", "prr_ror_ic"])
def test_our_side_is_timed_in_a_process_of_its_own(tmp_path: Path, what: str) -> None:
    file, out = tmp_path / "table.npz", tmp_path / "scores.npz"
    write(file, 500, 1)
    run = detectors._side(detectors._OWN, "ketavigil", what, file, out)
    assert 0 < run.seconds < 10
    assert 20 < run.megabytes < 2_000
    columns = dict(np.load(out))
    assert ("ebgm" in columns) == (what == "gps")
    assert all(len(values) == 500 for values in columns.values())


def test_a_side_that_fails_is_an_error_and_no_row(tmp_path: Path) -> None:
    with pytest.raises(KetavigilError) as raised:
        detectors._side(detectors._OWN, "ketavigil", "gps", tmp_path / "missing.npz")
    assert raised.value.code == "bench_failed"


def test_the_other_side_needs_no_more_of_this_project_than_its_own_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", scoring.__file__, "vigipy", "gps", str(tmp_path / "missing.npz")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "FileNotFoundError" in done.stderr
    assert "ImportError" not in done.stderr


def test_values_apart_are_told_where_no_cell_is_empty() -> None:
    counts = {
        "product": np.array([0, 0, 1]),
        "event": np.array([0, 1, 0]),
        "n": np.array([3, 1, 2]),
    }
    names = ("prr", "prr_lower", "prr_upper", "ror", "ror_lower", "ror_upper")
    own = {name: np.ones(3) for name in (*names, "ebgm", "eb05", "eb95")}
    rows = {row.name: row for row in agreement(counts, own, own)}
    assert all(row.value == 0 and row.met for row in rows.values())
    # only the first pair has all four cells filled
    other = own | {"prr": np.array([1.0, 7.0, 7.0])}
    assert {row.name: row for row in agreement(counts, own, other)}["values_prr_ror"].met
    other = own | {"ror_upper": np.array([1.01, 1.0, 1.0])}
    missed = {row.name: row for row in agreement(counts, own, other)}["values_prr_ror"]
    assert missed.met is False
    assert missed.against == "vigipy 3.5.1, 1 pairs"


def test_without_an_environment_that_can_be_made_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(detectors, "PINS", (str(tmp_path / "no-such-package.whl"),))
    with pytest.raises(KetavigilError, match="cannot be installed") as raised:
        detectors.environment()
    assert raised.value.code == "vigipy_missing"
    assert not (tmp_path / "ketavigil" / f"vigipy-{detectors.VIGIPY}" / "complete").exists()


def test_both_sides_give_the_same_values(tmp_path: Path) -> None:
    installed = (detectors.cache() / f"vigipy-{detectors.VIGIPY}" / "complete").exists()
    if not installed and os.environ.get("KETAVIGIL_REQUIRE_ALL") != "1":
        pytest.skip("vigipy is not installed: `ketavigil bench detectors` does so and compares")
    rows = detectors._agreement(detectors.environment(), tmp_path, 1)
    assert [row.met for row in rows] == [True, True, True]
