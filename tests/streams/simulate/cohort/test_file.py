"""The file of simulated records: whole or not at all, in order, its truth beside it."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import pytest

from schemas.errors import InputError
from schemas.formats import read
from streams.simulate.cohort.cohort import simulate
from streams.simulate.cohort.file import read_truth, truth_path, write
from streams.simulate.cohort.plan import Plan

PLAN = Plan(12, 150, plants={"misuse": 20.0}, prefix="S1-")
END = date(2025, 6, 30)


def test_records_and_reports_stand_in_the_order_of_arrival(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    truth = write(path, PLAN, END)
    records = list(read(path))
    streams = [record.stream for record in records]
    assert streams.count("followups") == len(simulate(PLAN)) == truth.sent["follow-up record"]
    assert streams.count("reports") == truth.sent["report"] > 0
    assert {"followups", "reports"} == set(streams[len(streams) // 2 :])
    assert not any(record.faults for record in records)
    assert max(json.loads(record.raw).get("at", "")[:10] for record in records) <= "2025-06-30"


def test_the_truth_stands_beside_it_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    truth = write(path, PLAN, END)
    assert sorted(child.name for child in tmp_path.iterdir()) == [
        "a.ndjson",
        "a.ndjson.truth.json",
    ]
    assert read_truth(path) == truth
    assert (truth.first_day, truth.last_day) == ("2025-02-01", "2025-06-30")
    assert truth.records["enrolment"] == 12


def test_without_reports_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    truth = write(path, PLAN, END, with_reports=False)
    assert {record.stream for record in read(path)} == {"followups"}
    assert truth.sent["report"] == 0


def test_a_name_that_ends_in_gz_is_packed(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.ndjson", tmp_path / "a.ndjson.gz"
    write(plain, PLAN, END)
    write(packed, PLAN, END)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert truth_path(packed).read_bytes() == truth_path(plain).read_bytes()


def test_progress_is_told_up_to_the_last_record(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    truth = write(tmp_path / "a.ndjson", PLAN, END, progress=lambda *one: heard.append(one))
    assert [doing for doing, _, _ in heard] == sorted(doing for doing, _, _ in heard)
    total = truth.sent["follow-up record"] + truth.sent["report"]
    assert heard[-1] == ("writing", total, total)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        write(tmp_path / "missing" / "a.ndjson", PLAN, END)
    assert refused.value.code == "not_writable"
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError) as refused:
        write(tmp_path / "folder", PLAN, END)
    assert refused.value.code == "not_writable"
    assert [child.name for child in tmp_path.iterdir()] == ["folder"]
