"""What holds for every reader, whatever its format."""

from __future__ import annotations

import gzip
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.formats import FORMATS, detect_format, read
from schemas.record import Checked, check, checked
from tests.schemas.formats.samples import records, sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)

every = pytest.mark.parametrize("form", sorted(FORMATS))
every_text = pytest.mark.parametrize("form", sorted(FORMATS.keys() - {"faers_ascii", "parquet"}))


def checked_all(path: Path) -> list[Checked]:
    return [
        checked(r.stream, r.report, sender=r.sender, taken_at=NOW)
        if r.report is not None
        else check(r.stream, r.raw, sender=r.sender, taken_at=NOW)
        for r in records(path)
    ]


@every
def test_a_format_is_known_by_its_content(form: str, tmp_path: Path) -> None:
    assert detect_format(sample(tmp_path, form)) == form


@every
def test_every_record_of_a_sound_file_is_one_that_may_enter_a_batch(
    form: str, tmp_path: Path
) -> None:
    path = sample(tmp_path, form)
    assert [r.faults for r in records(path)] == [()] * len(records(path))
    assert len(checked_all(path)) >= 1


@every
def test_reading_twice_gives_the_same(form: str, tmp_path: Path) -> None:
    path = sample(tmp_path, form)
    assert records(path) == records(path)
    assert [c.content_hash for c in checked_all(path)] == [
        c.content_hash for c in checked_all(path)
    ]


@every_text
def test_a_packed_file_holds_the_same_records(form: str, tmp_path: Path) -> None:
    path = sample(tmp_path, form)
    packed = tmp_path / "packed" / path.name
    # with what stands beside it, such as a mapping
    shutil.copytree(tmp_path, packed.parent)
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert detect_format(packed) == form
    assert records(packed) == records(path)


@every_text
def test_a_byte_order_mark_changes_nothing(form: str, tmp_path: Path) -> None:
    path = sample(tmp_path, form)
    before = [(r.raw, r.report) for r in records(path)]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [(r.raw, r.report) for r in records(path)] == before


@every
def test_the_sender_is_the_import_unless_given_or_named_by_the_record(
    form: str, tmp_path: Path
) -> None:
    path = sample(tmp_path, form)
    own = "clinic-a" if form in ("json", "ndjson", "parquet") else f"import:{form}"
    assert {r.sender for r in records(path)} == {own}
    assert {r.sender for r in records(path, sender="archive")} == {"archive"}
    assert read(path).sender == f"import:{form}"


@every
def test_raw_bytes_and_place_tell_where_a_record_comes_from(form: str, tmp_path: Path) -> None:
    found = records(sample(tmp_path, form))
    assert all(r.raw for r in found)
    assert len({r.where for r in found}) == len(found)
    assert all(r.where.rpartition(":")[2].isdigit() for r in found)
    assert not any("/" in r.where for r in found)
