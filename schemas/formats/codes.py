"""The codes of FAERS and its relatives, as the fields of a report.

What is optional and cannot be used (a code nobody knows, an age without a unit, a weight of 0) is
left out of the report and counted in `unknown`; the record's raw text keeps it.
"""

from __future__ import annotations

import datetime
import math
import re
from collections import Counter
from functools import cache, lru_cache
from importlib.resources import files

from schemas import times

Unknown = Counter[str]

ROLES = {"PS": "suspect", "SS": "suspect", "I": "interacting", "C": "concomitant"}
SERIOUSNESS = {
    "DE": "death",
    "LT": "life_threatening",
    "HO": "hospitalisation",
    "DS": "disability",
    "CA": "congenital_anomaly",
    "RI": "other_medically_important",
    "OT": "other_medically_important",
}
REPORTERS = {
    "MD": "physician",
    "PH": "pharmacist",
    "HP": "other_health_professional",
    "OT": "other_health_professional",
    "RN": "other_health_professional",
    "LW": "lawyer",
    "CN": "consumer",
}
CHALLENGES = {"Y": "positive", "N": "negative", "U": "unknown", "D": "not_done"}
SEXES = {"F": "female", "M": "male", "U": "unknown", "UNK": "unknown", "NS": "unknown"}
REPORT_TYPES = frozenset({"EXP", "PER", "DIR", "5DAY", "30DAY"})

_YEAR = 365.25
_YEARS = {
    "DEC": 10.0,
    "YR": 1.0,
    "MON": 1 / 12,
    "WK": 7 / _YEAR,
    "DY": 1 / _YEAR,
    "HR": 1 / (24 * _YEAR),
}
_KILOGRAMS = {
    "KG": 1.0,
    "KGS": 1.0,
    "LB": 0.45359237,
    "LBS": 0.45359237,
    "GMS": 0.001,
    "GM": 0.001,
}
_MILLIGRAMS = {"MG": 1.0, "G": 1000.0, "UG": 0.001, "MCG": 0.001, "KG": 1e6}
_MAX_TEXT = 250
_SHARED_NAMES = frozenset({"CONGO", "KOREA", "VIRGIN ISLANDS"})
_DATE = re.compile(r"(\d{4})-?(?:(\d\d)-?(\d\d)?)?", re.ASCII)


def coded(table: dict[str, str], column: str, code: str, unknown: Unknown) -> str | None:
    """What a code of a table means, or None."""
    if not code:
        return None
    found = table.get(code) or table.get(code.strip().upper())
    if found is None:
        unknown[f"{column}: {code[:40]}"] += 1
    return found


def roles(code: str, unknown: Unknown) -> str:
    """The role of a drug; `unknown` where there is no code.

    >>> roles("SS", Counter())
    'suspect'
    """
    return coded(ROLES, "role_cod", code, unknown) or "unknown"


def seriousness(codes: list[str], unknown: Unknown) -> list[str]:
    """The criteria of `outc_cod`, each once, in order of first mention; RI and OT are one.

    >>> seriousness(["OT", "DE", "RI"], Counter())
    ['other_medically_important', 'death']
    """
    found = (coded(SERIOUSNESS, "outc_cod", code, unknown) for code in codes)
    return list(dict.fromkeys(criterion for criterion in found if criterion))


def age_years(value: str, unit: str, unknown: Unknown) -> float | None:
    """An age in years.

    >>> age_years("6", "DEC", Counter()), age_years("6", "MON", Counter())
    (60.0, 0.5)
    """
    return _measure("age", value, unit, _YEARS, unknown)


def completed_years(born: str, day: str) -> float | None:
    """The years of an age between two dates to the day, completed ones; parts of the first year.

    >>> completed_years("1991-07-02", "2025-07-01"), completed_years("2025-06-01", "2025-07-01")
    (33.0, 0.0821)
    """
    try:
        birth, then = datetime.date.fromisoformat(born[:10]), datetime.date.fromisoformat(day[:10])
    except ValueError:
        return None
    years = then.year - birth.year - ((then.month, then.day) < (birth.month, birth.day))
    if years < 0:
        return None
    return float(years) if years else round((then - birth).days / _YEAR, 4)


def weight_kg(value: str, unit: str, unknown: Unknown) -> float | None:
    """A weight in kilograms.

    >>> weight_kg("150", "LBS", Counter())
    68.0389
    """
    found = _measure("wt", value, unit, _KILOGRAMS, unknown)
    if found == 0:
        unknown["wt: zero"] += 1
        return None
    return found


def dose_mg(value: str, unit: str, unknown: Unknown) -> float | None:
    """A dose in milligrams; other units than those of mass are counted."""
    return _measure("dose_amt", value, unit, _MILLIGRAMS, unknown)


def _measure(
    column: str, value: str, unit: str, units: dict[str, float], unknown: Unknown
) -> float | None:
    if not value:
        return None
    amount = number(value)
    factor = units.get(unit.strip().upper())
    if amount is None or amount < 0:
        unknown[f"{column}: no number from 0 on"] += 1
        return None
    if factor is None:
        unknown[f"{column}: unit {unit[:20] or 'missing'}"] += 1
        return None
    # what needs no conversion stays as it was sent
    return amount if factor == 1 else round(amount * factor, 4)


def number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


@lru_cache(maxsize=65536)
def date(text: str) -> str | None:
    """An ISO date of the same precision, or None where it is none.

    >>> date("20250701"), date("202507"), date("2025"), date("20251301")
    ('2025-07-01', '2025-07', '2025', None)
    """
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    found = "-".join(part for part in match.groups() if part)
    try:
        times.start(found)
    except ValueError:
        return None
    return found


def moment(text: str) -> str | None:
    """A moment of a report, as it is stated, or None where it is none."""
    try:
        times.start(text)
    except ValueError:
        return None
    return text


def optional_date(column: str, text: str, unknown: Unknown) -> str | None:
    """A date that a report can do without."""
    if not text:
        return None
    found = date(text)
    if found is None:
        unknown[f"{column}: no date"] += 1
    return found


def optional_text(column: str, text: str, unknown: Unknown) -> str | None:
    """A text that a report can do without, verbatim, if it has room for it."""
    text = text.strip()
    if len(text) > _MAX_TEXT:
        unknown[f"{column}: over {_MAX_TEXT} characters"] += 1
        return None
    return text or None


def case_id(column: str, text: str, unknown: Unknown) -> str | None:
    """An id of the case elsewhere; what is too short or has no digit would tie strangers.

    >>> case_id("mfr_num", "US-ACME-2025001", Counter()), case_id("mfr_num", "NONE", Counter())
    ('US-ACME-2025001', None)
    """
    text = text.strip()
    if not text:
        return None
    if not 6 <= len(text) <= 100 or not any(c.isdigit() for c in text):
        unknown[f"{column}: no id"] += 1
        return None
    return text


def country(column: str, text: str, unknown: Unknown) -> str | None:
    """ISO 3166-1 alpha-2 of a code or of a country's English name.

    >>> country("c", "US", Counter()), country("c", "Korea, Republic of", Counter())
    ('US', 'KR')
    """
    if not text:
        return None
    name = " ".join(text.upper().split())
    if len(name) == 2 and name.isascii() and name.isalpha():
        return name
    names = _countries()
    found = names.get(name)
    if found is None and name.partition(", ")[0] not in _SHARED_NAMES:
        # as in "Spain, Kingdom of"
        found = names.get(name.partition(", ")[0])
    if found is None:
        unknown[f"{column}: {text[:60]}"] += 1
    return found or None


@cache
def _countries() -> dict[str, str]:
    content = (files(__package__) / "countries.txt").read_text(encoding="utf-8")
    found = {}
    for line in content.splitlines():
        if line and not line.startswith("#"):
            code, _, names = line.partition(" ")
            for name in names.split("; "):
                found[name.strip()] = "" if code == "--" else code
    return found
