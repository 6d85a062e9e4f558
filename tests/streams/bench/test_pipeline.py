"""The benchmark of the pipeline measures what it says: every record arrives, on both ways."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from streams.bench import bare, pipeline
from streams.store import tables
from streams.store.store import open_store

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
    assert pipeline._import(file, tmp_path / "import", RECORDS) > 0
    counted, scored = [], []
    for name in ("bare", "import"):
        store = open_store(f"sqlite:///{tmp_path / name}/store.db")
        kinds = (tables.records, tables.versions, tables.quarantine, tables.duplicates)
        score = tables.scores
        with store.read() as connection:
            counted.append(
                [connection.scalar(select(func.count()).select_from(table)) for table in kinds]
            )
            columns = [score.c[name] for name in ("product", "event", "n", "prr", "ic025")]
            scored.append({tuple(row) for row in connection.execute(select(*columns))})
        store.close()
    assert counted[0] == counted[1]
    assert counted[0][0] == RECORDS
    assert len(scored[0]) > 1000
    assert scored[0] == scored[1]
