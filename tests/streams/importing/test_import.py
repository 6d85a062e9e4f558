"""`ketavigil import` as a person runs it: its receipt, its exit status, its worker."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from streams.master_key import load_sealer
from tests.deployment import Deployment
from tests.schemas.formats import e2b
from tests.schemas.formats.samples import FAERS_CSV, quarter
from tests.streams.importing.test_sending import line


def count(data: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{data}/store.db?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return Deployment(tmp_path_factory.mktemp("data") / "new")


def test_the_receipt_says_what_became_of_every_record(
    deployment: Deployment, tmp_path: Path
) -> None:
    """A file with each disposition in it, a second of another format; then both once more."""
    lines = [
        *(line(n) for n in range(300)),
        line(0, version=2),  # A-0 without a version is superseded
        line(1),  # the same again
        line(2, version=1, status="nullified"),  # nullifies A-2, whose first version goes
        b"{broken",
        line(900, patient={"age_years": 200}),  # the quality suite holds it
        line(901, products=[{"name": "Ketaminum odd"}]),
    ]
    file, other = tmp_path / "reports.ndjson.gz", tmp_path / "reports.csv"
    file.write_bytes(gzip.compress(b"\n".join(lines)))
    other.write_text(FAERS_CSV.replace("F,5,DEC", "F,5,EON"))
    found = json.loads(deployment.run("import", str(file), str(other), "--json").stdout)
    assert [(f["format"], f["sender"], f["records"]) for f in found["files"]] == [
        ("ndjson", "import:ndjson", 306),
        ("faers_csv", "import:faers_csv", 2),
    ]
    assert found["files"][1]["unknown"] == {"age: unit EON": 1}
    figures = {
        "received": 308,
        "counted": 302,
        "superseded": 2,
        "nullified": 1,
        "duplicate": 1,
        "quarantined": 2,
        "lost": 0,
    }
    assert {name: found[name] for name in figures} == figures
    assert found["quarantined_by_code"] == {"age_range": 1, "malformed_json": 1}
    # each version that was kept names one product: 303 in the first file, 2 in the second
    assert found["unmatched"]["products"] == {"names": 1, "mentions": 1, "of": 305}
    assert count(deployment.data, "SELECT reason FROM checkpoints ORDER BY position") == [
        ("import",)
    ]
    assert count(deployment.data, "SELECT count(*) FROM outbox") == [(0,)]
    assert not (deployment.data / "worker.ready").exists(), "the worker it started is gone"

    again = deployment.run("import", str(file), str(other)).stdout.splitlines()
    said = dict(text.rsplit(None, 1) for text in again if text.rsplit(None, 1)[-1].isdigit())
    assert said["received"] == "308"
    assert (said["duplicate"], said["counted"], said["quarantined"]) == ("306", "0", "2")
    assert said["lost"] == "0"
    assert deployment.verify()["checks"][0]["figures"]["received"] == 616


def test_a_file_that_cannot_be_read_leaves_nothing_behind(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.ndjson", tmp_path / "bad.csv"
    good.write_bytes(line(0))
    bad.write_text("a,b\n1,2\n")
    deployment = Deployment(tmp_path / "data")
    for path, options, code in (
        (bad, (), "unknown_format"),
        (bad, ("--format", "faers_csv"), "bad_header"),
        (bad, ("--format", "e2b"), "unknown_format"),
        (tmp_path / "nothing", (), "no_such_file"),
        (good, ("--sender", " "), "bad_sender"),
        (good, ("--sender", "x" * 101), "bad_sender"),
    ):
        done = deployment.run("import", str(good), str(path), *options, status=2)
        assert done.stderr.startswith(f"ketavigil: {code}: ")
        assert len(done.stderr.splitlines()) == 1
    assert not deployment.data.exists()


def test_a_file_that_breaks_off_is_taken_up_to_there_by_the_worker_that_runs(
    tmp_path: Path,
) -> None:
    """And the quarter of FAERS beside it is not read any more."""
    packed = gzip.compress(b"\n".join(line(n, narrative="é" * n) for n in range(9_000)))
    broken = tmp_path / "broken.ndjson"
    broken.write_bytes(packed[: len(packed) // 2])
    deployment = Deployment(tmp_path / "data")
    deployment.data.mkdir()
    deployment.start("worker")
    try:
        deployment.ready("worker")
        done = deployment.run(
            "import",
            str(broken),
            str(quarter(tmp_path)),
            "--sender",
            "clinic-a",
            "--json",
            status=2,
        )
        found = json.loads(done.stdout)
        assert "damaged_file" in done.stderr
        assert len(found["files"]) == 1
        assert 0 < found["received"] < 9_000
        assert found["received"] == found["counted"] + found["quarantined"]
        (whole,) = count(deployment.data, "SELECT count(*) FROM versions")
        assert whole == (found["counted"],)
        assert (deployment.data / "worker.ready").exists(), "a worker that was there stays"
    finally:
        deployment.stop()


def test_versions_of_an_icsr_are_ordered_and_a_nullification_voids_its_case(
    deployment: Deployment, tmp_path: Path
) -> None:
    """The newest version by C.1.5, then C.1.2, whatever the order of the file; A-2 is void."""
    void = e2b.characteristic(
        "3", e2b.value("CE", 'code="1" codeSystem="2.16.840.1.113883.3.989.2.1.1.5"')
    )
    path = tmp_path / "batch.xml"
    messages = [
        e2b.message("A-3").replace("</PORR_IN049016UV>", ""),
        e2b.message("A-1", created="20250711101500+0000", reactions=e2b.reaction("Sedation")),
        e2b.message("A-1", created="20250710101500+0000", reactions=e2b.reaction("Nausea")),
        e2b.message("A-2", received="20250704", characteristics=void),
        e2b.message("A-2"),
    ]
    path.write_text(e2b.batch(messages), encoding="utf-8")
    done = json.loads(
        deployment.run("import", str(path), "--sender", "clinic-e2b", "--json").stdout
    )
    assert {name: done[name] for name in ("received", "counted", "superseded", "nullified")} == {
        "received": 5,
        "counted": 1,
        "superseded": 2,
        "nullified": 1,
    }
    assert done["quarantined_by_code"] == {"malformed_xml": 1}
    rows = count(
        deployment.data,
        "select cases.report_id, versions.body, versions.version_conflict from cases "
        "join versions on versions.id = cases.newest where cases.sender = 'clinic-e2b' "
        "order by cases.report_id",
    )
    assert [(name, conflict) for name, _, conflict in rows] == [("A-1", 0), ("A-2", 0)]
    body = load_sealer(deployment.data).disclose(rows[0][1])
    assert json.loads(body)["reactions"][0]["term"] == "Sedation"
