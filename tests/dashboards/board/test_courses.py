"""The pages of patient courses, over records that went the whole way into the store."""

from __future__ import annotations

import re
from html import unescape

import pytest
from playwright.sync_api import Browser

from dashboards.board.measured import charts, marked
from dashboards.board.timeline import MOST, Line, chart
from detectors.followup.record import Observed, observed
from schemas.followup import FOLLOWUP
from tests.browser import look_at
from tests.dashboards.board.conftest import Board
from tests.dashboards.followups import follow, record

COURSE = [
    record("enrolment", "2026-01-05", 1, product="Spravato", route="nasal", setting="clinic"),
    record("dose", "2026-01-05T10:00:00Z", 2, product="Spravato", dose_mg=56),
    record("vital_signs", "2026-01-05T10:40:00Z", 3, minutes=40, systolic_mmhg=150),
    record("urinary", "2026-01-05", 4, instrument="OABSS", score=3),
    record("urinary", "2026-04-05", 5, instrument="OABSS", score=13, haematuria=True),
    record("liver", "2026-04-05", 6, alt_xuln=0.8, alp_xuln=1.4),
    record("cognitive", "2026-04-06", 7, instrument="MoCA", score=27),
]


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def test_without_follow_up_the_list_says_that_this_is_not_a_clear_signal(empty: Board) -> None:
    assert "No data is not a clear signal." in text(empty.get("/courses"))


def test_a_course_without_findings_is_not_said_to_be_well(empty: Board) -> None:
    follow(empty.filled, [COURSE[0], COURSE[3]])
    shown = text(empty.get("/courses"))
    assert "1 course is followed" in shown
    assert "not the same as being well" in shown


def test_the_list_shows_courses_with_findings_and_filters_them(empty: Board) -> None:
    follow(empty.filled, COURSE)
    assert "p-1, 2026" in text(empty.get("/courses"))
    assert "p-1, 2026" in text(empty.get("/courses?level=finding&stream=urinary"))
    assert "p-1, 2026" not in text(empty.get("/courses?level=urgent"))
    assert "p-1, 2026" not in text(empty.get("/courses?registry=another"))


def test_the_page_explains_each_finding_and_shows_every_record(empty: Board) -> None:
    follow(empty.filled, COURSE)
    number = re.search(r'href="/courses/(\d+)"', empty.get("/courses"))
    assert number is not None
    html = empty.get(f"/courses/{number[1]}")
    shown = text(html)
    assert "OABSS 13 (severe, from 12), 3 at the first visit (mild)" in shown
    assert "blood in the urine" in shown
    for one in COURSE:
        assert f'id="record-{one["record_id"]}"' in html
    # doses and days with a finding are marked in every picture
    assert "Urinary: OABSS" in shown
    assert html.count('class="dose"') == html.count('<svg class="series"') >= 5
    assert "OABSS 3 first, 13 last, 3 to 13 over 2 measurements." in shown


def test_a_course_that_is_not_there_is_not_found(empty: Board) -> None:
    with empty.client() as client:
        assert client.get("/courses/99").status_code == 404


def test_a_picture_has_at_most_so_many_points_and_keeps_the_extremes() -> None:
    points = tuple((738_000.0 + i, 100.0 + (i == 777) * 50) for i in range(2_000))
    drawn = chart("x", [Line("a", points)], (738_000.0, 740_000.0))
    assert drawn is not None
    (line,) = re.findall(r'<polyline class="s0" points="([^"]*)"', str(drawn.svg))
    heights = [float(number) for number in line.split()[1::2]]
    assert len(heights) <= MOST
    # 100 to 150 on an axis of the same ends: the one high value is still at the top
    assert (min(heights), max(heights)) == (0.0, 180.0)
    assert chart("x", [Line("a", ())], (0.0, 1.0)) is None


@pytest.mark.browser
def test_the_pages_are_accessible_at_every_width(chromium: Browser, empty: Board) -> None:
    follow(empty.filled, COURSE)
    context = chromium.new_context()
    cookie = {"name": "ketavigil_session", "value": empty.cookie(), "url": empty.url}
    context.add_cookies([cookie])  # type: ignore[list-item]
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text))
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{empty.url}/courses")
        look_at(page, "courses")
        page.get_by_role("link", name="p-1, 2026").click()
        assert page.get_by_role("heading", name="Findings").is_visible()
        look_at(page, "course")
    context.close()
    assert complaints == []


def test_dates_of_labels_and_alerts_are_marked_on_pictures_of_a_course() -> None:
    def dose(at: str) -> Observed:
        fields = {"registry": "r", "record_id": at, "patient": "p", "course": "c", "at": at}
        held = {**fields, "kind": "dose", "product": "ketamine", "dose_mg": 35, "route": "oral"}
        return observed(FOLLOWUP.validate_python(held), product="ketamine")

    records = [dose("2023-08-01"), dose("2023-10-10"), dose("2023-11-01")]
    assert [one.date for one in marked(records)] == ["2023-08-30", "2023-10-10", "2023-10-11"]
    (drawn,) = charts(records)
    dated = re.search(r'class="dated" d="([^"]*)"', drawn.svg)
    assert dated is not None
    # 29, 70 and 71 of 92 days
    assert [float(x) for x in re.findall(r"M([\d.]+) ", dated[1])] == [315.2, 760.9, 771.7]
    assert marked([]) == ()
