"""`ketavigil report`: writes a report in every format, and says what is wrong with a given one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from streams.cli import main
from streams.store import tables
from tests.dashboards.reports.support import Told, background, cystitis, told


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    with told(tmp_path / "data", monkeypatch) as made:
        made.tell(background(1, 80))
        made.at += timedelta(days=1)
        made.tell(cystitis(100, 6))
        made.at += timedelta(days=1)
        made.tell(cystitis(110, 2))
        yield made


def run(store: Told, *arguments: str | Path, status: int = 0) -> None:
    """The command on that store."""
    data = store.settings.data
    assert data is not None
    given = ["report", "--data", str(data), "--family", str(data / "family.toml")]
    assert main([*given, *map(str, arguments)]) == status


def test_it_writes_every_format_and_they_check_out(
    store: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number, out = str(store.signal()), tmp_path / "out"
    run(store, number, "--format", "html,pdf,json,csv", "--out", out)
    written = [Path(line) for line in capsys.readouterr().out.split()]
    name = f"signal-{number}-at-{store.position}"
    assert [path.name for path in written] == [
        f"{name}.{form}" for form in ("html", "pdf", "json", "csv")
    ]
    for path in written:
        run(store, "--check", path)
        assert capsys.readouterr().out.endswith(" compared, 0 differ\n")


def test_the_same_moment_gives_the_same_bytes(store: Told, tmp_path: Path) -> None:
    number, position = str(store.signal()), store.position
    run(store, number, "--format", "json,pdf", "--out", tmp_path / "then")
    store.at += timedelta(days=1)
    store.tell(cystitis(120, 2))
    store.checkpoint()
    asked = ("--format", "json,pdf", "--as-of", str(position), "--out", tmp_path / "now")
    run(store, number, *asked)
    for path in (tmp_path / "then").iterdir():
        assert (tmp_path / "now" / path.name).read_bytes() == path.read_bytes()


def test_a_date_gives_its_last_position(
    store: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = str(store.signal())
    run(store, number, "--as-of", "2026-03-02", "--out", tmp_path, "--json")
    assert json.loads(capsys.readouterr().out)["position"] == 1


def test_a_changed_number_is_named_and_the_status_is_1(
    store: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = str(store.signal())
    run(store, number, "--format", "json", "--out", tmp_path)
    (path,) = tmp_path.glob("*.json")
    content = json.loads(path.read_text())
    content["features"]["serious"] += 1
    path.write_text(json.dumps(content))
    capsys.readouterr()
    run(store, "--check", path, status=1)
    line, last = capsys.readouterr().out.splitlines()
    assert line == "features.serious: the file says 5, the store 4"
    assert last.endswith(" values compared, 1 differ")
    run(store, "--check", path, "--json", status=1)
    (wrong,) = json.loads(capsys.readouterr().out)["differences"]
    assert wrong == {"path": "features.serious", "given": "5", "stored": "4"}


def test_a_periodic_report_is_written_and_checks_out(
    store: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = ("--from", "2026-03-01", "--to", "2026-03-02")
    run(store, *days, "--format", "html,pdf,json,csv", "--out", tmp_path / "out")
    written = [Path(line) for line in capsys.readouterr().out.split()]
    assert {path.stem for path in written} == {"period-2026-03-01-to-2026-03-02"}
    for path in written:
        run(store, "--check", path)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["99"], "no_such_signal"),
        (["1", "--as-of", "999"], "position_ahead"),
        (["1", "--as-of", "soon"], "bad_as_of"),
        (["1", "--format", "docx"], "no_such_format"),
        (["--check", "no-such.json"], "no_such_file"),
        (["--check", "report.docx"], "no_such_format"),
        (["--from", "2026-03-02", "--to", "2026-03-01"], "bad_interval"),
        (["--from", "2026-03-02", "--to", "2999-03-01"], "day_not_over"),
        ([], "give one of"),
        (["1", "--from", "2026-03-02", "--to", "2026-03-02"], "give one of"),
        (["--from", "2026-03-02"], "give one of"),
        (["--check", "x.json", "--as-of", "1"], "--as-of is for"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(
    store: Told, capsys: pytest.CaptureFixture[str], arguments: list[str], code: str
) -> None:
    run(store, *arguments, status=2)
    printed = capsys.readouterr().err
    assert code in printed
    assert printed.count("\n") == 1


def _readings(store: Told) -> list[tuple[str, str]]:
    """Of each reading that the trail has: of what, and what of it."""
    table = tables.trail
    with store.filled.store.read() as connection:
        found = select(table).where(table.c.what == "patient_rows_read").order_by(table.c.seq)
        rows = connection.execute(found).all()
    return [(row.subject, json.loads(row.after)["rows"]) for row in rows]


def test_each_report_that_is_made_of_rows_of_patients_is_a_reading(
    store: Told, tmp_path: Path
) -> None:
    number = str(store.signal())
    run(store, number, "--format", "json", "--out", tmp_path)
    run(store, number, "--without-cases", "--format", "json", "--out", tmp_path)
    run(store, "--from", "2026-03-01", "--to", "2026-03-02", "--format", "json", "--out", tmp_path)
    listed = tmp_path / f"signal-{number}-at-{store.position}.json"
    run(store, "--check", listed)
    assert _readings(store) == [
        (f"signal {number}", "report"),
        ("period 2026-03-01 to 2026-03-02", "periodic report"),
        (f"report {listed.stem}", "report checked"),
    ]


def test_a_report_without_cases_has_the_same_counts_and_checks_out(
    store: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = str(store.signal())
    asked = ("--without-cases", "--format", "html,pdf,json,csv", "--out", tmp_path)
    run(store, number, *asked)
    written = [Path(line) for line in capsys.readouterr().out.split()]
    assert {path.stem for path in written} == {f"signal-{number}-at-{store.position}-without-cases"}
    for path in written:
        run(store, "--check", path)
    found = {path.suffix: path for path in written}
    given = json.loads(found[".json"].read_text(encoding="utf-8"))
    assert (given["cases"], given["features"]["cases"]) == ([], 8)
    assert "are counted and not listed" in found[".html"].read_text(encoding="utf-8")
    given["features"]["serious"] += 1
    found[".json"].write_text(json.dumps(given), encoding="utf-8")
    capsys.readouterr()
    run(store, "--check", found[".json"], "--json", status=1)
    differences = json.loads(capsys.readouterr().out)["differences"]
    assert [one["path"] for one in differences] == ["features.serious"]
