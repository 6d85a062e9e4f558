"""The benchmark of the pipeline measures what it says: every record arrives, on both ways."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from streams.bench import bare, pipeline
from streams.settings import Settings
from tests.streams.bench.stored import held

RECORDS = 1200


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file of the benchmark's reports."""
    path = tmp_path_factory.mktemp("bench") / "reports.ndjson"
    pipeline.write(path, RECORDS, 3)
    return path


def test_the_file_has_as_many_records_as_asked_for(file: Path) -> None:
    assert len(file.read_bytes().splitlines()) == RECORDS


def test_the_bare_loop_stores_and_scores_the_same_as_an_import(file: Path, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    assert bare.run(file, tmp_path / "bare", pipeline.SENDER) > 0
    settings = replace(Settings.read(tmp_path / "import"), canary_seconds=0)
    assert pipeline.import_once(file, settings, RECORDS) > 0
    assert held(f"sqlite:///{tmp_path}/bare/store.db", RECORDS) == held(settings.store, RECORDS)
