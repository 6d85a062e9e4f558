"""Drugs, reactions and tests of an ICSR as those of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas import times
from schemas.formats import codes
from schemas.formats.icsr import Values
from schemas.formats.icsr.values import Unknown, first, given, moment, text, word

_DOSES = {"mg": "MG", "g": "G", "ug": "UG", "kg": "KG"}
_CRITERIA = tuple(f"E.i.3.2{letter}" for letter in "abcdef")
_CHALLENGES = ("positive", "negative", "unknown", "not_done")
# standard terms of the EDQM, by which a route is known that comes without a text
_EDQM = {
    "20045000": "Intravenous use",
    "20049000": "Nasal use",
    "20053000": "Oral use",
    "20054000": "Oromucosal use",
    "20066000": "Subcutaneous use",
    "20067000": "Sublingual use",
}


def administered(drug: Values, unknown: Unknown) -> bool:
    """Whether the drug was given at all (G.k.1 is not 4)."""
    if drug.get("G.k.1") == "4":
        unknown["G.k.1: 4, not administered"] += 1
        return False
    return True


def product(drug: Values, unknown: Unknown) -> dict[str, Any]:
    """A product: its first dose, route, form and indication, its earliest start and latest stop."""
    doses = drug.get("G.k.4.r", ())
    exact = codes.number(drug.get("K.G.7", ""))
    found = {
        "name": given(drug, "G.k.2.2") or _substances(drug),
        "role": word(drug, "G.k.1", unknown) or "unknown",
        "route": text(drug, "K.G.5", unknown) or _of_first(doses, _route, unknown),
        "dose_mg": _dose(doses, unknown) if exact is None else exact,
        "indication": _of_first(drug.get("G.k.7.r", ()), _indication, unknown),
        "phase": word(drug, "K.G.1", unknown),
        "setting": word(drug, "K.G.2", unknown),
        "formulation": text(drug, "K.G.6", unknown) or _of_first(doses, _form, unknown),
        "started_at": _edge(doses, "G.k.4.r.4", unknown),
        "stopped_at": _edge(doses, "G.k.4.r.5", unknown),
        "dechallenge": word(drug, "K.G.3", unknown),
        "rechallenge": word(drug, "K.G.4", unknown) or _rechallenge(drug, unknown),
    }
    return {field: value for field, value in found.items() if value is not None}


def reaction(one: Values, serious: Sequence[str], unknown: Unknown) -> dict[str, Any]:
    """A reaction; `serious` are criteria that are known of the whole case alone."""
    term = first(one, ("E.i.2.1c", "E.i.1.2", "E.i.1.1a"), unknown)
    if term is None and (term := given(one, "E.i.2.1b")):
        unknown["E.i.2.1b: code without a text"] += 1
    found: dict[str, Any] = {"term": term or ""}
    if onset := moment(one, "E.i.4", unknown):
        found["onset_at"] = onset
    if outcome := word(one, "E.i.7", unknown):
        found["outcome"] = outcome
    stated = (
        word(one, number, unknown) for number in _CRITERIA if one.get(number, "false") != "false"
    )
    if criteria := [*serious, *(criterion for criterion in stated if criterion)]:
        found["seriousness"] = list(dict.fromkeys(criteria))
    return found


def test(one: Values, unknown: Unknown) -> dict[str, Any] | None:
    """A test as a biomarker: its number, else its text, else the word of its code."""
    name = first(one, ("F.r.2.1", "F.r.2.2c", "F.r.2.2b"), unknown)
    value = _result(one, unknown)
    if name is None or value is None:
        unknown["F.r: no name or no result"] += 1
        return None
    found: dict[str, Any] = {"name": name, "value": value}
    if unit := first(one, ("K.F.3", "F.r.3.3"), unknown):
        found["unit"] = unit
    if at := moment(one, "F.r.1", unknown):
        found["at"] = at
    return found


def _result(one: Values, unknown: Unknown) -> float | str | None:
    if (exact := codes.number(one.get("K.F.2", ""))) is not None:
        return exact
    if own := text(one, "K.F.1", unknown):
        return own
    parts = []
    if (amount := given(one, "F.r.3.2")) is not None:
        number = codes.number(amount)
        return text(one, "F.r.3.2", unknown) if number is None else number
    if low := given(one, "F.r.3.2.low"):
        parts.append(f"{'>' if one.get('F.r.3.2.from') == 'false' else '>='}{low}")
    if high := given(one, "F.r.3.2.high"):
        parts.append(f"{'<' if one.get('F.r.3.2.to') == 'false' else '<='}{high}")
    return " ".join(parts) or text(one, "F.r.3.4", unknown) or word(one, "F.r.3.1", unknown)


def _substances(drug: Values) -> str:
    names = (given(one, "G.k.2.3.r.1") for one in drug.get("G.k.2.3.r", ()))
    return " / ".join(name for name in names if name)


def _of_first(repeats: Sequence[Values], take: Any, unknown: Unknown) -> str | None:
    found = [value for one in repeats if (value := take(one, unknown))]
    return found[0] if found else None


def _route(dose: Values, unknown: Unknown) -> str | None:
    found = first(dose, ("G.k.4.r.10.1", "G.k.4.r.10.2d"), unknown)
    if found is None and (code := given(dose, "G.k.4.r.10.2b")):
        found = _EDQM.get(code)
        if found is None:
            unknown[f"G.k.4.r.10.2b: {code[:40]}"] += 1
            return text(dose, "G.k.4.r.10.2b", unknown)
    return found


def _form(dose: Values, unknown: Unknown) -> str | None:
    return first(dose, ("G.k.4.r.9.1", "G.k.4.r.9.2d", "G.k.4.r.9.2b"), unknown)


def _indication(one: Values, unknown: Unknown) -> str | None:
    return first(one, ("G.k.7.r.1", "G.k.7.r.2c", "G.k.7.r.2b"), unknown)


def _dose(doses: Sequence[Values], unknown: Unknown) -> float | None:
    found = None
    for dose in doses:
        amount = given(dose, "G.k.4.r.1a")
        if amount is None:
            continue
        unit = given(dose, "G.k.4.r.1b") or ""
        milligrams = codes.dose_mg(amount, _DOSES.get(unit, f"{unit} (UCUM)"), unknown)
        if found is None:
            found = milligrams
        elif milligrams != found:
            unknown["G.k.4.r.1a: further dose of a drug"] += 1
    return found


def _edge(doses: Sequence[Values], number: str, unknown: Unknown) -> str | None:
    moments = [found for dose in doses if (found := moment(dose, number, unknown))]
    pick = min if number == "G.k.4.r.4" else max
    return pick(moments, key=times.sort_key) if moments else None


def _rechallenge(drug: Values, unknown: Unknown) -> str | None:
    """The gravest of the answers that a drug has, one a reaction."""
    found = {word(one, "G.k.9.i.4", unknown) for one in drug.get("G.k.9.i", ())}
    return next((answer for answer in _CHALLENGES if answer in found), None)
