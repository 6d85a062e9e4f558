"""From the values of an ICSR to a report.

What a report has no room for stays in the raw record alone. A code that nobody knows, a moment
that is none and the like are left out and counted, under the number of their data element; only
where the report cannot do without is it a fault, whose path is that number, with the place of a
repeat in brackets (`G.k.2.2[1]`).

Identifiers: the worldwide unique id (C.1.8.1) stands first in `external_ids`, then those of
other senders (C.1.9.1.r.2) and of linked reports (C.1.10.r); one that only repeats C.1.1 is none.
Names, record numbers and the date of birth are left out; an investigation number (D.1.1.4) is the
pseudonym. Where there is no age, the dates of birth and of the first reaction give it.

A drug that was not administered (G.k.1 = 4) is left out: nothing can be due to it. The term of a
reaction is, in this order, the name beside its MedDRA code, the text for translation, the text in
the native language, and the bare code.
"""

from __future__ import annotations

from typing import Any

from schemas import times
from schemas.errors import Fault
from schemas.formats import codes
from schemas.formats.icsr import Null, Values
from schemas.formats.icsr.elements import elements
from schemas.formats.icsr.moments import from_ts
from schemas.formats.icsr.repeats import administered, product, reaction, test
from schemas.formats.icsr.values import Unknown, first, given, moment, text, word
from schemas.identifiers import MASKED

_AGES = {"a": "YR", "mo": "MON", "wk": "WK", "d": "DY", "h": "HR"}
_WEIGHTS = {"kg": "KG", "g": "GMS", "[lb_av]": "LB"}
_IDENTIFYING = ("D.1", "D.1.1.1", "D.1.1.2", "D.1.1.3", "D.2.1")
_MOST_IDS, _MOST_TESTS = 50, 200
_LONGEST_ID, _LONGEST_NARRATIVE = 100, 100_000


def content_of(values: Values, sender: str, unknown: Unknown) -> tuple[dict[str, Any], list[Fault]]:
    """The content of a report, and what of it is at fault already."""
    _join(values)
    for filled in values.get("K.2.r", ()):
        _take_out(values, filled.get("K.2.r", ""))
    content: dict[str, Any] = {"sender": text(values, "K.1", unknown) or sender}
    if report_id := given(values, "C.1.1"):
        content["report_id"] = report_id
    if received := given(values, "C.1.5"):
        content["received_at"] = moment(values, "C.1.5", unknown) or received
    # a report that we sent on says when its version was made; C.1.2 is then when it was sent
    created = "K.8" if "K.1" in values else "C.1.2"
    for field, number in (("first_received_at", "C.1.4"), ("created_at", created)):
        if found := moment(values, number, unknown):
            content[field] = found
    if version := given(values, "K.3"):
        content["version"] = version
    faults = []
    if status := given(values, "C.1.11.1"):
        if meant := elements()["C.1.11.1"].codes.get(status):
            content["status"] = meant
        else:
            faults.append(
                Fault("not_permitted", "C.1.11.1", "1 is a nullification, 2 an amendment")
            )
    if kind := _report_type(values, unknown):
        content["report_type"] = kind
    _source(content, values, unknown)
    if ids := _ids(values, unknown):
        content["external_ids"] = ids
    if patient := _patient(values, unknown):
        content["patient"] = patient
    content["products"] = [
        product(drug, unknown) for drug in values.get("G.k", ()) if administered(drug, unknown)
    ]
    serious = values.get("serious", ())
    content["reactions"] = [reaction(one, serious, unknown) for one in values.get("E.i", ())]
    tests = (test(one, unknown) for one in values.get("F.r", ()))
    if markers := [one for one in tests if one]:
        if len(markers) > _MOST_TESTS:
            unknown[f"F.r: over {_MOST_TESTS}"] += len(markers) - _MOST_TESTS
        content["biomarkers"] = markers[:_MOST_TESTS]
    if narrative := given(values, "H.1"):
        if len(narrative) > _LONGEST_NARRATIVE:
            unknown[f"H.1: over {_LONGEST_NARRATIVE} characters"] += 1
        else:
            content["narrative"] = narrative
    return content, faults


def _join(values: Values) -> None:
    """Give each drug its role, by the id that the two have in common."""
    drugs = {drug.get("G.k.0"): drug for drug in reversed(values.get("G.k", ()))}
    for role in values.pop("role", ()):
        drug = drugs.get(role.get("G.k.1.drug"))
        if drug is not None and "G.k.1" in role:
            drug.setdefault("G.k.1", role["G.k.1"])


def _take_out(values: Values, filled: str) -> None:
    """Take out a value that stands in the message only because it must."""
    number, _, place = filled.removesuffix("]").partition("[")
    if not place:
        values.pop(number, None)
    elif place.isdecimal():
        group = next(
            (name for name in ("E.i", "F.r", "G.k", "C.2.r") if number.startswith(name)), ""
        )
        repeats = values.get(group, ())
        if 0 < int(place[:6]) <= len(repeats):
            repeats[int(place[:6]) - 1].pop(number, None)


def _report_type(values: Values, unknown: Unknown) -> str | None:
    kind = word(values, "C.1.3", unknown)
    study = word(values, "C.5.4", unknown)
    return study if kind == "study" and study else kind


def _source(content: dict[str, Any], values: Values, unknown: Unknown) -> None:
    """The reporter, who is the primary source for regulatory purposes."""
    sources = values.get("C.2.r", ())
    primary = next((one for one in sources if one.get("C.2.r.5") == "1"), None)
    source: Values = primary or next(iter(sources), {})
    reporter = word(source, "C.2.r.4", unknown)
    if isinstance(source.get("C.2.r.4"), Null):
        reporter = "unknown"
    if reporter:
        content["reporter"] = reporter
    if country := codes.country("C.2.r.3", given(source, "C.2.r.3") or "", unknown):
        content["country"] = country


def _ids(values: Values, unknown: Unknown) -> list[str]:
    found = [given(values, "C.1.8.1")]
    found += [given(one, "C.1.9.1.r.2") for one in values.get("C.1.9.1.r", ())]
    found += [given(one, "C.1.10.r") for one in values.get("C.1.10.r", ())]
    ids: list[str] = []
    for one in found:
        if one and len(one) > _LONGEST_ID:
            unknown[f"C.1.9.1.r.2: over {_LONGEST_ID} characters"] += 1
        elif one and one not in ids:
            ids.append(one)
    if ids == [given(values, "C.1.1")]:
        return []
    if len(ids) > _MOST_IDS:
        unknown[f"C.1.9.1.r: over {_MOST_IDS}"] += len(ids) - _MOST_IDS
    return ids[:_MOST_IDS]


def _patient(values: Values, unknown: Unknown) -> dict[str, Any]:
    patient: dict[str, Any] = {}
    for number in _IDENTIFYING:
        if given(values, number):
            unknown[f"{number}: {MASKED}"] += 1
    if pseudonym := first(values, ("K.4", "D.1.1.4"), unknown):
        patient["pseudonym"] = pseudonym
    age = codes.number(values.get("K.6", ""))
    if age is None and (stated := given(values, "D.2.2a")):
        unit = given(values, "D.2.2b") or ""
        age = codes.age_years(stated, _AGES.get(unit, unit), unknown)
    if age is None:
        age = _age_by_dates(values)
    if age is not None:
        patient["age_years"] = age
    weight = codes.number(values.get("K.7", ""))
    if weight is None and (stated := given(values, "D.3")):
        unit = given(values, "D.3b") or ""
        weight = codes.weight_kg(stated, _WEIGHTS.get(unit, unit), unknown)
    if weight is not None:
        patient["weight_kg"] = weight
    sex = word(values, "K.5", unknown) or word(values, "D.5", unknown)
    if sex is None and isinstance(values.get("D.5"), Null):
        sex = "unknown"
    if sex:
        patient["sex"] = sex
    return patient


def _age_by_dates(values: Values) -> float | None:
    """Completed years between the dates of birth and of the first reaction, both to the day."""
    onsets = [from_ts(given(one, "E.i.4") or "")[0] for one in values.get("E.i", ())]
    born = from_ts(given(values, "D.2.1") or "")[0]
    earliest = min((onset for onset in onsets if onset), key=times.sort_key, default=None)
    if not born or not earliest or len(born) < 10 or len(earliest) < 10:
        return None
    return codes.completed_years(born, earliest)
