"""RUCAM in the workflow: computed, kept with the assessment, in the trail."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from dashboards.form import Form
from dashboards.liver import Assessment, assessed, read
from schemas.errors import InputError
from streams.store import tables
from tests.dashboards.board.conftest import Board
from tests.dashboards.board.test_decisions import move, officer
from tests.dashboards.board.test_inbox import raised
from tests.dashboards.board.test_pages import text

ANSWERS = {
    "onset": "typical",
    "course": "week",
    "age": "over_55",
    "alcohol": "little",
    "concomitant": "none",
    "causes": "group_1",
    "before": "published",
    "again": "other",
}
# 2 + 3 + 1 + 0 + 0 + 1 + 1 + 0
SCORE, GRADE = 8, "probable"
FIELDS = {
    "pattern": "hepatocellular",
    "case": "clinic-a A-7",
    **{f"hepatocellular_{name}": value for name, value in ANSWERS.items()},
}
SENT = {f"rucam_{name}": value for name, value in FIELDS.items()}


def test_what_a_form_gives_is_computed_and_can_be_read_again() -> None:
    kept = assessed(FIELDS | {"cholestatic_onset": "typical"})
    assert read(kept) == Assessment("clinic-a A-7", "hepatocellular", ANSWERS, SCORE, GRADE)
    held = read(kept)
    assert held is not None
    assert sum(points for _, _, points in held.answers) == SCORE
    assert assessed({"case": "A"}) is None


@pytest.mark.parametrize(
    "changes",
    [{"case": ""}, {"case": "x" * 101}, {"pattern": "other"}, {"hepatocellular_age": ""}],
)
def test_what_is_missing_is_said(changes: dict[str, str]) -> None:
    with pytest.raises(InputError) as error:
        assessed(FIELDS | changes)
    assert error.value.code == "bad_rucam"


def test_a_form_keeps_its_fields_of_rucam_alone() -> None:
    form = Form.of({"revision": "1", "note": "so", "rucam_case": " A ", "rucam_pattern": ""})
    assert (form.note, form.rucam) == ("so", (("case", "A"),))


def test_an_officer_assesses_a_liver_event_and_the_trail_has_it(empty: Board) -> None:
    number = raised(empty, "group:hepatic", "ic025")
    with officer(empty) as client:
        page = client.get(f"/signals/{number}").text
        assert 'name="rucam_pattern"' in page
        # the score is computed, whatever is sent
        answer = move(client, "", number, rucam_score="99", **SENT)
        assert answer.status_code == 303
        shown = text(client.get(f"/signals/{number}").text)
        trail = client.get(f"/trail?subject=signal+{number}").text
    assert "RUCAM 8, probable case clinic-a A-7" in shown
    assert (
        "ALT after the stop, from its peak to the upper limit of normal halved within 8 days 3"
        in (shown)
    )
    assert "rucam: 8, probable (hepatocellular, case clinic-a A-7)" in shown
    assert "halved" not in trail  # answers stand there by name
    with empty.filled.store.read() as connection:
        row = connection.execute(
            select(tables.workflow.c.rucam).where(tables.workflow.c.signal_id == number)
        ).scalar_one()
        entry = connection.execute(
            select(tables.trail).where(tables.trail.c.what == "signal_noted")
        ).one()
    assert json.loads(row)["score"] == SCORE
    assert json.loads(json.loads(entry.after)["rucam"])["items"] == ANSWERS


def test_what_is_not_complete_is_refused_and_what_was_written_stays(empty: Board) -> None:
    number = raised(empty, "Cholangitis", "ic025")
    with officer(empty) as client:
        answer = move(client, "", number, **(SENT | {"rucam_hepatocellular_age": ""}))
        shown = answer.text
    assert answer.status_code == 422
    assert "answer “Age” with one of its choices" in shown
    assert '<option value="week" selected>' in shown
    assert 'value="clinic-a A-7"' in shown


def test_another_event_has_no_rucam(board: Board) -> None:
    with officer(board) as client:
        assert "rucam" not in client.get("/signals/1").text
        answer = move(client, "", 1, **SENT)
    assert answer.status_code == 422
    assert "RUCAM is for events of the liver" in answer.text
