"""Codes, measures, dates and countries; what cannot be used is counted and left out."""

from __future__ import annotations

from collections import Counter

import pytest

from schemas.formats import codes


@pytest.mark.parametrize(
    ("value", "unit", "years"),
    [
        ("34", "YR", 34.0),
        ("34", "yr", 34.0),
        ("6", "DEC", 60.0),
        ("18", "MON", 1.5),
        ("365.25", "DY", 1.0),
        ("10", "WK", 0.1916),  # 70 of 365.25 days
        ("8766", "HR", 1.0),
        ("0", "YR", 0.0),
    ],
)
def test_an_age_is_in_years(value: str, unit: str, years: float) -> None:
    unknown: Counter[str] = Counter()
    assert codes.age_years(value, unit, unknown) == years
    assert not unknown


@pytest.mark.parametrize(
    ("value", "unit", "odd"),
    [
        ("34", "", "age: unit missing"),
        ("34", "FORTNIGHT", "age: unit FORTNIGHT"),
        ("-1", "YR", "age: no number from 0 on"),
        ("nan", "YR", "age: no number from 0 on"),
        ("1e999", "YR", "age: no number from 0 on"),
        ("old", "YR", "age: no number from 0 on"),
    ],
)
def test_an_age_that_cannot_be_used_is_counted(value: str, unit: str, odd: str) -> None:
    unknown: Counter[str] = Counter()
    assert codes.age_years(value, unit, unknown) is None
    assert unknown == {odd: 1}


@pytest.mark.parametrize(
    ("value", "unit", "kilograms"),
    [("60", "KG", 60.0), ("100", "LBS", 45.3592), ("100", "LB", 45.3592), ("3200", "GMS", 3.2)],
)
def test_a_weight_is_in_kilograms(value: str, unit: str, kilograms: float) -> None:
    assert codes.weight_kg(value, unit, Counter()) == kilograms


def test_a_weight_of_zero_is_none() -> None:
    unknown: Counter[str] = Counter()
    assert codes.weight_kg("0", "KG", unknown) is None
    assert unknown == {"wt: zero": 1}


@pytest.mark.parametrize(
    ("value", "unit", "milligrams"),
    [
        ("84", "MG", 84.0),
        ("0.03125", "MG", 0.03125),
        ("0.5", "G", 500.0),
        ("250", "UG", 0.25),
        ("2", "DF", None),
    ],
)
def test_a_dose_is_in_milligrams(value: str, unit: str, milligrams: float | None) -> None:
    assert codes.dose_mg(value, unit, Counter()) == milligrams


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("20250703", "2025-07-03"),
        ("2025-07-03", "2025-07-03"),
        ("202507", "2025-07"),
        ("2025", "2025"),
        ("20250230", None),
        ("17000101", None),
        ("yesterday", None),
        ("2025070", None),
        ("٢٠٢٥", None),
    ],
)
def test_a_date_keeps_its_precision(text: str, iso: str | None) -> None:
    assert codes.date(text) == iso


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("US", "US"),
        ("united states", "US"),
        ("UNITED KINGDOM OF GREAT BRITAIN & NORTHERN IRELAND", "GB"),
        ("Germany, Federal Republic of", "DE"),
        ("Korea, Republic of", "KR"),
        ("KOREA, DEMOCRATIC PEOPLE'S REPUBLIC OF", "KP"),
        ("Spain, Kingdom of", "ES"),
        ("COUNTRY NOT SPECIFIED", None),
        ("", None),
    ],
)
def test_a_country_is_iso_3166(name: str, code: str | None) -> None:
    unknown: Counter[str] = Counter()
    assert codes.country("reporter_country", name, unknown) == code
    assert not unknown


@pytest.mark.parametrize("name", ["ATLANTIS", "A1", "KOREA, SOME", "USX"])
def test_a_country_that_nobody_knows_is_counted(name: str) -> None:
    unknown: Counter[str] = Counter()
    assert codes.country("reporter_country", name, unknown) is None
    assert unknown == {f"reporter_country: {name}": 1}


def test_every_outcome_code_is_a_criterion_and_each_stands_once() -> None:
    assert codes.seriousness(["DE", "LT", "HO", "DS", "CA", "RI", "OT", "HO"], Counter()) == [
        "death",
        "life_threatening",
        "hospitalisation",
        "disability",
        "congenital_anomaly",
        "other_medically_important",
    ]


def test_a_code_that_nobody_knows_is_counted_and_cut_short() -> None:
    unknown: Counter[str] = Counter()
    assert codes.seriousness(["ZZ"], unknown) == []
    assert codes.roles("X" * 90, unknown) == "unknown"
    assert unknown == {"outc_cod: ZZ": 1, f"role_cod: {'X' * 40}": 1}
