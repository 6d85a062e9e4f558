"""Reports of every kind for property tests, in the one spelling that each fact has."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any, get_args

from hypothesis import strategies as st

from schemas import times
from schemas.report import (
    Biomarker,
    Challenge,
    Outcome,
    Patient,
    Phase,
    Product,
    Reaction,
    Report,
    Reporter,
    ReportType,
    Role,
    Seriousness,
    Setting,
)

# what XML 1.0 and a table can hold: no control characters but those of white space
_CHARACTERS = st.one_of(
    st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), st.sampled_from("\t\n\r&<>\"'|;,]")
)


def texts(longest: int = 250, **options: Any) -> st.SearchStrategy[str]:
    """Texts with no white space about them."""
    found = st.text(_CHARACTERS, min_size=1, max_size=longest, **options)
    return found.map(str.strip).filter(bool)


def words(kind: Any) -> st.SearchStrategy[Any]:
    """A word of a literal type, or none."""
    return st.none() | st.sampled_from(get_args(kind))


def moments() -> st.SearchStrategy[str]:
    """Moments of every precision."""
    dates = st.dates(min_value=times._EARLIEST).map(str)
    clocks = st.datetimes(
        min_value=times.start("1900").replace(tzinfo=None), timezones=st.none()
    ).flatmap(
        lambda moment: st.sampled_from([0, 60, -300, 330, 840]).map(
            lambda minutes: (
                moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
                .isoformat()
                .replace("+00:00", "Z")
            )
        )
    )
    return st.one_of(dates, dates.map(lambda d: d[:7]), dates.map(lambda d: d[:4]), clocks)


def numbers(least: float | None = None, **options: Any) -> st.SearchStrategy[float]:
    """Finite numbers, plain ones often."""
    small = st.integers(1, 9999).map(lambda n: n / 10)
    return small | st.floats(least, allow_nan=False, allow_infinity=False, **options)


def _patients() -> st.SearchStrategy[Patient | None]:
    found = st.builds(
        Patient,
        pseudonym=st.none() | texts(100),
        age_years=st.none() | numbers(0),
        sex=st.sampled_from([None, "female", "male", "other", "unknown"]),
        weight_kg=st.none() | numbers(0, exclude_min=True),
    )
    return st.none() | found.filter(lambda patient: patient != Patient())


def _products() -> st.SearchStrategy[Product]:
    return st.builds(
        Product,
        name=texts(),
        role=st.sampled_from(get_args(Role)),
        route=st.none() | texts(),
        dose_mg=st.none() | numbers(0),
        indication=st.none() | texts(),
        phase=words(Phase),
        setting=words(Setting),
        formulation=st.none() | texts(),
        started_at=st.none() | moments(),
        stopped_at=st.none() | moments(),
        dechallenge=words(Challenge),
        rechallenge=words(Challenge),
    )


def _reactions() -> st.SearchStrategy[Reaction]:
    criteria = st.sets(st.sampled_from(get_args(Seriousness))).map(
        lambda found: tuple(one for one in get_args(Seriousness) if one in found)
    )
    return st.builds(
        Reaction,
        term=texts() | st.from_regex(r"\A[0-9]{8}\Z"),
        onset_at=st.none() | moments(),
        outcome=words(Outcome),
        seriousness=criteria,
    )


def _markers() -> st.SearchStrategy[Biomarker]:
    compared = st.from_regex(r"\A(<|<=|>|>=)[0-9]{1,4}(\.[0-9])?\Z")
    return st.builds(
        Biomarker,
        name=texts(),
        value=numbers() | texts() | compared,
        unit=st.none() | texts() | st.sampled_from(["U/L", "mg/dL", "%"]),
        at=st.none() | moments(),
    )


def reports() -> st.SearchStrategy[Report]:
    """Reports with any of their fields."""
    return st.builds(
        _report,
        version=st.none() | st.integers(0, 2**31 - 1),
        sender=texts(100),
        report_id=texts(100),
        status=st.sampled_from(["active", "nullified"]),
        received_at=moments(),
        first_received_at=st.none() | moments(),
        created_at=st.none() | moments(),
        report_type=st.sampled_from(get_args(ReportType)),
        reporter=words(Reporter),
        country=st.none() | st.from_regex(r"\A[A-Z]{2}\Z"),
        external_ids=st.lists(texts(100), max_size=4, unique=True).map(tuple),
        patient=_patients(),
        products=st.lists(_products(), min_size=1, max_size=3).map(tuple),
        reactions=st.lists(_reactions(), min_size=1, max_size=3).map(tuple),
        biomarkers=st.lists(_markers(), max_size=3).map(tuple),
        narrative=st.none() | texts(2000),
    )


def _report(**fields: Any) -> Report:
    if fields["external_ids"] == (fields["report_id"],):
        fields["external_ids"] = ()
    return Report(**fields)
