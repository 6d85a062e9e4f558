"""A given report is compared with the store: whatever number was changed is named."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from dashboards.reports.checking import Checked, check, values
from dashboards.reports.content import as_json, leaves
from dashboards.reports.erased import differences
from dashboards.reports.formats import rendered
from dashboards.reports.model import Report
from schemas.errors import InputError
from tests.dashboards.followups import clinic
from tests.dashboards.reports.support import Told, background, cystitis, report, told

TODAY = date(2026, 6, 1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        told(tmp_path_factory.mktemp("checked") / "data", monkeypatch) as made,
    ):
        made.tell(clinic(), "followups")
        for day in range(4):
            on = made.at.date().isoformat()
            own = cystitis(20_000 + 100 * day, 6)
            made.tell(
                background(1 + 100 * day, 40, day=on) + [b | {"received_at": on} for b in own]
            )
            made.at += timedelta(days=1)
        made.tell([report(9, "Spravato", "Nausea")])
        made.checkpoint()
        yield made


@pytest.fixture(scope="module")
def given(store: Told) -> Report:
    """A report as of yesterday; the store has gone on."""
    return store.made(str(store.position - 1))


def checked(store: Told, form: str, data: bytes) -> Checked:
    with store.filled.store.read() as connection:
        return check(connection, form, data, store.setting, today=TODAY)


def changed(content: dict[str, Any], path: str, to: str | None = None) -> bytes:
    """The JSON with one number made another, or with a text in the place of a value."""
    found = json.loads(json.dumps(content))
    place = found
    names = path.replace("[", ".").replace("]", "").split(".")
    keys = [int(name) if name.isdigit() else name for name in names]
    for key in keys[:-1]:
        place = place[key]
    was = place[keys[-1]]
    place[keys[-1]] = to or ((not was) if isinstance(was, bool) else was + 1)
    return json.dumps(found).encode()


def figures(content: dict[str, Any]) -> list[str]:
    """The path of every number and truth value."""
    return [path for path, value in leaves(content) if isinstance(value, (int, float))]


@pytest.mark.parametrize("form", ["json", "csv", "html", "pdf"])
def test_a_report_as_it_was_written_differs_nowhere(store: Told, given: Report, form: str) -> None:
    found = checked(store, form, rendered(given, form))
    assert found.id == given.id
    assert found.differences == ()
    assert found.values >= 1


def test_every_signal_of_every_kind_and_dataset_has_a_report(store: Told) -> None:
    made = store.all()
    assert {one.subject.dataset for one in made} == {"spontaneous", "cohort"}
    assert {one.subject.kind for one in made} >= {"screening", "case_review"}
    for one in made:
        assert len(rendered(one, "html")) > 10_000
        assert rendered(one, "pdf").startswith(b"%PDF-1.7")
        assert checked(store, "json", rendered(one, "json")).differences == ()


def test_any_one_number_that_was_changed_is_named_and_no_other(given: Report) -> None:
    content = json.loads(as_json(given))
    stored = values("json", as_json(given))
    paths = figures(content)
    assert len(paths) > 500
    for path in paths:
        (wrong,) = differences(values("json", changed(content, path)), stored)
        assert wrong.path == path


def test_it_is_named_by_the_store(store: Told, given: Report) -> None:
    content = json.loads(as_json(given))
    chosen = random.Random(1).sample(figures(content), 8)
    # what says which report it is, changed, is named as well
    for path in [*chosen, "origin.position", "subject.number", "origin.changes", "schema"]:
        (wrong,) = checked(store, "json", changed(content, path)).differences
        assert wrong.path == path
        assert wrong.given != wrong.stored


@pytest.mark.parametrize("path", ["id", "sha256", "subject.product", "cases[0].outcome"])
def test_a_text_that_was_changed_is_named_too(store: Told, given: Report, path: str) -> None:
    content = json.loads(as_json(given))
    other = "signal-1-at-2" if path == "id" else "another"
    (wrong,) = checked(store, "json", changed(content, path, other)).differences
    assert wrong.path == path


def test_a_value_left_out_or_added_is_named(store: Told, given: Report) -> None:
    content = json.loads(as_json(given))
    del content["features"]["fatal"]
    content["features"]["extra"] = 1
    found = checked(store, "json", json.dumps(content).encode()).differences
    assert {(one.path, one.given, one.stored) for one in found} == {
        ("features.fatal", "(absent)", "0"),
        ("features.extra", "1", "(absent)"),
    }


def test_a_number_changed_in_the_csv_is_named(store: Told, given: Report) -> None:
    text = rendered(given, "csv").decode()
    path, value = "pairs[0].cells.a", str(given.pairs[0].cells.a)
    data = text.replace(f"{path},{value}\r\n", f"{path},{value}0\r\n").encode()
    (wrong,) = checked(store, "csv", data).differences
    assert (wrong.path, wrong.given, wrong.stored) == (path, f"{value}0", value)


def test_a_number_changed_on_the_page_is_shown_with_its_line(store: Told, given: Report) -> None:
    text = rendered(given, "html").decode()
    n = given.pairs[0].cells.a
    data = text.replace(f"a = {n}<", f"a = {n + 1}<")
    (wrong,) = checked(store, "html", data.encode()).differences
    assert wrong.path.startswith("line ")
    assert f"a = {n + 1}" in wrong.given
    assert f"a = {n}" in wrong.stored


def test_a_pdf_that_was_changed_is_not_the_one_of_the_store(store: Told, given: Report) -> None:
    data = rendered(given, "pdf")
    (wrong,) = checked(store, "pdf", data + b"\n").differences
    assert wrong.path == "the whole file"


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("json", b"{"),
        ("json", b"[]"),
        ("json", b"{}"),
        ("json", b'{"sha256": "x", "id": "other"}'),
        ("json", b"\xff"),
        ("csv", b"a,b\r\n1,2\r\n"),
        ("csv", b"\xff"),
        ("html", b"<p>nothing</p>"),
        ("html", b"period-2026-13-40-to-2026-01-01"),
        ("pdf", b"%PDF-1.7"),
    ],
)
def test_what_is_no_report_is_refused(store: Told, form: str, data: bytes) -> None:
    with pytest.raises(InputError) as error:
        checked(store, form, data)
    assert error.value.code == "bad_report"


def test_a_report_of_a_position_that_the_store_does_not_have_is_refused(store: Told) -> None:
    with pytest.raises(InputError) as error:
        checked(store, "json", b'{"sha256": "x", "id": "signal-1-at-99999"}')
    assert error.value.code == "position_ahead"
