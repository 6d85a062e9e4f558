"""The sample report of the docs: whole, small, and set as every other."""

from __future__ import annotations

from pathlib import Path

from tests.dashboards.reports.test_pages import MARGIN, boxes, overlapping, pages

SAMPLE = Path(__file__).parents[3] / "docs" / "sample"
SECTIONS = (
    "Summary",
    "Methods",
    "Disproportionality",
    "Sensitivity and strata",
    "Sequential evidence",
    "Time to onset",
    "Cohort evidence",
    "Case series",
    "Data quality",
    "Limitations",
    "How to check this report",
    "Line listing",
)


def test_it_is_small_and_says_that_it_is_simulated() -> None:
    files = [SAMPLE / f"signal-report.{form}" for form in ("html", "pdf")]
    assert sum(path.stat().st_size for path in files) < 300_000
    assert "Everything in it is simulated" in (SAMPLE / "README.md").read_text(encoding="utf-8")


def test_page_and_pdf_have_every_section() -> None:
    html = (SAMPLE / "signal-report.html").read_text(encoding="utf-8")
    pdf = (SAMPLE / "signal-report.pdf").read_bytes()
    text = "\n".join(page.get_textpage().get_text_bounded() for page in pages(pdf))
    for title in SECTIONS:
        assert title in html
        assert title in text


def test_no_text_of_it_overlaps_or_is_cut_off() -> None:
    for page in pages((SAMPLE / "signal-report.pdf").read_bytes()):
        width, height = page.get_size()
        found = boxes(page)
        assert found
        assert overlapping(found) == []
        for left, bottom, right, top in found:
            assert MARGIN < left < right < width - MARGIN
            assert MARGIN / 2 < bottom < top < height - MARGIN
