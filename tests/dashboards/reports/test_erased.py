"""Reports after an erasure: they say what is gone, and what was counted is checked as before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dashboards.reports.checking import Checked, check
from dashboards.reports.formats import rendered
from dashboards.reports.model import Report
from streams.privacy import losing
from streams.privacy.finding import Subject, find
from tests.dashboards.followups import clinic
from tests.dashboards.reports.support import Told, background, cystitis, report, told
from tests.dashboards.reports.test_checking import TODAY, changed


@dataclass
class Case:
    """A store in which one patient's case was erased after a report was made."""

    store: Told
    before: Report
    after: Report

    def checked(self, form: str, data: bytes) -> Checked:
        with self.store.filled.store.read() as connection:
            return check(connection, form, data, self.store.setting, today=TODAY)


def erase(store: Told, subject: Subject) -> None:
    """What an erasure does to the store of a report."""
    with store.filled.store.write() as connection:
        found = find(connection, subject)
        losing.lose_raw(connection, 1, found.records)
        losing.lose_contents(connection, found.records)
        losing.lose_courses(connection, found.courses)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        told(tmp_path_factory.mktemp("erased") / "data", monkeypatch) as store,
    ):
        store.tell(clinic(), "followups")
        store.tell(background(1, 40))
        store.tell(cystitis(20_000, 6))
        store.tell([report(500 + i, "Ketalar", "Haematuria") for i in range(5)])
        store.checkpoint()
        before = store.made()
        erase(store, Subject("report", before.cases[1].sender, before.cases[1].report_id))
        yield Case(store, before, store.made())


def test_the_line_says_erased_and_what_was_counted_stands(case: Case) -> None:
    before, after = case.before, case.after
    assert (before.quality.erased, after.quality.erased) == (0, 1)
    gone = [line for line in after.cases if line.erased]
    assert [line.report_id for line in gone] == [before.cases[1].report_id]
    assert (gone[0].received_at, gone[0].sex, gone[0].age_years) == ("", "", None)
    assert gone[0].terms == before.cases[1].terms
    assert after.pairs == before.pairs
    assert after.rules == before.rules
    assert after.sequential == before.sequential
    assert after.features.cases == before.features.cases
    sexes = next(one for one in after.tabulations if one.name == "sex")
    assert [row.pair for row in sexes.rows if row.value == "erased"] == [1]
    assert any("had 1 cases of all pairs erased" in text for text in after.limitations)
    assert ", erased; " in rendered(after, "html").decode()


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_report_of_before_is_checked_but_for_what_is_gone(case: Case, form: str) -> None:
    found = case.checked(form, rendered(case.before, form))
    assert found.differences == ()
    paths = {one.path for one in found.erased}
    assert {"quality.erased", "sha256"} < paths
    assert not any(path.startswith(("pairs", "rules", "subject", "sequential")) for path in paths)


def test_a_report_of_after_differs_nowhere(case: Case) -> None:
    for form in ("json", "csv", "html", "pdf"):
        found = case.checked(form, rendered(case.after, form))
        assert (found.differences, found.erased) == ((), ())


@pytest.mark.parametrize(
    "path",
    [
        "pairs[0].cells.a",
        "features.serious",
        "cases[2].age_years",
        "quality.received",
        "rules[0].first_n",
    ],
)
def test_a_changed_number_is_named_all_the_same(case: Case, path: str) -> None:
    content = json.loads(rendered(case.before, "json"))
    found = case.checked("json", changed(content, path))
    wrong = [one.path.rpartition(".")[2] for one in found.differences]
    # and the file's hash is not that of its content
    assert sorted(wrong) == sorted([path.rpartition(".")[2], "sha256"])


def test_a_count_that_no_erasure_can_explain_is_named(case: Case) -> None:
    content = json.loads(rendered(case.before, "json"))
    content["features"]["with_time_to_onset"] += 2
    found = case.checked("json", json.dumps(content).encode())
    assert "features.with_time_to_onset" in [one.path for one in found.differences]


def test_pages_cannot_tell_and_say_how_many_are_gone(case: Case) -> None:
    for form in ("html", "pdf"):
        found = case.checked(form, rendered(case.before, form))
        assert found.differences
        assert found.gone == 1


def test_an_erased_course_keeps_what_it_counts(case: Case) -> None:
    store = case.store
    made = store.made(number=store.signal(pair=("spontaneous", "ketamine", "Haematuria")))
    erase(store, Subject("patient", "registry-a", "k-1"))
    again = store.made(number=made.subject.number)
    assert made.cohort is not None
    assert again.cohort is not None
    assert again.cohort.rates == made.cohort.rates
    assert again.cohort.listing is not None
    gone = [line.course for line in again.cohort.listing.lines if line.erased]
    assert len(gone) == 1
    found = case.checked("json", rendered(made, "json"))
    assert found.differences == ()
    assert [one.path for one in found.erased if one.path != "sha256"] == [
        f"cohort.listing.lines[{i}].erased"
        for i, line in enumerate(again.cohort.listing.lines)
        if line.erased
    ]
