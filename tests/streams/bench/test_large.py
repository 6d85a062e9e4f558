"""A large batch is read without growing."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.bench import large


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("large")


def test_memory_does_not_grow_with_the_batch(folder: Path) -> None:
    """Of a batch four times as long, the process that imports it holds no more."""
    held, sizes = [], []
    for records in (2_000, 8_000):
        path = large.written(folder, records, 3)
        sizes.append(path.stat().st_size / 1e6)
        found = large.imported(path, folder / f"data-{records}", records)
        assert found.end[0] == records
        held.append(found.end[1])
    assert sizes[1] > sizes[0] + 40
    assert held[1] < held[0] + 8, f"{held} MB of files of {sizes} MB"


def test_rows_tell_memory_at_three_moments_and_the_rate(tmp_path: Path) -> None:
    rows = {row.name: row for row in large.run(tmp_path, 1_000, 3)}
    assert rows["large_start"].against == "10 reports sent"
    assert rows["large_quarter"].against == "250 reports sent"
    assert rows["large_end"].against == "1,000 reports sent"
    assert rows["large_grown"].value == rows["large_end"].value - rows["large_quarter"].value
    assert rows["large_grown"].goal == "<= 32 MB"
    assert rows["large_rate"].value > 0


def test_a_batch_of_other_than_the_reports_that_were_written_fails(tmp_path: Path) -> None:
    path = large.written(tmp_path, 100, 3)
    with pytest.raises(AssertionError, match="100 of 101 reports"):
        large.imported(path, tmp_path / "data", 101)
