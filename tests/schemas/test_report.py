"""The report: its moments, what it refuses."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from schemas import times
from schemas.record import REPORT
from schemas.report import Patient, Report
from tests.schemas.examples import report


def read(**changes: object) -> Report:
    return REPORT.validate_json(json.dumps(report(**changes)))


def test_a_report_is_its_senders_case() -> None:
    assert read().case == ("clinic-a", "A-1")
    assert read().information_date == "2025-07-03"


def test_versions_of_one_date_are_ordered_by_when_they_were_made() -> None:
    dates = [
        read().information_date,
        read(created_at="2025-07-04T10:00:00Z").information_date,
        read(created_at="2025-07-04T10:00:01Z").information_date,
        read(received_at="2025-07-03T00:00:01Z").information_date,
        read(received_at="2025-07-04", created_at="2025").information_date,
    ]
    assert sorted(dates, key=times.sort_key) == dates
    assert [times.day(date) - times.day(dates[0]) for date in dates] == [0, 0, 0, 0, 1]


def test_what_is_not_said_is_unknown() -> None:
    found = read(products=[{"name": "Spravato"}])
    assert found.products[0].role == "unknown"
    assert found.report_type == "unknown"
    assert found.status == "active"
    assert found.patient is None


def test_the_verbatim_name_is_kept_but_for_white_space_about_it() -> None:
    assert read(products=[{"name": "  Ketamin 50mg/ml "}]).products[0].name == "Ketamin 50mg/ml"


def test_every_moment_that_can_be_in_the_future_is_judged() -> None:
    found = read(
        first_received_at="2025-01",
        created_at="2025-07-04T10:00:00Z",
        products=[{"name": "Spravato", "started_at": "2024"}],
        reactions=[{"term": "Nausea", "onset_at": "2025-02-01"}],
        biomarkers=[{"name": "ALT", "value": 3, "at": "2025-02-02"}],
    )
    assert found.moments() == [
        ("received_at", "2025-07-03"),
        ("first_received_at", "2025-01"),
        ("created_at", "2025-07-04T10:00:00Z"),
        ("products[0].started_at", "2024"),
        ("reactions[0].onset_at", "2025-02-01"),
        ("biomarkers[0].at", "2025-02-02"),
    ]


@pytest.mark.parametrize("field", ["name", "initials", "birth_date", "mrn", "email", "address"])
def test_a_direct_identifier_is_refused_by_name(field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Patient.model_validate({field: "x"})
    assert caught.value.errors()[0]["type"] == "direct_identifier"


def test_the_name_of_a_product_is_no_identifier() -> None:
    assert read().products[0].name == "Spravato"


def test_a_report_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        read().report_id = "B"  # type: ignore[misc]
