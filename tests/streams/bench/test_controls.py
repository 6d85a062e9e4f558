"""Public controls counted in a sample, and calibration measured where the truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from detectors.casebook import Casebook, CaseContent
from schemas.errors import InputError
from streams.bench import controls, truth
from streams.bench.controls import Control
from streams.bench.rows import Row, text
from streams.cli.bench import command
from tests.support import shared

HEAD = "set,drug,event,label,index_date\n"


def listed(tmp_path: Path, *lines: str) -> list[Control]:
    path = tmp_path / "set.csv"
    path.write_text(HEAD + "\n".join(lines))
    return controls.read(path)


def test_a_control_stands_once_and_one_of_two_labels_is_left_out(tmp_path: Path) -> None:
    found = listed(
        tmp_path,
        "a,Ibuprofen,Rhabdomyolysis #1,1,",
        "b,ibuprofen,rhabdomyolysis,1,",
        "a,Niacin,Rhabdomyolysis #1,1,",
        "b,Niacin,Rhabdomyolysis #1,0,",
        "a,Sucrose,Rhabdomyolysis #1,0,",
        "a,Sucrose,An outcome without terms,0,",
    )
    terms = ("Rhabdomyolysis",)
    assert found == [Control("ibuprofen", terms, True), Control("sucrose", terms, False)]


@pytest.mark.parametrize("line", ["a,b,c,yes,", "a,b"])
def test_what_is_no_set_of_controls_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError) as error:
        listed(tmp_path, line)
    assert error.value.code == "bad_table"


def test_a_drug_counts_by_its_name_its_salts_and_combinations() -> None:
    names = ("CETIRIZINE HYDROCHLORIDE", "cetirizine", "A\\CETIRIZINE", "LEVOCETIRIZINE", "B")
    events = ("Urticaria", "Nausea", "Urticaria", "Urticaria", "Hives")
    book = Casebook.of(
        (i, 1, CaseContent("spontaneous", ((name, 1),), ((event, 1),)))
        for i, (name, event) in enumerate(zip(names, events, strict=True))
    )
    asked = [Control("cetirizine", ("URTICARIA", "Hives"), True), Control("c", ("x",), False)]
    table = controls.counted(book, asked)
    assert np.array(list(table.counts.values())).T.tolist() == [[2, 3, 4, 5], [0, 0, 0, 5]]


def test_fewer_than_thirty_of_each_are_not_estimable_and_said_so() -> None:
    row = controls.told_apart("ic", np.arange(29.0), np.arange(40.0))
    assert row.unit == "not estimable"
    assert "29 positive and 40 negative controls: 30 of each" in text(row)
    assert json.loads(msgspec.json.encode([row]))[0]["value"] is None
    row = controls.told_apart("ic", np.arange(10.0, 40.0), np.arange(30.0))
    assert row.unit == "AUC"
    assert row.spread is not None
    assert row.spread[0] < row.value < row.spread[1]
    assert row.value == pytest.approx(1 - (20 * 19 / 2 + 20 / 2) / 900)


def test_the_public_controls_in_the_sample() -> None:
    folder = shared("data/reference_sets/unified_controls.csv").parents[1]
    shared("data/faers_2025q3/reports.csv")
    rows = {row.name: row for row in controls.public(folder)}
    assert rows["controls_positive_seen"].value == 28
    assert rows["controls_negative_seen"].value == 2
    assert {row.unit for name, row in rows.items() if "auc" in name} == {"not estimable"}


def test_calibration_is_right_where_the_truth_is_known_and_nothing_is_without() -> None:
    rows = {row.name: row for row in controls.simulated(1, 12)}
    assert rows["controls_simulated_calibrated_false"].met is True
    assert rows["controls_simulated_plain_false"].value > 0.3
    for ratio in controls.RATIOS:
        calibrated = rows[f"controls_simulated_calibrated_covered_x{ratio:g}"]
        assert calibrated.met is True
        assert rows[f"controls_simulated_plain_covered_x{ratio:g}"].value < 0.6


def test_the_folder_is_an_option(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[Path | None] = []

    def run(runs: int, seed: int, public: Path | None) -> list[Row]:
        given.append(public)
        return [Row("a", 1.0, "x")]

    monkeypatch.setattr(truth, "run", run)
    for options in (["--public", str(tmp_path)], []):
        assert CliRunner().invoke(command, ["truth", *options]).exit_code == 0
    assert given == [tmp_path, None]
    assert CliRunner().invoke(command, ["truth", "--public", str(tmp_path / "no")]).exit_code == 2
