"""Speed of reading: every format is measured on the same reports, beside a bare parse."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.formats import FORMATS, detect_format, read
from streams.bench import formats
from streams.bench.format_files import FILES

# of tables that are laid out by hand, or that are a subset of another one
NOT_MEASURED = {"mapped_csv", "vaers_csv", "diana_csv"}


def test_every_format_is_measured_or_named_as_not() -> None:
    assert set(FILES) == set(formats.BARE) == set(FORMATS) - NOT_MEASURED


def test_the_same_reports_are_read_from_each_format(tmp_path: Path) -> None:
    reports = formats.drawn(tmp_path, 40, 3)
    assert len(reports) == 40
    for form, make in FILES.items():
        path = make(tmp_path, reports)
        assert detect_format(path) == form
        found = [record.report for record in read(path, form)]
        assert len(found) == 40, form
        if form not in ("ndjson", "json", "csv", "parquet"):  # of those, the bytes are judged
            terms = [one.reactions[0].term for one in found if one is not None]
            assert terms == [one.reactions[0].term for one in reports], form
        formats.BARE[form](path)
        path.unlink()


def test_rows_hold_rates_with_their_spread_and_the_goal(tmp_path: Path) -> None:
    rows = {row.name: row for row in formats.run(tmp_path, 30, 3)}
    assert {f"read_{form}" for form in FILES} <= set(rows)
    for form in FILES:
        row = rows[f"read_{form}"]
        assert row.spread is not None
        assert row.spread[0] <= row.value <= row.spread[1]
        assert row.ratio is not None
        assert rows[f"read_{form}_bytes"].value > 0
    assert rows["read_e2b_r3"].goal == ">= 2000 reports/s"
    assert rows["read_csv"].met is None


def test_a_reader_that_loses_a_report_fails(tmp_path: Path) -> None:
    path = FILES["csv"](tmp_path, formats.drawn(tmp_path, 5, 3))
    with pytest.raises(AssertionError, match="5 of 6"):
        formats.measured("csv", path, 6)
