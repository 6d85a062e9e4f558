"""`ketavigil simulate`: a file, its truth, and errors with codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.formats import read
from streams.cli import main

SMALL = ("--courses", "15", "--days", "200", "--end", "2025-06-30")


def simulate(path: Path, *options: str) -> int:
    return main(["simulate", "--out", str(path), *options])


def test_it_writes_what_import_reads_and_says_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.ndjson"
    assert simulate(path, *SMALL, "--plant", "misuse=strong", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    records = list(read(path))
    assert len(records) == said["sent"]["follow-up record"] + said["sent"]["report"]
    truth = json.loads(Path(said["truth"]).read_text())
    struck = next(len(one["struck"]) for one in truth["harms"] if one["name"] == "misuse")
    assert said["planted"] == {"misuse": {"strength": 25.0, "struck": struck}}
    assert (truth["courses"], truth["last_day"]) == (15, "2025-06-30")
    assert {harm["name"]: harm["strength"] for harm in truth["harms"]}["misuse"] == 25.0


def test_the_text_names_the_file_its_time_and_the_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.ndjson"
    assert simulate(path, *SMALL, "--plant", "cystitis=9", "--no-reports") == 0
    out = capsys.readouterr().out
    assert "15 courses from 2024-12-13 to 2025-06-30" in out
    assert "planted cystitis" in out
    assert "strength 9" in out
    assert f"{path}.truth.json" in out


def test_the_same_options_give_the_same_file_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert simulate(tmp_path / name, *SMALL, "--seed", seed) == 0
    one, same, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert one == same != other
    ids = [
        {json.loads(line).get("record_id") for line in text.splitlines()} for text in (one, other)
    ]
    # reports have none
    assert ids[0] & ids[1] == {None}


def test_the_calendar_ends_yesterday_unless_told(tmp_path: Path) -> None:
    assert simulate(tmp_path / "a", "--courses", "2", "--days", "30") == 0
    truth = json.loads((tmp_path / "a.truth.json").read_text())
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert truth["last_day"] in {yesterday.isoformat(), (yesterday - timedelta(1)).isoformat()}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--plant", "gout=weak"), "unknown_harm"),
        (("--plant", "misuse=0.2"), "bad_strength"),
        (("--end", "2999-01-01"), "future_date"),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], code: str
) -> None:
    assert simulate(tmp_path / "a", *options) == 2
    assert capsys.readouterr().err.startswith(f"ketavigil: {code}: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [("--courses", "0"), ("--days", "0"), ("--seed", "-1"), ("--entry", "2"), ("--end", "x")],
)
def test_options_out_of_range_are_bad_usage(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert simulate(tmp_path / "a", *options) == 2
    assert list(tmp_path.iterdir()) == []


def test_help_says_what_can_be_planted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for name in ("cystitis", "cognition", "stimulant", "misuse", "--days", "truth.json"):
        assert name in out
