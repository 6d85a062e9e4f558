"""The listing of courses in a report: those with the event, adding up to the product's rate."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from dashboards.reports.checking import check
from dashboards.reports.formats import rendered
from dashboards.reports.model import Report
from dashboards.reports.moment import resolve
from dashboards.reports.signal_report import signal_report
from tests.dashboards.followups import clinic
from tests.dashboards.reports.support import Told, background, report, told
from tests.dashboards.reports.test_checking import TODAY, changed

PAIR = ("spontaneous", "ketamine", "Haematuria")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        told(tmp_path_factory.mktemp("courses") / "data", monkeypatch) as made,
    ):
        made.tell(clinic(), "followups")
        made.tell(background(1, 40))
        made.tell([report(500 + i, "Ketalar", "Haematuria") for i in range(5)])
        made.checkpoint()
        yield made


@pytest.fixture(scope="module")
def made(store: Told) -> Report:
    return store.made(number=store.signal(pair=PAIR))


def test_each_course_with_the_event_has_a_line_and_no_other(made: Report) -> None:
    assert made.cohort is not None
    listing = made.cohort.listing
    assert listing is not None
    # by hand: six of nine courses at home had blood in the urine on day 100 of 2024-01-01
    assert len(listing.lines) == 6
    for line in listing.lines:
        assert (line.registry, line.product, line.route, line.setting) == (
            "registry-a",
            "ketamine",
            "oral",
            "home",
        )
        assert (line.started, line.first_event) == ("2024-01-01", "2024-04-09")
        assert (line.days_to_event, line.event_days, line.n) == (99, 1, 1)
        assert line.terms == ("Haematuria",)
        assert line.person_days == 100
        assert not line.erased


def test_the_lines_and_the_rest_add_up_to_the_rate(made: Report) -> None:
    assert made.cohort is not None
    listing, whole = made.cohort.listing, made.cohort.rates
    assert listing is not None
    rate = next(one for one in whole if (one.product, one.axis) == ("ketamine", ""))
    assert sum(line.n for line in listing.lines) == rate.n == 6
    days = sum(line.person_days for line in listing.lines) + listing.other_person_days
    assert days == rate.person_days
    assert len(listing.lines) + listing.other_courses == rate.courses == 9


def test_no_pseudonym_is_in_any_form(made: Report) -> None:
    for form in ("html", "json", "csv"):
        text = rendered(made, form).decode()
        assert "registry-a" in text
        assert not any(f"k-{i}" in text for i in range(9))


def test_the_page_has_the_annex_and_says_the_sums(made: Report) -> None:
    html = rendered(made, "html").decode()
    assert "Annex. Course listing" in html
    assert "Together they add n = 6 and 600 person-days to the product; 3 courses" in html


@pytest.mark.parametrize(
    "path", ["cohort.listing.lines[2].person_days", "cohort.listing.other_courses"]
)
def test_a_changed_number_of_it_is_named(store: Told, made: Report, path: str) -> None:
    content = json.loads(rendered(made, "json"))
    with store.filled.store.read() as connection:
        given = changed(content, path)
        found = check(connection, "json", given, store.setting, today=TODAY)
    assert [one.path for one in found.differences] == [path]


def test_without_the_grant_no_course_is_listed_and_every_count_is_the_same(
    store: Told, made: Report
) -> None:
    with store.filled.store.read() as connection:
        as_of = resolve(connection, None, today=TODAY)
        number = store.signal(pair=PAIR)
        bare = signal_report(connection, number, as_of, store.setting, listing=False)
    assert bare.cohort is not None
    assert made.cohort is not None
    assert bare.cohort.listing is None
    assert bare.cohort.rates == made.cohort.rates
    assert bare.patient_rows == 0
    assert "Course listing" not in rendered(bare, "html").decode()


def test_making_a_report_reads_cases_and_courses(made: Report) -> None:
    assert made.patient_rows == len(made.cases) + 6
