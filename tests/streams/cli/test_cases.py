"""`ketavigil cases`: the case series of a signal goes out in the formats that others read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from schemas.formats import read
from schemas.formats.writers import ENDINGS
from streams.cli import main
from streams.store import tables
from tests.dashboards.reports.support import Told, background, cystitis, told
from tests.support import shared


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        told(tmp_path_factory.mktemp("cases") / "data", monkeypatch) as made,
    ):
        made.tell(background(1, 80))
        made.at += timedelta(days=1)
        made.tell(cystitis(100, 6))
        made.at += timedelta(days=1)
        made.tell(cystitis(110, 2))
        yield made


def run(store: Told, *arguments: str | Path, status: int = 0) -> None:
    assert main(["cases", "--data", str(store.settings.data), *map(str, arguments)]) == status


def expected(store: Told, as_of: str | None = None) -> list[tuple[str, str]]:
    """The cases of the line listing of the report, made another way."""
    return [(case.sender, case.report_id) for case in store.made(as_of).cases]


@pytest.mark.parametrize("ending", sorted(ENDINGS))
def test_every_format_holds_the_cases_of_the_report(
    store: Told, ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"cases{ending}"
    run(store, str(store.signal()), path)
    found = [record.report or json.loads(record.raw) for record in read(path)]
    cases = [one if isinstance(one, dict) else one.model_dump() for one in found]
    assert [(one["sender"], one["report_id"]) for one in cases] == expected(store)
    assert len(cases) == 8
    assert all(r["term"] for one in cases for r in one["reactions"])


def test_it_is_a_valid_batch_of_e2b_the_same_bytes_each_time(store: Told, tmp_path: Path) -> None:
    xmlschema: Any = pytest.importorskip("xmlschema")
    schema = xmlschema.XMLSchema(
        str(shared("reference/e2b_r3/schema/multicacheschemas/MCCI_IN200100UV01.xsd"))
    )
    number, one, other = str(store.signal()), tmp_path / "one.xml", tmp_path / "other.xml"
    for path in (one, other):
        run(store, number, path, "--as-of", str(store.position), "--batch", "B-1")
    schema.validate(str(one))
    assert one.read_bytes() == other.read_bytes()
    assert b'extension="B-1"' in one.read_bytes()


def test_as_of_an_earlier_position_it_holds_what_counted_then(store: Told, tmp_path: Path) -> None:
    path = tmp_path / "then.ndjson"
    run(store, str(store.signal()), path, "--as-of", "1")
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(one["sender"], one["report_id"]) for one in found] == expected(store, "1")
    assert len(found) == 6


def test_who_wrote_it_is_in_the_trail(
    store: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(store, str(store.signal()), tmp_path / "cases.xml", "--json")
    said = json.loads(capsys.readouterr().out)
    assert (said["to"], said["written"], said["position"]) == ("e2b_r3", 8, store.position)
    assert said["left_out"], "a report without a MedDRA code lacks what ICH requires"
    with store.filled.store.read() as connection:
        table = tables.trail
        newest = connection.execute(select(table).order_by(table.c.seq.desc()).limit(1)).one()
    assert "case series in e2b_r3" in str(newest)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["99", "cases.xml"], "no_such_signal"),
        (["1", "cases.docx"], "unknown_format"),
        (["1", "cases.xml", "--as-of", "soon"], "bad_as_of"),
    ],
)
def test_what_cannot_be_written_is_refused(
    store: Told, arguments: list[str], code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(store, arguments[0], tmp_path / arguments[1], *arguments[2:], status=2)
    assert code in capsys.readouterr().err
    assert not (tmp_path / arguments[1]).exists()
