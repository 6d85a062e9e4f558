"""When the suite itself cannot judge: nothing passes unchecked, and only what must is held."""

from __future__ import annotations

import os
import socket
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd
import pytest

from schemas.quality import QualitySuite, Row, expectations
from tests.schemas.quality.rows import row


def ages(*listed: Any) -> list[Row]:
    return [row(place, patient={"age_years": age}) for place, age in enumerate(listed)]


def test_a_row_of_a_wrong_type_is_held_and_the_others_are_judged() -> None:
    result = QualitySuite("reports").check(ages(40, "old", None, 140, 50))
    assert result.suite_errors == {1}
    assert list(result.row_faults) == [3]


def test_a_body_that_cannot_be_measured_is_held_and_the_others_are_judged() -> None:
    rows = [
        row(0, patient="Jane"),
        row(1, products=3),
        row(2, received_at="soon", first_received_at="2025"),
        row(3, patient={"age_years": 140}),
        row(4),
    ]
    result = QualitySuite("reports").check(rows)
    assert result.suite_errors == {0, 1, 2}
    assert list(result.row_faults) == [3]


def test_a_row_that_cannot_be_judged_has_no_other_fault() -> None:
    result = QualitySuite("reports").check([row(0, patient={"age_years": "old", "weight_kg": 900})])
    assert result.suite_errors == {0}
    assert result.row_faults == {}


def test_a_rule_on_a_column_that_is_not_there_holds_every_row() -> None:
    rule = gxe.ExpectColumnValuesToNotBeNull(column="shoe_size")
    result = QualitySuite("reports", {"shoe_size_given": rule}).check(ages(40, 140, None))
    assert result.suite_errors == {0, 1, 2}
    assert result.row_faults == {}


def test_a_rule_that_fails_without_naming_rows_is_tried_on_ever_smaller_parts() -> None:
    rule = gxe.ExpectColumnMaxToBeBetween(column="age_range", max_value=90)
    result = QualitySuite("reports", {"no_elders": rule}).check(ages(40, 95, 50, 60, 99))
    assert {place: [name for name, _ in found] for place, found in result.row_faults.items()} == {
        1: ["no_elders"],
        4: ["no_elders"],
    }
    assert result.suite_errors == set()


def test_a_further_rule_that_names_rows_is_a_row_rule_like_the_others() -> None:
    rule = gxe.ExpectColumnValuesToNotBeNull(column="age_range")
    result = QualitySuite("reports", {"age_given": rule}).check(ages(40, None))
    assert result.row_faults == {1: [("age_given", "the record fails the rule age_given")]}


def test_without_a_verdict_on_the_senders_none_of_them_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    suite = QualitySuite("reports")
    rows = [
        row(place, country="US", patient={"age_years": 1, "sex": "male"}) for place in range(100)
    ]
    judge = expectations.judge

    def silent_on_senders(frame: pd.DataFrame, rules: Any) -> dict[str, list[int] | None]:
        return {"share_within_limit": None} if "excess" in frame else judge(frame, rules)

    monkeypatch.setattr(expectations, "judge", silent_on_senders)
    findings = suite.check(rows).batch
    assert findings
    assert not any(finding.passed for finding in findings)


def test_a_verdict_that_is_missing_counts_as_none() -> None:
    rules = expectations.suite({"a": expectations.between("a", 0, 1)})
    assert expectations.judge(pd.DataFrame({"place": [7, 8], "a": [0.5, 3]}), rules) == {"a": [8]}
    assert expectations.judge(pd.DataFrame({"place": [7, 8], "b": [0.5, 3]}), rules) == {"a": None}


def test_what_raises_leaves_no_value_in_the_logs(caplog: pytest.LogCaptureFixture) -> None:
    QualitySuite("reports").check(ages(40, "forty-one and a bit"))
    assert "forty-one" not in caplog.text


def test_nothing_goes_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: calls.append(address))
    QualitySuite("reports").check(ages(40, "old"))
    assert calls == []
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
