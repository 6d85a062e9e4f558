"""`ketavigil backtest`: dates of the rules, and names that are not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.cli import main
from tests.detectors.shared import shared

REPORTS = """report_id,products,events,received_at
1,KETAMINE,Cystitis,2025-01-01
2,FOO,Nausea,2025-01-01
3,FOO,Nausea,2025-01-02
4,KETAMINE,Cystitis,2025-01-03
5,FOO,Nausea,2025-01-03
6,KETAMINE,Interstitial cystitis,2025-01-04
7,FOO::C,Cystitis,2025-01-04
"""

LOW = """
[[rule]]
name = "two"
title = "n >= 2"
source = "none"
conditions = [{ column = "n", op = ">=", value = 2 }]
"""


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    path = tmp_path / "reports.csv"
    path.write_text(REPORTS)
    return path


def backtest(source: Path, product: str, event: str, *options: str) -> list[str]:
    return ["backtest", "--input", str(source), "--product", product, "--event", event, *options]


def test_each_rule_with_its_date(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (reports.parent / "low.toml").write_text(LOW)
    low = ("--rules", str(reports.parent / "low.toml"))
    assert main(backtest(reports, "ketalar", "CYSTITIS", *low)) == 0
    assert json.loads(capsys.readouterr().out) == {
        "rules": [{"rule": "two", "date": "2025-01-03", "n": 2}]
    }
    assert main(backtest(reports, "foo", "group:urinary", "--roles", "concomitant", *low)) == 0
    assert json.loads(capsys.readouterr().out) == {
        "rules": [{"rule": "two", "date": None, "n": None}]
    }


@pytest.mark.parametrize(
    ("pair", "code", "nearest"),
    [
        (("esketamine", "Cystitis"), "unknown_product", "ketamine"),
        (("FOO", "Naussea"), "unknown_event", "Nausea"),
        (("FOO", "group:urinal"), "unknown_event", "group:urinary"),
    ],
)
def test_unknown_names_bring_the_nearest(
    reports: Path,
    capsys: pytest.CaptureFixture[str],
    pair: tuple[str, str],
    code: str,
    nearest: str,
) -> None:
    assert main(backtest(reports, *pair)) == 2
    said = capsys.readouterr().err
    assert code in said
    assert f"nearest: {nearest}" in said


def test_without_dates_there_is_nothing_to_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text("report_id,products,events\n1,FOO,Nausea\n")
    assert main(backtest(tmp_path / "in.csv", "FOO", "Nausea")) == 2
    assert "no_dates" in capsys.readouterr().err
    (tmp_path / "in.csv").write_text("product,event,n\nFOO,Nausea,1\n")
    assert main(backtest(tmp_path / "in.csv", "FOO", "Nausea")) == 2
    assert "not_reports" in capsys.readouterr().err


def test_rotashield(capsys: pytest.CaptureFixture[str]) -> None:
    source = shared("data/vaers_1998_1999/reports.csv.gz")
    assert main(backtest(source, "ROTAVIRUS (ROTASHIELD)", "Intussusception")) == 0
    found = {rule.pop("rule"): rule for rule in json.loads(capsys.readouterr().out)["rules"]}
    third = {"date": "1999-02-12", "n": 3}
    assert (found["evans_prr"], found["ic025"]) == (third, third)
    assert found["eb05"] == {"date": None, "n": None}
    # suspended on 1999-07-16
    assert found["two_sample"] == third


def test_sequential_evidence_uses_no_report_before_its_receipt_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reports that came later, however many, do not move the day; fewer before it do."""
    background = [f"b{i},FOO,Nausea,2025-01-{i % 28 + 1:02}" for i in range(900)]
    some = [f"s{i},FOO,Cystitis,2025-01-{i % 28 + 1:02}" for i in range(9)]
    harm = [f"k{i},KETAMINE,Cystitis,2025-01-{i + 2:02}" for i in range(8)]
    other = [f"n{i},KETAMINE,Nausea,2025-01-{i + 2:02}" for i in range(20)]
    found = []
    late = [f"z{i},KETAMINE,Cystitis,2025-01-28" for i in range(50)]
    for rows in ([*harm], [*harm, *late], harm[:2], [*harm[:2], *late]):
        path = tmp_path / "in.csv"
        lines = ["report_id,products,events,received_at", *background, *some, *other, *rows]
        path.write_text("\n".join(lines))
        assert main(backtest(path, "ketamine", "Cystitis")) == 0
        last = json.loads(capsys.readouterr().out)["rules"][-1]
        assert last.pop("rule") == "two_sample"
        found.append(last)
    assert found[0] == found[1]
    assert found[0]["date"] < "2025-01-10"
    assert found[2]["date"] is None
    assert found[3] == {"date": "2025-01-28", "n": 52}
