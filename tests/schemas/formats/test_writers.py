"""What holds for every writer: what was written is read back, or counted as left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from schemas.errors import InputError
from schemas.formats import SourceRecord, read
from schemas.formats.icsr.exchange import Exchange
from schemas.formats.writers import ENDINGS, WRITERS, Target, format_of
from schemas.record import report_of_json
from schemas.report import Report
from tests.schemas.formats.samples import expected, written
from tests.schemas.formats.strategies import reports
from tests.schemas.formats.test_e2b_r3_written import COMPLETE

every = pytest.mark.parametrize("form", sorted(WRITERS))


def target(path: Path) -> Target:
    return Target(path, Exchange("2025-07-04T10:15:00Z"))


def report_of(record: SourceRecord) -> Report:
    assert record.faults == ()
    return record.report or report_of_json(record.raw)


def through(folder: Path, form: str, *found: Report) -> tuple[list[Report], dict[str, int]]:
    """The reports as they are read from what was written, and what was left out."""
    out = target(folder / f"reports{next(e for e, f in ENDINGS.items() if f == form)}")
    WRITERS[form](out, found)
    assert out.written == len(found)
    assert format_of(out.path) == form
    return [report_of(record) for record in read(out.path)], dict(out.left_out)


@pytest.mark.parametrize("form", ["ndjson", "parquet"])
@given(found=reports(), other=reports())
@settings(max_examples=60, deadline=None)
def test_nothing_of_a_report_is_lost_in_our_own_formats(
    form: str, tmp_path_factory: pytest.TempPathFactory, found: Report, other: Report
) -> None:
    back, left_out = through(tmp_path_factory.mktemp("out"), form, found, other)
    assert back == [found, other]
    assert left_out == {}


def plain(text: str | None) -> str | None:
    """A text as a table can hold it."""
    return text and text.replace("\r\n", "\n").replace("\r", "\n").replace("|", "¦").strip()


def tabled(report: Report) -> Report:
    """A report as a table can hold it."""
    products = tuple(
        p.model_copy(
            update={n: plain(getattr(p, n)) for n in ("name", "route", "indication", "formulation")}
        )
        for p in report.products
    )
    reactions = tuple(r.model_copy(update={"term": plain(r.term)}) for r in report.reactions)
    single = {"sender": report.sender, "report_id": report.report_id, "narrative": report.narrative}
    patient = report.patient
    if patient and patient.pseudonym:
        pseudonym = patient.pseudonym.replace("\r\n", "\n").replace("\r", "\n")
        patient = patient.model_copy(update={"pseudonym": pseudonym})
    return report.model_copy(
        update={
            **{
                name: text and text.replace("\r\n", "\n").replace("\r", "\n")
                for name, text in single.items()
            },
            "external_ids": tuple(plain(one) for one in report.external_ids),
            "products": products,
            "reactions": reactions,
            "patient": patient,
            "biomarkers": (),
        }
    )


@given(found=reports())
@settings(max_examples=150, deadline=None)
def test_a_table_loses_only_what_is_counted(
    tmp_path_factory: pytest.TempPathFactory, found: Report
) -> None:
    back, left_out = through(tmp_path_factory.mktemp("out"), "csv", found)
    assert back == [tabled(found)]
    if found.biomarkers:
        assert left_out.pop("biomarkers") == len(found.biomarkers)
    assert bool(left_out) == (tabled(found) != found.model_copy(update={"biomarkers": ()}))


@every
def test_a_complete_report_comes_back(form: str, tmp_path: Path) -> None:
    back, left_out = through(tmp_path, form, COMPLETE)
    if form == "csv":
        assert back == [COMPLETE.model_copy(update={"biomarkers": ()})]
        assert left_out == {"biomarkers": 4}
    else:
        assert back == [COMPLETE]


@every
def test_a_nullification_without_content_comes_back(form: str, tmp_path: Path) -> None:
    void = expected(sender="a", report_id="US-A-1", status="nullified", received_at="2025-07-03")
    back, _ = through(tmp_path, form, void)
    assert back == [void]


@every
def test_many_reports_keep_their_order(form: str, tmp_path: Path) -> None:
    many = [
        COMPLETE.model_copy(update={"report_id": f"US-A-{n}", "biomarkers": ()}) for n in range(30)
    ]
    assert through(tmp_path, form, *many)[0] == many


@pytest.mark.parametrize("form", ["csv", "e2b_r3", "parquet"])
def test_no_reports_are_a_file_without_any(form: str, tmp_path: Path) -> None:
    assert through(tmp_path, form)[0] == []


@every
def test_a_file_is_whole_or_not_there(form: str, tmp_path: Path) -> None:
    def breaking() -> Iterator[Report]:
        yield COMPLETE
        raise RuntimeError

    with pytest.raises(RuntimeError):
        WRITERS[form](target(tmp_path / "reports"), breaking())
    assert list(tmp_path.iterdir()) == []


@every
def test_a_place_that_cannot_be_written_is_refused(form: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        WRITERS[form](target(tmp_path / "nowhere" / "reports"), [COMPLETE])
    assert caught.value.code == "cannot_write"


@pytest.mark.parametrize("name", ["reports", "reports.txt", "xml"])
def test_a_name_that_tells_no_format_is_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        format_of(Path(name))
    assert caught.value.code == "unknown_format"


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"PAR1 not one", "damaged_file"), (b"PAR1" + b"\x00" * 100 + b"PAR1", "damaged_file")],
)
def test_a_parquet_file_that_is_damaged_is_refused(
    content: bytes, code: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        read(written(tmp_path, content, "reports"))
    assert caught.value.code == code


def test_a_parquet_file_of_other_columns_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    pyarrow.parquet.write_table(pa.table({"report_id": ["1"]}), tmp_path / "x.parquet")
    with pytest.raises(InputError) as caught:
        read(tmp_path / "x.parquet")
    assert caught.value.code == "bad_header"
