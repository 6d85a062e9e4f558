"""Values of an ICSR, one by one, as a report states them; what cannot be used is counted."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.formats import codes
from schemas.formats.icsr import Null, Values
from schemas.formats.icsr.elements import elements
from schemas.formats.icsr.moments import from_ts

Unknown = codes.Unknown


def given(values: Values, number: str) -> str | None:
    """The value as it stands in the message, or None where there is none or a null flavour."""
    value = values.get(number)
    return None if value is None or isinstance(value, Null) else value


def text(values: Values, number: str, unknown: Unknown) -> str | None:
    """A text that a report can do without, verbatim."""
    return codes.optional_text(number, given(values, number) or "", unknown)


def word(values: Values, number: str, unknown: Unknown) -> str | None:
    """What a code is called in a report, or None."""
    code = given(values, number)
    if code is None:
        return None
    found = elements()[number].codes.get(code)
    if found is None:
        unknown[f"{number}: {code[:40]}"] += 1
    return found or None


def moment(values: Values, number: str, unknown: Unknown) -> str | None:
    """A moment that a report can do without."""
    stated = given(values, number)
    if stated is None:
        return None
    found, naive = from_ts(stated)
    if found is None:
        unknown[f"{number}: no date"] += 1
    elif naive:
        unknown[f"{number}: time without zone"] += 1
    return found


def first(values: Values, numbers: Iterable[str], unknown: Unknown) -> str | None:
    """The first of several texts that is given."""
    return next((found for number in numbers if (found := text(values, number, unknown))), None)
