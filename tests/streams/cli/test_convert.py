"""`ketavigil formats` and `ketavigil convert`: any reader to any writer, all losses counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from schemas.formats import FORMATS, read
from schemas.formats.writers import ENDINGS, WRITERS
from schemas.record import report_of_json
from schemas.report import Report
from streams.cli import main
from tests.schemas.formats.e2b import batch, message
from tests.schemas.formats.paths import found_at
from tests.schemas.formats.samples import FLAT_CSV, JSON, MAPPED_CSV, MAPPING, sample, written

CREATED = ("--created", "2026-01-01T00:00:00Z")


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path, status: int = 0) -> Any:
    """What the command prints as JSON, or its error where it refuses."""
    assert main([*map(str, arguments), *(["--json"] if status < 2 else [])]) == status
    printed = capsys.readouterr()
    return json.loads(printed.out) if status < 2 else printed.err


def reports_of(path: Path) -> list[Report]:
    """The reports of a file; criteria of seriousness have no order."""
    found = [record.report or report_of_json(record.raw) for record in read(path)]
    return [
        report.model_copy(
            update={
                "reactions": tuple(
                    one.model_copy(update={"seriousness": tuple(sorted(one.seriousness))})
                    for one in report.reactions
                )
            }
        )
        for report in found
    ]


def test_every_format_is_listed_with_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["format"]: row for row in run(capsys, "formats")}
    assert set(rows) == {*FORMATS, *WRITERS}
    for name, row in rows.items():
        assert (row["read"], row["written"]) == (name in FORMATS, name in WRITERS)
        assert len(row["what"]) > 20
    assert rows["e2b_r3"]["endings"] == [".xml"]
    assert main(["formats"]) == 0
    assert "e2b_r3       read and written" in capsys.readouterr().out


@pytest.mark.parametrize("to", sorted(WRITERS))
@pytest.mark.parametrize("form", sorted(FORMATS))
def test_any_format_that_is_read_becomes_any_that_is_written(
    form: str, to: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = sample(tmp_path, form)
    out = tmp_path / f"out{next(e for e, f in ENDINGS.items() if f == to)}"
    figures = run(capsys, "convert", source, out, *CREATED)
    before, after = reports_of(source), reports_of(out)
    assert (figures["from"], figures["to"]) == (form, to)
    assert figures["records"] == figures["written"] == len(before) == len(after)
    assert after == before, "the samples hold nothing that a table could not"


def test_records_at_fault_are_counted_and_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.dumps(JSON), "{broken", json.dumps(JSON | {"products": []})]
    source = written(tmp_path, "\n".join(lines), "in.ndjson")
    out = tmp_path / "out.csv"
    figures = run(capsys, "convert", source, out, status=1)
    assert figures["at_fault"] == {"malformed_json": 1, "no_product": 1}
    assert (figures["records"], figures["written"], len(reports_of(out))) == (3, 1, 1)


def test_follow_up_records_are_no_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dose = {"registry": "r", "record_id": "1", "patient": "p", "kind": "dose"}
    source = written(tmp_path, f"{json.dumps(JSON)}\n{json.dumps(dose)}", "in.ndjson")
    figures = run(capsys, "convert", source, tmp_path / "out.parquet")
    assert (figures["records"], figures["written"], figures["not_reports"]) == (2, 1, 1)


def test_what_is_left_out_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path, FLAT_CSV, "in.csv")
    assert main(["convert", str(source), str(tmp_path / "out.xml"), *CREATED]) == 0
    printed = capsys.readouterr().out
    assert "1 of 1 records written, csv to e2b_r3" in printed
    assert "E.i.2.1b: missing" in printed


def test_the_same_batch_is_written_byte_for_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path, FLAT_CSV, "in.csv")
    options = (*CREATED, "--batch", "B-7", "--from-id", "US", "--to-id", "THEM")
    for name in ("a.xml", "b.xml"):
        run(capsys, "convert", source, tmp_path / name, *options)
    content = (tmp_path / "a.xml").read_bytes()
    assert content == (tmp_path / "b.xml").read_bytes()
    root = fromstring(content)
    assert found_at(root, "BATCH/id[@root='~3.22']/@extension") == ["B-7"]
    assert found_at(root, "MSG/sender/device/id[@root='~3.11']/@extension") == ["US"]
    assert found_at(root, "MSG/receiver/device/id[@root='~3.12']/@extension") == ["THEM"]


def test_a_batch_is_answered_with_the_element_at_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path, batch([message("A-1"), message("A-2", received="x")]), "in.xml")
    answer = tmp_path / "ack.xml"
    out = tmp_path / "out.ndjson"
    run(capsys, "convert", source, out, "--acknowledgement", answer, *CREATED, status=1)
    root = fromstring(answer.read_bytes())
    codes = found_at(root, "BATCH/MCCI_IN000002UV01/acknowledgement/@typeCode")
    assert codes == ["CA", "CR"]
    texts = found_at(root, "BATCH/MCCI_IN000002UV01/acknowledgement/acknowledgementDetail/text")
    assert texts[1] is not None
    assert texts[1].startswith("C.1.5: not_a_date")


def test_a_mapping_is_given_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path, MAPPED_CSV, "in.csv")
    mapping = written(tmp_path, MAPPING, "mapping.toml")
    out = tmp_path / "out.ndjson"
    figures = run(capsys, "convert", source, out, "--mapping", mapping, "--sender", "clinic-a")
    assert figures["from"] == "mapped_csv"
    assert reports_of(out)[0].case == ("clinic-a", "A-1")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nothing.csv", "out.csv"], "no_such_file"),
        (["in.csv", "out.txt"], "unknown_format"),
        (["in.csv", "out.csv", "--to", "fhir"], "unknown_format"),
        (["in.csv", "out.csv", "--from", "x"], "unknown_format"),
        (["in.csv", "out.xml", "--created", "today"], "bad_moment"),
        (["in.csv", "out.xml", "--created", "2025-07-04T10:15:00"], "bad_moment"),
        (["in.csv", "nowhere/out.csv"], "cannot_write"),
        (["in.csv", "out.csv", "--acknowledgement", "ack.xml"], "not_e2b_r3"),
        (["in.csv", "out.csv", "--mapping", "nothing.toml"], "no_mapping"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_code(
    arguments: list[str],
    code: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, FLAT_CSV, "in.csv")
    error = run(capsys, "convert", *arguments, status=2)
    assert error.startswith(f"ketavigil: {code}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_file_that_breaks_off_writes_nothing_and_answers_as_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path, batch([message("A-1")])[:-40], "in.xml")
    answer, out = tmp_path / "ack.xml", tmp_path / "out.ndjson"
    error = run(capsys, "convert", source, out, "--acknowledgement", answer, *CREATED, status=2)
    assert "malformed_xml" in error
    assert not out.exists()
    root = fromstring(answer.read_bytes())
    assert found_at(root, "BATCH/acknowledgement/@typeCode") == ["AR"]
