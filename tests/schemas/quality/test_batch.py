"""Batch rules: they flag a sender and hold nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.quality import BatchFinding, QualitySuite, Row
from schemas.quality.limits import limits
from tests.schemas.quality.rows import row

ENOUGH = limits().min_records
WHOLE: dict[str, Any] = {"patient": {"age_years": 40, "sex": "female"}, "country": "US"}


def batch(n: int = ENOUGH, sender: str = "clinic-a", start: int = 0, **body: Any) -> list[Row]:
    return [row(place, sender, **(WHOLE | body)) for place in range(start, start + n)]


def flagged(rows: list[Row], suite: QualitySuite | None = None) -> dict[str, float]:
    result = (suite or QualitySuite("reports")).check(rows)
    assert not result.row_faults
    assert not result.suite_errors
    return {finding.rule: finding.observed for finding in result.batch if not finding.passed}


def test_a_sender_whose_data_are_whole_passes_every_rule() -> None:
    findings = QualitySuite("reports").check(batch()).batch
    assert {finding.rule for finding in findings} == set(limits().reports.batch)
    assert all(finding.passed and finding.observed == 0 for finding in findings)


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        ({"patient": {"sex": "female"}}, {"missing_age": 1.0}),
        ({"patient": {"age_years": 40, "sex": "unknown"}}, {"missing_sex": 1.0}),
        ({"patient": None}, {"missing_age": 1.0, "missing_sex": 1.0}),
        ({"country": None}, {"missing_country": 1.0}),
    ],
)
def test_what_a_sender_leaves_out_is_flagged(body: dict[str, Any], rules: dict[str, float]) -> None:
    assert flagged(batch(**body)) == rules


def test_terms_that_nothing_matches_are_flagged_as_a_share_of_all_terms() -> None:
    rows = [replace(one, unknown_products=2, unknown_events=1) for one in batch()]
    assert flagged(rows) == {"unknown_products": 1.0, "unknown_events": 1.0}
    assert flagged([replace(one, unknown_products=1) for one in batch()]) == {}


def test_the_same_version_twice_in_a_batch_is_flagged() -> None:
    rows = batch()
    assert flagged([*rows, *rows[:10]]) == {"duplicates": 10 / (ENOUGH + 10)}
    assert flagged([*rows, *(replace(one, version=2) for one in rows[:10])]) == {}
    assert flagged([*rows, *(replace(one, sender="clinic-b") for one in rows[:10])]) == {}


def test_a_share_at_the_limit_passes_and_one_above_does_not() -> None:
    limit = limits().reports.batch["missing_country"].max
    n = round(limit * ENOUGH)
    at = [*batch(n, country=None), *batch(ENOUGH - n, start=n)]
    above = [*batch(n + 1, country=None), *batch(ENOUGH - n - 1, start=n + 1)]
    assert flagged(at) == {}
    assert flagged(above) == {"missing_country": (n + 1) / ENOUGH}


def test_each_sender_is_judged_on_its_own_records() -> None:
    rows = [*batch(country=None), *batch(ENOUGH + 50, "clinic-b", start=ENOUGH)]
    findings = [f for f in QualitySuite("reports").check(rows).batch if f.rule == "missing_country"]
    limit = limits().reports.batch["missing_country"].max
    assert findings == [
        BatchFinding("clinic-a", "missing_country", ENOUGH, 1.0, limit, False),
        BatchFinding("clinic-b", "missing_country", ENOUGH + 50, 0.0, limit, True),
    ]


def test_small_batches_add_up_until_there_are_enough_to_judge() -> None:
    suite = QualitySuite("reports")
    for start in range(0, ENOUGH - 1, 33):
        n = min(33, ENOUGH - 1 - start)
        assert suite.check(batch(n, start=start, country=None)).batch == []
    (finding,) = [f for f in suite.check(batch(1, country=None)).batch if not f.passed]
    assert (finding.rule, finding.records) == ("missing_country", ENOUGH)
    assert suite.check(batch(1)).batch == []


def test_followups_have_batch_rules_of_their_own() -> None:
    suite = QualitySuite("followups")
    rows = [row(place, "registry-a", kind="dose", dose_mg=56) for place in range(ENOUGH)]
    findings = suite.check([*rows, *rows]).batch
    assert [(f.rule, f.observed, f.passed) for f in findings] == [("duplicates", 0.5, False)]
