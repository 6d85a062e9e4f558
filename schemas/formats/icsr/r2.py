"""From a report in the tags of E2B(R2), XML or JSON, to the values of an ICSR.

`r2.tsv` says what each tag is. Where R2 and R3 write a fact differently it is converted: outcome
6 is 0, units of time and dose have codes, seriousness is known of the case alone and stands on
every reaction. A repeated drug is a drug of its own, with one dosage. A code that the table cannot
convert is handed on as it is, so that it is counted as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from schemas.formats import codes
from schemas.formats.icsr import Null, Values
from schemas.formats.icsr.elements import elements
from schemas.formats.icsr.values import Unknown
from schemas.identifiers import MASKED, identifies

_TIMES = {"800": "10.a", "801": "a", "802": "mo", "803": "wk", "804": "d", "805": "h", "806": "min"}
_UNITS = {"001": "kg", "002": "g", "003": "mg", "004": "ug"}
_DIGITS = {"102": 8, "202": 10, "203": 12, "204": 14, "602": 4, "610": 6}
_SHIFTED = {"outcome": {"6": "0"}, "action": {"5": "0", "6": "9"}}
_DEPTH = 8
_DOSAGE, _INDICATION, _RECURRENCE = "G.k.4.r", "G.k.7.r", "G.k.9.i"


class _Tag(NamedTuple):
    """What a tag is."""

    element: str
    how: str


class _Table(NamedTuple):
    """What tags are, by place and tag; and the groups that places are."""

    tags: dict[tuple[str, str], _Tag]
    groups: dict[str, str]


@cache
def _table() -> _Table:
    table = _Table({}, {})
    content = (files(__package__) / "r2.tsv").read_text(encoding="utf-8")
    for line in content.splitlines():
        if line.startswith("#group"):
            _, tag, group = line.split("\t")
            table.groups[tag] = group
        elif not line.startswith("#"):
            place, tag, element, how = line.split("\t")
            table.tags[place, tag] = _Tag(element, how)
    return table


def of_xml(element: Element, depth: int = 1) -> dict[str, Any]:
    """The children of an element: by tag in small letters, the text or the children of each, or
    the list of those that repeat. What is nested deeper than any tag of R2 is left out.

    >>> from xml.etree.ElementTree import XML
    >>> of_xml(XML("<patient><DRUG><a>1</a></DRUG><drug/><sex> 2 </sex></patient>"))
    {'drug': [{'a': '1'}, ''], 'sex': '2'}
    """
    found: dict[str, Any] = {}
    for child in element:
        deeper = len(child) and depth < _DEPTH
        value: Any = of_xml(child, depth + 1) if deeper else (child.text or "").strip()
        tag = child.tag.lower()
        if tag not in found:
            found[tag] = value
        elif isinstance(found[tag], list):
            found[tag].append(value)
        else:
            found[tag] = [found[tag], value]
    return found


def values_of(report: Mapping[str, Any], unknown: Unknown) -> Values:
    """The values of a report: tags as keys, texts, objects and lists of objects."""
    values: Values = {}
    _read("safetyreport", report, values, _Case(values, unknown))
    if "D.3" in values:
        values["D.3b"] = "kg"
    if not values.get("serious") and report.get("serious") == "1":
        unknown["serious: no criterion"] += 1
    sources = values.setdefault("C.2.r", [{}])
    if country := report.get("primarysourcecountry"):
        sources[0].setdefault("C.2.r.3", country)
    return values


class _Case(NamedTuple):
    """Where what R2 keeps elsewhere than R3 goes, and what is unknown of a case."""

    values: Values
    unknown: Unknown


def _read(place: str, held: Mapping[str, Any], values: Values, case: _Case, depth: int = 1) -> None:
    """Read what a place holds into `values`."""
    table = _table()
    for tag, value in held.items():
        if isinstance(value, Mapping) or (
            isinstance(value, list) and any(isinstance(one, Mapping) for one in value)
        ):
            group = table.groups.get(tag)
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, Mapping) and depth < _DEPTH:
                    inner: Values = values if group is None else {}
                    _read(tag, one, inner, case, depth + 1)
                    if group and inner:
                        values.setdefault(group, []).append(inner)
        elif (known := table.tags.get((place, tag))) is None:
            if identifies(tag) and _text(value):
                case.unknown[f"{place}.{tag}: {MASKED}"] += 1
        elif text := _text(value):
            if "date" in known.how:
                text = _date(tag, text, _text(held.get(f"{tag}format")), case.unknown)
            if text:
                _put(known, text, values, case)


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _date(tag: str, text: str, form: str, unknown: Unknown) -> str:
    """A date whose digits are as many as its format has, which are those of TS."""
    if form and _DIGITS.get(form) != len(text):
        unknown[f"{tag}: not of format {form[:10]}"] += 1
        return f"{text} of format {form}" if tag == "receiptdate" else ""
    return text


def _put(known: _Tag, text: str, values: Values, case: _Case) -> None:
    number, how = known
    if how == "case":
        if text == "1":
            case.values.setdefault("serious", []).append(elements()[number].codes["true"])
        elif text != "2":
            case.unknown[f"{number}: {text[:40]}"] += 1
    elif how == "id":
        if found := codes.case_id(number, text, case.unknown):
            values.setdefault(number, found)
    elif how == "up":
        case.values.setdefault(number, text)
    elif how == "sex":
        values[number] = Null("UNK") if text == "0" else text
    elif how == "term":
        values.setdefault("E.i.2.1b" if text.isdecimal() else number, text)
    elif how == "indication":
        values[_INDICATION] = [{number: text}]
    elif how == "recurrence":
        values[_RECURRENCE] = [{number: text}]
    elif how.startswith("dose"):
        converted = _UNITS if how == "dose unit" else _TIMES if how == "dose time" else {}
        values.setdefault(_DOSAGE, [{}])[0][number] = converted.get(text, text)
    else:
        converted = _TIMES if how == "time" else _SHIFTED.get(how, {})
        values[number] = converted.get(text, text)
