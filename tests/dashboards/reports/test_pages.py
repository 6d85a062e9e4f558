"""The pages of a report: HTML by itself, and a tagged PDF without overlap or cut-off."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from io import BytesIO
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
import pikepdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.reports.document import (
    Document,
    Facts,
    Section,
    Table,
    Text,
    column,
    numbers,
    table,
)
from dashboards.reports.html import as_html
from dashboards.reports.model import Report
from dashboards.reports.pdf import as_pdf
from dashboards.reports.signal_cases import MOST
from dashboards.reports.signal_document import document
from tests.dashboards.followups import clinic
from tests.dashboards.reports.support import background, cystitis, report, told

MARGIN = 36.0  # points: half an inch that no text comes near


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    """A confirmed signal with everything that a report can have, and with odd texts."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        told(tmp_path_factory.mktemp("pages") / "data", monkeypatch) as store,
    ):
        store.tell(clinic(), "followups")
        for day in range(8):
            on = store.at.date().isoformat()
            own = cystitis(20_000 + 100 * day, 8)
            others = background(1 + 100 * day, 60, day=on)
            store.tell(others + [body | {"received_at": on} for body in own])
            store.at += timedelta(days=1)
        odd = report(
            9,
            "Spravato",
            "Cystitis",
            sender="<script>alert(1)</script>",
            day=store.at.date().isoformat(),
            country="DE",
        )
        odd["report_id"] = "#let x = 1 $y$ *z* " + "A-very-long-number-without-an-end" * 2
        odd["products"].append({"name": "漢方薬 & <b>", "role": "suspect"})
        odd["reactions"].append({"term": "Pneumonoultramicroscopicsilicovolcanoconiosis" * 2})
        store.tell([odd])
        store.tell([report(10, "Spravato", "Cystitis", report_type="solicited")])
        store.checkpoint()
        yield store.made(number=store.signal("confirmed"))


@pytest.fixture(scope="module")
def pdf(made: Report) -> bytes:
    return as_pdf(document(made))


class Page(HTMLParser):
    """Which elements a page has, what they refer to, and whether they are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_the_page_has_no_script_and_nothing_from_elsewhere(made: Report) -> None:
    page = Page(as_html(document(made)).decode())
    assert page.wrong == []
    assert page.open == []
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "form"}
    for tag, given_ in page.elements:
        assert not {name for name in given_ if name.startswith("on")} | ({"src"} & given_.keys())
        if tag == "a":
            assert str(given_["href"]).startswith("#")
    text = as_html(document(made)).decode()
    assert "url(" not in text
    assert "@import" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_every_table_of_the_page_has_a_caption_and_headings(made: Report) -> None:
    page = Page(as_html(document(made)).decode())
    names = [tag for tag, _ in page.elements]
    assert names.count("table") == names.count("caption") > 15
    assert all("scope" in given_ for tag, given_ in page.elements if tag == "th")
    assert names.count("h1") == 1


def test_the_page_says_every_number_that_the_document_has(made: Report) -> None:
    text = as_html(document(made)).decode()
    for section in document(made).sections:
        assert section.title in text.replace("&#39;", "'")


def test_the_same_report_makes_the_same_bytes(made: Report, pdf: bytes) -> None:
    again = msgspec.json.decode(msgspec.json.encode(made), type=Report)
    assert as_pdf(document(again)) == pdf
    assert as_html(document(again)) == as_html(document(made))


def test_dates_and_ids_inside_the_pdf_come_from_the_report(made: Report, pdf: bytes) -> None:
    stamp = re.sub(r"\D", "", made.origin.data_lock_point)
    with pikepdf.open(BytesIO(pdf)) as opened:
        assert {str(opened.docinfo[f"/{name}Date"])[2:16] for name in ("Creation", "Mod")} == {
            stamp
        }
        own = [bytes(one) for one in opened.trailer["/ID"]]
    dates = re.findall(rb"<xmp:\w+Date>([^<]*)<", pdf)
    assert set(dates) == {made.origin.data_lock_point.encode()}
    assert f"<pdf:Keywords>{made.id}</pdf:Keywords>".encode() in pdf
    other = as_pdf(document(msgspec.structs.replace(made, id="signal-1-at-1")))
    with pikepdf.open(BytesIO(other)) as opened:
        assert [bytes(one) for one in opened.trailer["/ID"]] != own


def structure(element: Any) -> Iterator[Any]:
    """The elements of a tree of tags."""
    children = element.get("/K", [])
    for child in children if isinstance(children, pikepdf.Array) else [children]:
        if isinstance(child, pikepdf.Dictionary) and "/S" in child:
            yield child
            yield from structure(child)


def test_the_pdf_is_tagged_and_made_to_be_kept(pdf: bytes) -> None:
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    assert b"<pdfaid:part>2</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>" in pdf
    with pikepdf.open(BytesIO(pdf)) as opened:
        root = opened.Root
        assert root["/MarkInfo"]["/Marked"]
        assert str(root["/Lang"]) == "en"
        tags = list(structure(root["/StructTreeRoot"]))
        counted = Counter(str(one["/S"]) for one in tags)
        headed = [one for one in tags if str(one["/S"]) == "/TH"]
        assert {str(one["/A"][0]["/Scope"]) for one in headed} == {"/Column"}
    assert counted["/H1"] > 14
    assert counted["/Table"] > counted["/Caption"] > 15
    for kind in ("/Title", "/H2", "/TH", "/TD", "/L", "/LI", "/P", "/TOC", "/Link"):
        assert counted[kind], kind


def pages(pdf: bytes) -> Iterator[Any]:
    opened = pypdfium2.PdfDocument(pdf)
    try:
        yield from opened
    finally:
        opened.close()


def boxes(page: Any) -> list[tuple[float, float, float, float]]:
    """The boxes of the runs of text: left, bottom, right, top, in points."""
    text = page.get_textpage()
    return [text.get_rect(i) for i in range(text.count_rects())]


def overlapping(found: list[tuple[float, float, float, float]]) -> list[Any]:
    """Pairs of boxes that share more than a hair."""
    return [
        (one, other)
        for one, other in combinations(found, 2)
        if min(one[2], other[2]) - max(one[0], other[0]) > 0.5
        and min(one[3], other[3]) - max(one[1], other[1]) > 0.5
    ]


def test_no_text_overlaps_or_is_cut_off(pdf: bytes) -> None:
    count = 0
    for page in pages(pdf):
        width, height = page.get_size()
        found = boxes(page)
        count += len(found)
        assert overlapping(found) == []
        for left, bottom, right, top in found:
            assert MARGIN < left < right < width - MARGIN
            assert MARGIN / 2 < bottom < top < height - MARGIN
    assert count > 500


def test_every_page_has_ink_inside_its_margins_only(pdf: bytes) -> None:
    for page in pages(pdf):
        picture = page.render(scale=1).to_numpy()[:, :, :3]
        dark = (picture < 128).any(axis=2)
        rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
        assert rows.size
        assert rows[0] > MARGIN
        assert rows[-1] < dark.shape[0] - MARGIN / 2
        assert columns[0] > MARGIN
        assert columns[-1] < dark.shape[1] - MARGIN


def test_the_check_of_boxes_can_fail() -> None:
    assert overlapping([(0, 0, 10, 10), (5, 5, 15, 15)])
    assert not overlapping([(0, 0, 10, 10), (0, 10, 10, 20)])


def test_pages_are_numbered_and_the_listing_lies_on_its_side(pdf: bytes) -> None:
    listed = list(pages(pdf))
    texts = [page.get_textpage().get_text_bounded() for page in pages(pdf)]
    for i, text in enumerate(texts):
        assert f"page {i + 1} of {len(listed)}" in text
    sideways = [page.get_size() for page in pages(pdf)]
    assert sideways[0][0] < sideways[0][1]
    assert sideways[-1][0] > sideways[-1][1]


def test_what_the_fonts_cannot_show_stands_as_its_number(made: Report, pdf: bytes) -> None:
    text = "".join(page.get_textpage().get_text_bounded() for page in pages(pdf))
    assert "U+6F22" in re.sub(r"[\s\u200b\ufffe-]", "", text)
    assert "漢方薬" in as_html(document(made)).decode()
    # markup of Typst is text like any other
    assert "#let x = 1 $y$ *z*" in re.sub(r"[\r\n]+", " ", text)


def test_of_very_many_cases_the_pages_have_the_gravest_and_say_so(made: Report) -> None:
    one = made.cases[0]
    assert not one.serious
    many = tuple(
        msgspec.structs.replace(
            one,
            report_id=f"X-{i}",
            serious=i < 5,
            outcome="fatal" if i == 7 else "recovered",
        )
        for i in range(MOST + 100)
    )
    listed = document(msgspec.structs.replace(made, cases=many)).sections[-1]
    text, shown = listed.blocks
    assert isinstance(text, Text)
    assert isinstance(shown, Table)
    assert "Of 600 cases these are 500" in text.text
    ids = [row[0].split(",")[0] for row in shown.rows]
    # five serious, the fatal one, and the newest of the others, in their order
    assert ids == [f"X-{i}" for i in (0, 1, 2, 3, 4, 7, *range(106, MOST + 100))]


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_can_be_set(one: str, other: str) -> None:
    columns = (column("a", 0.2), numbers("b", 0.2), column("c", 2))
    made = Document(
        title=f"t {one}",
        subtitle=other,
        id="signal-1-at-1",
        at="2026-03-01T12:00:00Z",
        running=one,
        cover=Facts(((one, other),)),
        sections=(Section(f"s {one}", (Text(other), table(one, columns, [(one, other, one)]))),),
    )
    assert as_pdf(made).startswith(b"%PDF-")
    assert as_html(made)
